"""What a state still has to settle, and what that costs meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.cost import projected_cost
from reconciler.model.exit_code import ExitCode
from reconciler.model.health import Unfinished
from reconciler.planning.leases import machine_end

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from datetime import datetime, timedelta

    from reconciler.model.health import UnfinishedKind
    from reconciler.model.record import InstanceRecord, PendingCreate, RecordedState


def unfinished_business(
    state: RecordedState, now: datetime, overdue: Collection[str], tick: timedelta
) -> list[Unfinished]:
    """The dearest first. ``overdue`` names the marks whose proof of absence is late.

    An ended lease counts once a loop that passes every ``tick`` has had two occasions.
    """
    found = [_unresolved(one, now) for one in state.intents.values() if one.blocks_slot]
    for record in state.instances.values():
        found += _of_machine(record, state, now, tick, late=record.mark in overdue)
    return sorted(found, key=lambda one: (-one.usd_per_hour, one.slot, one.mark))


def _unresolved(intent: PendingCreate, now: datetime) -> Unfinished:
    return Unfinished(
        "create-unresolved",
        str(intent.slot),
        intent.provider,
        None,
        intent.mark,
        intent.begun_at,
        intent.usd_per_hour,
        projected_cost(intent.usd_per_hour, now - intent.begun_at),
        "a create was sent, or was about to be, and its outcome is not known",
        ExitCode.PROVIDER_FAILURE,
    )


def _of_machine(
    record: InstanceRecord, state: RecordedState, now: datetime, tick: timedelta, *, late: bool
) -> Iterator[Unfinished]:
    doom = record.doom
    if doom is not None:
        detail = f"{doom.reason}, {doom.attempts} attempts, {doom.failures} failed"
        detail += f": {doom.last_error}" if doom.last_error else ""
        kind: UnfinishedKind = "destroy-overdue" if late else "destroy-pending"
        code = ExitCode.DESTROY_UNVERIFIED if late else None
        yield _machine(kind, record, doom.since, now, detail, code)
        return
    lease = state.leases.get(record.fleet)
    end = machine_end(lease, record.created_at) if lease else None
    if end is not None and end + 2 * tick <= now:
        detail = "its lease has ended, and nothing has destroyed it yet"
        yield _machine("expired", record, end, now, detail, ExitCode.DESTROY_UNVERIFIED)
    elif record.absence is not None:
        since = record.absence.last_seen_at
        detail = "a listing lacks it, which proves nothing yet"
        yield _machine("missing", record, min(since, now), now, detail, None)


def _machine(
    kind: UnfinishedKind,
    record: InstanceRecord,
    since: datetime,
    now: datetime,
    detail: str,
    code: ExitCode | None,
) -> Unfinished:
    return Unfinished(
        kind,
        str(record.slot),
        record.provider,
        record.instance_id,
        record.mark,
        since,
        record.usd_per_hour,
        projected_cost(record.usd_per_hour, now - since),
        detail,
        code,
    )
