"""Destroy-first replacement: the new machine waits for the old one (SPEC.md section 12, 7)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.inventory.observe import direct_read

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
    return (await direct_read(provider, record.instance_id)).not_found
