"""The timers with which machines destroy themselves: ordered with them, moved with their lease.

A timer can only be moved on the machine itself, over SSH, and is believed to be moved only where
the machine says so.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

import anyio

from reconciler.model.exit_code import ExitCode
from reconciler.model.instance import is_from_documentation
from reconciler.model.mark import parse_mark
from reconciler.model.observation import DirectRead
from reconciler.model.outcome import SlotOutcome
from reconciler.model.quantity import NEVER, about
from reconciler.model.record import NodeTimer
from reconciler.planning import timer_moves
from reconciler.planning.node_timers import Assumed, early_timers, timers_in_doubt
from reconciler.reporting.ssh_text import key_alias

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reconciler.execution.context import ExecutionContext
    from reconciler.model.instance import SshEndpoint
    from reconciler.model.record import InstanceRecord, PendingCreate
    from reconciler.planning.node_timers import EarlyTimer
    from reconciler.providers.base import Provider
    from reconciler.transport.ssh_login import Login


_LONGEST_SURPRISE = timedelta(days=366)
"""Somebody else may have told it a later time; nobody told it one in the year 5138."""
_DIGITS_MAX = 11
"""Of a time in seconds: enough for some thousand years."""


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
    """Move every timer that would end a machine before its lease does, and say what became of it;
    and look at those of which nobody knows whether they still are what they were moved to.

    Tried again by every run for as long as it fails.
    """
    state = context.journal.state
    early = early_timers(state, assumed(context))
    known = {one.record.mark for one in early}
    doubtful = [one for one in _doubtful(context) if one.record.mark not in known]
    return await move_timers([*early, *doubtful], context)


async def look_at_timers(context: ExecutionContext) -> list[SlotOutcome]:
    """Ask machines of whose timer nobody knows what it goes by; new ones, whether there is one."""
    return await move_timers(_doubtful(context), context)


def _doubtful(context: ExecutionContext) -> list[EarlyTimer]:
    """Of those that somebody can log in to."""
    found = timers_in_doubt(context.journal.state, context.clock.now())
    return [one for one in found if context.has_own_key(one.record.fleet)]


def assumed(context: ExecutionContext) -> Assumed:
    """What is taken for true of the timers of machines that this state did not buy."""
    able = [name for name, one in context.providers.items() if one.capabilities.node_ends_itself]
    return Assumed(context.node_timer, frozenset(able))


async def move_timers(early: Iterable[EarlyTimer], context: ExecutionContext) -> list[SlotOutcome]:
    """All at once, as many logins at a time as the workspace allows."""
    outcomes: list[SlotOutcome] = []

    async def move(one: EarlyTimer) -> None:
        outcome = _outcome(one, await _told(one, context))
        if outcome is not None:
            outcomes.append(outcome)

    async with anyio.create_task_group() as tasks:
        for one in early:
            tasks.start_soon(move, one)
    return sorted(outcomes, key=lambda outcome: (outcome.slot, outcome.mark))


class _Told(NamedTuple):
    """``why`` not; "" once the machine has said that it goes by ``ends_at``, or is gone.

    ``lost``: it did not go by what it was told before. ``missing``: no timer runs on it.
    ``ahead``: its clock is so far ahead of ours that it matters. ``other_key``: so it seems.
    """

    why: str = ""
    ends_at: datetime | None = None
    lost: bool = False
    missing: bool = False
    ahead: timedelta | None = None
    other_key: bool = False


def _outcome(one: EarlyTimer, told: _Told) -> SlotOutcome | None:
    """None where there is nothing to say: a look that found, or could not see, what was known."""
    slot, mark = one.record.slot, one.record.mark
    if not one.now.runs and (told.why or told.missing):
        return None  # it has none, as far as is known
    if told.why:
        if not (one.is_early or told.other_key):
            return None
        when = f"its own timer still ends it {one.now.ends_at:%Y-%m-%d %H:%M} UTC"
        if not one.is_early:
            when = f"its own timer may end it before {one.now.ends_at:%Y-%m-%d %H:%M} UTC"
        return SlotOutcome(slot, "timer", False, f"{when}: {told.why}", ExitCode.PARTIAL, mark=mark)
    if told.missing:
        detail = "no timer runs on it: nothing there ends it, and nobody relies on that any more"
        return SlotOutcome(slot, "timer", False, detail, ExitCode.PARTIAL, mark=mark)
    if told.ahead is not None:
        early = told.ahead > timedelta(0)
        wrong = f"its clock is wrong by {about(abs(told.ahead))}"
        detail = f"{wrong}: its own timer ends it so much {'early' if early else 'late'}"
        code = ExitCode.PARTIAL if early else None
        return SlotOutcome(slot, "timer", not early, detail, code, mark=mark)
    if not (one.is_early or told.lost):
        return None
    ends_at = told.ends_at or one.until
    again = " again: it had lost that" if told.lost and not one.is_early else ""
    detail = f"its own timer ends it {ends_at:%Y-%m-%d %H:%M} UTC{again}"
    return SlotOutcome(slot, "timer", True, detail, mark=mark)


async def _told(one: EarlyTimer, context: ExecutionContext) -> _Told:
    record = one.record
    provider = context.providers.get(record.provider)
    if provider is None or not provider.capabilities.node_ends_itself:
        return _Told(f"{record.provider} cannot be asked")
    with context.listings.watching(provider):
        read = await _seen(record, provider, context)
    if read.not_found:
        return _Told()  # there is nothing left that could end; the plan says so
    endpoint = read.instance.ssh if read.instance else None
    if endpoint is None:
        return _Told(read.why or "it has no address just now")
    if provider.capabilities.rehearsal and is_from_documentation(endpoint.host):
        return _Told("this is a rehearsal, and nothing answers at its address")
    return await _set(one, endpoint, provider, context)


async def _set(
    one: EarlyTimer, endpoint: SshEndpoint, provider: Provider, context: ExecutionContext
) -> _Told:
    """Write down that it is asked, ask, and write down what it says."""
    record, commit = one.record, context.journal.commit
    alias = key_alias(record.provider, record.instance_id, endpoint.host)
    before = _asked(record.mark, context)
    if one.is_early:
        await commit(timer_moves.timer_asked(record.mark, one.until))
    asked = _asked(record.mark, context)
    try:
        login = await context.log_in(
            record.fleet, endpoint, alias, provider.timer_command(one.until)
        )
    except ValueError as error:
        await commit(timer_moves.timer_not_asked(record.mark, asked, before))
        return _Told(str(error))
    if login.end != "done":
        if login.end != "unreachable":  # nobody was let in
            await commit(timer_moves.timer_not_asked(record.mark, asked, before))
        return _Told(login.why, other_key=login.end == "other-key")
    said = _said(login)
    if said is not None and said.holds is None:
        await commit(timer_moves.timer_missing(record.mark, one.now))
        return _Told(missing=True)
    holds = said.holds if said else None
    if said is None or holds is None or not one.until <= holds <= one.until + _LONGEST_SURPRISE:
        return _Told("the machine did not take the new time")
    now = context.clock.now()
    await commit(timer_moves.timer_told(record.mark, one.now, holds, asked=asked, now=now))
    known = one.now.ends_at.replace(microsecond=0)
    ahead = said.clock - now
    return _Told(
        ends_at=holds,
        lost=said.held is None or said.held < known,
        ahead=ahead if abs(ahead) > one.now.margin / 2 else None,
    )


def _asked(mark: str, context: ExecutionContext) -> datetime | None:
    known = context.journal.state.node_timers.get(mark)
    return known.asked if known else None


async def _seen(
    record: InstanceRecord, provider: Provider, context: ExecutionContext
) -> DirectRead:
    """By a listing that many share; else by a read, of which a provider allows one in a while."""
    budget = context.budget(provider, "read")
    found = await context.listings.find(provider, record.instance_id, budget, context.clock)
    if found is not None:
        return DirectRead(instance=found)
    return await context.read(provider, record.instance_id)


class _Said(NamedTuple):
    """What a machine went by before, and what it goes by now: None for nothing. ``clock``: what
    time it is there.
    """

    held: datetime | None
    holds: datetime | None
    clock: datetime


def _said(login: Login) -> _Said | None:
    """None where it does not say that plainly. Whatever comes before the figures is a greeting."""
    words = login.answer.split()[-len(_Said._fields) :]
    plain = all(word.isascii() and word.isdigit() and len(word) <= _DIGITS_MAX for word in words)
    if login.code != 0 or len(words) != len(_Said._fields) or not plain:
        return None
    held, holds, clock = (datetime.fromtimestamp(int(word), UTC) for word in words)
    return _Said(held if int(words[0]) else None, holds if int(words[1]) else None, clock)
