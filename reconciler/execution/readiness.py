"""Waits until a new machine can be used, and notices when its provider says that it failed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.execution.shared_listings import until_next_tick
from reconciler.model.exit_code import ExitCode
from reconciler.model.instance import InstanceStatus
from reconciler.model.plan import Destroy, SlotOutcome
from reconciler.model.reason import DestroyReason
from reconciler.model.text import printable
from reconciler.planning import transitions
from reconciler.planning.succession import READY_TIMEOUT, living_predecessor

if TYPE_CHECKING:
    from reconciler.execution.context import ExecutionContext
    from reconciler.model.instance import Instance
    from reconciler.model.progress import Stage
    from reconciler.model.record import InstanceRecord

_STAGES: dict[InstanceStatus, Stage] = {
    InstanceStatus.PLACED: "placed",
    InstanceStatus.CREATED: "created",
    InstanceStatus.BOOTING: "booting",
    InstanceStatus.RUNNING: "ssh",
}


async def wait_until_ready(
    record: InstanceRecord, context: ExecutionContext
) -> tuple[SlotOutcome, Destroy | None]:
    """Look at one machine until it is ready, failed, or 30 minutes are over (exit 9).

    A failed one comes back as the Destroy that its failure asks for, and so does one that is late
    while the machine it was to replace still lives. Any other late one is kept: its lease ends it.
    """
    with context.listings.watching(context.providers[record.provider]):
        return await _watch(record, context)


async def _watch(
    record: InstanceRecord, context: ExecutionContext
) -> tuple[SlotOutcome, Destroy | None]:
    started = context.clock.now()
    provider = context.providers[record.provider]
    deadline = context.clock.elapsed_seconds() + READY_TIMEOUT.total_seconds()
    while not context.interruption.requested:
        instance = await context.look(provider, record.instance_id)
        if instance is not None:
            if instance.is_ready:
                return await _ready(record, instance, context), None
            if instance.status is InstanceStatus.FAILED:
                return _failed(record)
            stage = _STAGES.get(instance.status, "waiting")
            context.show(
                record.slot,
                stage,
                started,
                detail=f"{record.provider} {record.instance_id}",
                usd_per_hour=record.usd_per_hour,
            )
        elapsed = context.clock.elapsed_seconds()
        if elapsed >= deadline:
            break
        await context.interruption.sleep(context.clock, until_next_tick(elapsed))
    late = not context.interruption.requested
    if late and await _holds_up_a_replacement(record, context):
        return _too_late(record)
    detail = "not ready within 30m; kept until its lease ends"
    code: ExitCode | None = ExitCode.NOT_READY
    if not late:
        detail, code = "interrupted before it was ready; kept until its lease ends", None
    return SlotOutcome(record.slot, "ready", False, detail, code, mark=record.mark), None


async def _holds_up_a_replacement(record: InstanceRecord, context: ExecutionContext) -> bool:
    """Read anew: a pass of the loop may have seen it ready, and let its predecessor go."""
    state = await context.journal.refresh()
    mine = state.instances.get(record.mark)
    never_ready = mine is not None and mine.ready_at is None and mine.doom is None
    return never_ready and living_predecessor(record, state) is not None


async def _ready(
    record: InstanceRecord, instance: Instance, context: ExecutionContext
) -> SlotOutcome:
    now = context.clock.now()
    await context.journal.commit(transitions.became_ready(record.mark, now))
    ssh = instance.ssh
    detail = printable(f"ssh {ssh.user}@{ssh.host}:{ssh.port}") if ssh else ""
    context.show(
        record.slot, "ready", record.created_at, detail=detail, usd_per_hour=record.usd_per_hour
    )
    return SlotOutcome(record.slot, "ready", True, detail, mark=record.mark)


def _too_late(record: InstanceRecord) -> tuple[SlotOutcome, Destroy]:
    detail = "not ready within 30m: destroyed, the machine it was to replace stays"
    outcome = SlotOutcome(record.slot, "ready", False, detail, ExitCode.NOT_READY, mark=record.mark)
    return outcome, Destroy(record, DestroyReason.FAILED_READY, detail)


def _failed(record: InstanceRecord) -> tuple[SlotOutcome, Destroy]:
    detail = "the provider says failed: destroyed"
    outcome = SlotOutcome(record.slot, "ready", False, detail, ExitCode.PARTIAL, mark=record.mark)
    return outcome, Destroy(record, DestroyReason.FAILED_READY, detail)
