"""``status``: the machines as they are now, what they cost and when they end. Writes nothing."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from reconciler.inventory.observe import read_instances
from reconciler.model.hand_over import DEFAULT_SSH
from reconciler.model.instance import InstanceStatus, SshEndpoint
from reconciler.model.mark import parse_mark
from reconciler.model.plan import Mode, PlanRequest
from reconciler.model.status import IntentRow, MachineRow, StatusReport
from reconciler.operations.look import look
from reconciler.planning.leases import machine_end
from reconciler.planning.ledger import spent_on
from reconciler.planning.spending import live_rate

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime, timedelta

    from reconciler.model.address import Slot
    from reconciler.model.hand_over import SshAccess
    from reconciler.model.instance import Instance
    from reconciler.model.record import InstanceRecord, RecordedState
    from reconciler.model.status import MachineStage
    from reconciler.operations.look import Look
    from reconciler.operations.workspace import Workspace

    _Key = tuple[str, str]

_STARTING = (InstanceStatus.PLACED, InstanceStatus.CREATED, InstanceStatus.BOOTING)


async def read_status(workspace: Workspace) -> StatusReport:
    """One report as of now. Works without readable documents, from what the state remembers.

    A listing may lag: a machine that was ready before and is listed as still starting is asked
    for by itself.
    """
    seen = await look(workspace, PlanRequest(Mode.LOOP))
    state = seen.recorded or workspace.fresh_state()
    listed = await _brought_up_to_date(workspace, state, seen)
    plan = seen.plan
    kinds = Counter(stranger.kind for stranger in plan.strangers)
    return StatusReport(
        workspace=workspace.name,
        now=plan.now,
        rows=tuple(sorted(_rows(seen, state, listed), key=_place)),
        intents=tuple(_intents(state)),
        strangers=tuple(sorted(kinds.items())),
        usd_per_hour=plan.rate_before,
        worst_case_usd=plan.worst_case_usd,
        worst_case_until=plan.worst_case_until,
        enforced_by=plan.enforced_by,
        findings=plan.findings,
        ssh_files=workspace.ssh_files(),
        hours=tuple((one.fleet, one.hours) for one in plan.fleets if one.hours is not None),
    )


async def _brought_up_to_date(
    workspace: Workspace, state: RecordedState, seen: Look
) -> dict[_Key, Instance]:
    """What is listed, by provider and id; what the state knows better is read anew."""
    listed = {
        (found.provider, found.id): found
        for inventory in seen.observed.inventories.values()
        for found in inventory.instances
    }
    ready = {(one.provider, one.instance_id) for one in state.instances.values() if one.ready_at}
    late = [key for key in ready & listed.keys() if _lags(listed[key])]
    for key, read in (await read_instances(workspace.providers, late)).items():
        if read.instance is not None and read.instance.label == listed[key].label:
            listed[key] = read.instance
    return listed


def _lags(listed: Instance) -> bool:
    """Whether a machine that was ready before is listed as if it were not yet."""
    running = listed.status is InstanceStatus.RUNNING
    return listed.status in _STARTING or (running and listed.ssh is None)


def _rows(
    seen: Look, state: RecordedState, listed: Mapping[_Key, Instance]
) -> Iterator[MachineRow]:
    desired = seen.inputs.desired
    proven_gone = {forget.mark for forget in seen.plan.forgets}
    for record in sorted(state.instances.values(), key=lambda one: (one.slot, one.mark)):
        if record.mark in proven_gone:
            continue
        fleet = desired.fleets.get(record.fleet) if desired else None
        access = fleet.ssh if fleet else DEFAULT_SSH
        key = (record.provider, record.instance_id)
        read = seen.observed.reads.get(key)
        instance = listed.get(key) or (read.instance if read else None)
        rate = live_rate(record, instance)
        notice = state.notices.get(record.mark)
        announced = f"{notice.reason}: ends {notice.due_at:%H:%M:%S}Z" if notice else ""
        yield MachineRow(
            slot=record.slot,
            provider=record.provider,
            instance_id=record.instance_id,
            gpu=record.specification.gpu if record.specification else None,
            gpu_count=record.specification.gpu_count if record.specification else None,
            region=record.specification.region if record.specification else None,
            stage=_stage(record, instance),
            usd_per_hour=rate,
            usd_so_far=spent_on(record, state.ledger, seen.plan.now),
            age=seen.plan.now - record.created_at,
            ends_at=_end(record, state),
            ssh=_endpoint(instance, access) if instance else None,
            ports=instance.ports if instance else (),
            note=str(record.doom.reason) if record.doom else announced,
            own_key=access.generate,
        )


def _endpoint(instance: Instance, access: SshAccess) -> SshEndpoint | None:
    """As the provider says, but for whom the documents let log in."""
    found = instance.ssh
    if found is None or access.user is None:
        return found
    return SshEndpoint(found.host, found.port, access.user)


def _place(row: MachineRow) -> tuple[Slot, bool, bool, timedelta, str]:
    """By slot; where one holds two machines, the one to use first: the newest that is ready, else
    the oldest, and never one on its way out.
    """
    ready = row.stage == "running" and row.ssh is not None
    age = row.age if ready else -row.age
    return (row.slot, row.stage == "doomed", not ready, age, row.instance_id)


def _stage(record: InstanceRecord, instance: Instance | None) -> MachineStage:
    if record.doom is not None:
        return "doomed"
    return instance.status.value if instance is not None else "unknown"


def _end(record: InstanceRecord, state: RecordedState) -> datetime | None:
    lease = state.leases.get(record.fleet)
    if lease is not None:
        return machine_end(lease, record.created_at)
    mark = parse_mark(record.mark)
    return mark.end if mark else None


def _intents(state: RecordedState) -> Iterator[IntentRow]:
    for _, intent in sorted(state.intents.items()):
        if intent.blocks_slot:
            yield IntentRow(
                slot=intent.slot,
                provider=intent.provider,
                mark=intent.mark,
                begun_at=intent.begun_at,
                usd_per_hour=intent.usd_per_hour,
                detail="create sent, outcome unknown",
            )
