"""The timers with which machines destroy themselves: ordered with them, moved with their lease.

A timer can only be moved on the machine itself, over SSH, and is believed to be moved only where
the machine says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio

from reconciler.model.exit_code import ExitCode
from reconciler.model.instance import is_from_documentation
from reconciler.model.mark import parse_mark
from reconciler.model.observation import DirectRead
from reconciler.model.outcome import SlotOutcome
from reconciler.model.quantity import NEVER
from reconciler.model.record import NodeTimer
from reconciler.planning import transitions
from reconciler.planning.node_timers import Assumed, early_timers
from reconciler.reporting.ssh_text import key_alias

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from reconciler.execution.context import ExecutionContext
    from reconciler.model.record import InstanceRecord, PendingCreate
    from reconciler.planning.node_timers import EarlyTimer
    from reconciler.providers.base import Provider
    from reconciler.transport.ssh_login import Login


def timer_of(
    intent: PendingCreate, provider: Provider, context: ExecutionContext
) -> NodeTimer | None:
    """The timer that this machine is ordered with; None where it has none."""
    margin, mark = context.node_timer, parse_mark(intent.mark)
    if margin is None or mark is None or not provider.capabilities.node_ends_itself:
        return None
    if mark.end == NEVER:
        return None
    return NodeTimer.model_construct(ends_at=mark.end + margin, margin=margin)


async def follow_leases(context: ExecutionContext) -> list[SlotOutcome]:
    """Move every timer that would end a machine before its lease does, and say what became of it.

    Tried again by every run for as long as it fails.
    """
    return await move_timers(early_timers(context.journal.state, assumed(context)), context)


def assumed(context: ExecutionContext) -> Assumed:
    """What is taken for true of the timers of machines that this state did not buy."""
    able = [name for name, one in context.providers.items() if one.capabilities.node_ends_itself]
    return Assumed(context.node_timer, frozenset(able))


async def move_timers(early: Iterable[EarlyTimer], context: ExecutionContext) -> list[SlotOutcome]:
    """All at once, as many logins at a time as the workspace allows."""
    outcomes: list[SlotOutcome] = []

    async def move(one: EarlyTimer) -> None:
        why = await _moved(one.record, one.wanted, context)
        detail = f"its own timer ends it {one.wanted.ends_at:%Y-%m-%d %H:%M} UTC"
        if why:
            detail = f"its own timer still ends it {one.now.ends_at:%Y-%m-%d %H:%M} UTC: {why}"
        slot, code = one.record.slot, ExitCode.PARTIAL if why else None
        outcomes.append(SlotOutcome(slot, "timer", not why, detail, code, mark=one.record.mark))

    async with anyio.create_task_group() as tasks:
        for one in early:
            tasks.start_soon(move, one)
    return sorted(outcomes, key=lambda outcome: (outcome.slot, outcome.mark))


async def _moved(record: InstanceRecord, wanted: NodeTimer, context: ExecutionContext) -> str:
    """Why it was not; "" once the machine has said that it goes by the new time."""
    provider = context.providers.get(record.provider)
    if provider is None or not provider.capabilities.node_ends_itself:
        return f"{record.provider} cannot be asked"
    with context.listings.watching(provider):
        read = await _seen(record, provider, context)
    if read.not_found:
        return ""  # there is nothing left that could end; the plan says so
    endpoint = read.instance.ssh if read.instance else None
    if endpoint is None:
        return read.why or "it has no address just now"
    if provider.capabilities.rehearsal and is_from_documentation(endpoint.host):
        return "this is a rehearsal, and nothing answers at its address"
    alias = key_alias(record.provider, record.instance_id)
    try:
        login = await context.log_in(
            record.fleet, endpoint, alias, provider.timer_command(wanted.ends_at)
        )
    except ValueError as error:
        return str(error)
    if login.end != "done":
        return login.why
    if not _says(login, wanted.ends_at):
        return "the machine did not take the new time"
    await context.journal.commit(transitions.timer_set(record.mark, wanted))
    return ""


async def _seen(
    record: InstanceRecord, provider: Provider, context: ExecutionContext
) -> DirectRead:
    """By a listing that many share; else by a read, of which a provider allows one in a while."""
    budget = context.budget(provider, "read")
    found = await context.listings.find(provider, record.instance_id, budget, context.clock)
    if found is not None:
        return DirectRead(instance=found)
    return await context.read(provider, record.instance_id)


def _says(login: Login, ends_at: datetime) -> bool:
    """Whatever stands before the last line is a greeting."""
    lines = login.answer.split()
    return login.code == 0 and lines[-1:] == [str(int(ends_at.timestamp()))]
