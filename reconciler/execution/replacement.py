"""Replacement: the new machine waits for the old one to go, or the old one for the new one to be
ready (SPEC.md section 12, 7).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.exit_code import ExitCode
from reconciler.model.outcome import SlotOutcome
from reconciler.model.plan import Destroy
from reconciler.planning.classification import identity_doubt
from reconciler.planning.succession import living_predecessor

if TYPE_CHECKING:
    from reconciler.execution.context import ExecutionContext
    from reconciler.model.record import InstanceRecord

_WAIT_SECONDS = 120.0
_PAUSE_SECONDS = 2.0


async def wait_until_gone(mark: str, context: ExecutionContext) -> bool:
    """True once the destroy was accepted and a direct read denies the machine; False after 2 min.

    Not the full proof: that goes on beside the new machine, and the record stays until then.
    """
    deadline = context.clock.elapsed_seconds() + _WAIT_SECONDS
    while not context.interruption.requested:
        record = context.journal.state.instances.get(mark)
        if record is None:
            return True
        if await _denied(record, context):
            return True
        if context.clock.elapsed_seconds() >= deadline:
            return False
        await context.interruption.sleep(context.clock, _PAUSE_SECONDS)
    return False


async def _denied(record: InstanceRecord, context: ExecutionContext) -> bool:
    if record.doom is None or record.doom.accepted_at is None:
        return False
    provider = context.providers.get(record.provider)
    if provider is None:
        return False
    return (await context.read(provider, record.instance_id)).not_found


async def superseded_by(
    record: InstanceRecord, context: ExecutionContext
) -> tuple[Destroy | None, list[SlotOutcome]]:
    """The destroy of the machine whose place ``record``, which is ready, has taken.

    None, and an outcome that says why, when that machine cannot be read or is not ours beyond
    doubt: a later run or pass of the loop looks again (I4). None alone when somebody else has
    doomed it by now.
    """
    state = await context.journal.refresh()
    old = living_predecessor(record, state)
    if old is None or record.succeeds is None:
        return None, []
    provider = context.providers.get(old.provider)
    read = await context.read(provider, old.instance_id) if provider is not None else None
    if read is None or read.instance is None:
        doubt = "it could not be read"
    else:
        doubt = identity_doubt(old, read.instance)
    if not doubt:
        detail = f"its successor {record.instance_id} is ready"
        return Destroy(old, record.succeeds.reason, detail, succeeded=True), []
    detail = f"{old.provider} {old.instance_id} stays beside its successor: {doubt}"
    return None, [SlotOutcome(old.slot, "replace", False, detail, ExitCode.PARTIAL, mark=old.mark)]
