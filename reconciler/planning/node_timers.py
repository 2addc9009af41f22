"""Machines that destroy themselves: which of them would do it too early, and who relies on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from reconciler.model.mark import parse_mark
from reconciler.model.quantity import NEVER
from reconciler.model.record import NodeTimer
from reconciler.planning.leases import is_of_earlier_window, machine_end

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime, timedelta

    from reconciler.model.plan import Create
    from reconciler.model.record import InstanceRecord, PendingCreate, RecordedState


class EarlyTimer(NamedTuple):
    """A machine whose timer is ``now`` and should end it at ``until``, or later."""

    record: InstanceRecord
    now: NodeTimer
    until: datetime

    @property
    def is_early(self) -> bool:
        """Otherwise it should be what it is, and only the machine knows whether it is."""
        return self.now.ends_at.replace(microsecond=0) < self.until


class Assumed(NamedTuple):
    """What is taken for true of machines that were found by their mark and never bought by this
    state: on ``providers`` they were ordered with a timer of ``margin``. None: with none.
    """

    margin: timedelta | None
    providers: frozenset[str]


def early_timers(
    state: RecordedState,
    assumed: Assumed,
    *,
    fleet: str | None = None,
    until: datetime | None = None,
) -> list[EarlyTimer]:
    """Living machines whose timer leaves less than half its margin after their lease's end. One
    that said that it has none is asked again: it may have been too early.

    ``until``: the end that the lease of ``fleet`` is to have.
    """
    found = []
    for mark, timer in _timers(state, assumed):
        record = state.instances.get(mark)
        lease = state.leases.get(record.fleet) if record else None
        if record is None or lease is None or record.doom is not None:
            continue
        if fleet not in (None, record.fleet):
            continue
        end = machine_end(lease, record.created_at)
        if until is not None and not is_of_earlier_window(lease, record.created_at):
            end = until
        if timer.ends_at < end + timer.margin / 2:
            wanted = (end + timer.margin).replace(microsecond=0)
            found.append(EarlyTimer(record, timer, wanted))
    return found


def timers_in_doubt(state: RecordedState, now: datetime) -> list[EarlyTimer]:
    """Living machines whose timer may be another one than we know.

    Nobody has heard yet whether it runs at all, which is asked once the machine is ready; or what
    it was told was not answered; or it was moved, and may have been lost. A container that its host
    makes anew begins with the time that it was ordered with, or one margin of life, whichever is
    later: looked at twice in a margin, none ends before somebody knows.
    """
    found = []
    for mark, timer in state.node_timers.items():
        record = state.instances.get(mark)
        if record is None or record.doom is not None or not timer.runs:
            continue
        if timer.asked is not None or _is_due(mark, timer, record.ready_at, now):
            found.append(EarlyTimer(record, timer, timer.ends_at.replace(microsecond=0)))
    return found


def _is_due(mark: str, timer: NodeTimer, ready_at: datetime | None, now: datetime) -> bool:
    """Whether it is time to ask what it goes by; for a while, where nobody answers at first."""
    if timer.told_at is None:
        return ready_at is not None and now < ready_at + timer.margin / 2
    ordered = parse_mark(mark)
    was_moved = ordered is None or timer.ends_at != ordered.end + timer.margin
    return was_moved and now >= timer.told_at + timer.margin / 2


def _timers(state: RecordedState, assumed: Assumed) -> Iterator[tuple[str, NodeTimer]]:
    yield from state.node_timers.items()
    margin = assumed.margin
    if margin is None:
        return
    for mark, record in state.instances.items():
        end = parse_mark(mark)
        bought = record.specification is not None or mark in state.node_timers
        if not bought and record.provider in assumed.providers and end and end.end != NEVER:
            yield mark, NodeTimer.model_construct(ends_at=end.end + margin, margin=margin)


class Relying(NamedTuple):
    """Provider names: where machines end themselves, and where somebody has to do it."""

    timed: frozenset[str]
    others: frozenset[str]


def who_relies(
    state: RecordedState, creates: Iterable[Create] = (), margin: timedelta | None = None
) -> Relying:
    """Of the machines that live or may live, and those that are to be bought. A spot machine that
    is stopped by its provider runs no timer while its disk is billed, so that nobody may rely on
    it.
    """
    timed: set[str] = set()
    others: set[str] = set()
    unresolved = (one for one in state.intents.values() if one.blocks_slot)
    let_go = (one.record for one in state.let_go.values())
    living: list[InstanceRecord | PendingCreate] = [*state.instances.values(), *unresolved]
    living += let_go
    for one in living:
        spot = one.specification is None or one.specification.spot
        timer = state.node_timers.get(one.mark)
        where = timed if timer is not None and timer.runs and not spot else others
        where.add(one.provider)
    for create in creates:
        offer = create.offer
        able = margin is not None and "node_timer" not in offer.lacks and not offer.spot
        (timed if able else others).add(offer.provider)
    return Relying(frozenset(timed), frozenset(others))


def in_words(relying: Relying, otherwise: str) -> str:
    """Who enforces the ends where no loop does; ``otherwise``: what is said without timers."""
    timed = ", ".join(sorted(relying.timed))
    if not timed:
        return f"{otherwise} (no machine here has a node timer)" if relying.others else otherwise
    if not relying.others:
        return f"node timer ({timed})"
    return f"{otherwise} (node timer on some machines of {timed})"


class TimedEnds:
    """When machines end at the latest where no loop passes: their timer's margin counts too."""

    def __init__(
        self, timers: Mapping[str, NodeTimer], margin: timedelta | None, tick: timedelta
    ) -> None:
        self._timers, self._margin, self._tick = timers, margin, tick

    def of(self, mark: str, end: datetime) -> datetime:
        """``end`` is that of the lease; one tick is added later, for every machine alike."""
        timer = self._timers.get(mark)
        if timer is None or not timer.runs or end == NEVER:
            return end
        return max(end, timer.at_latest - self._tick)

    def of_new(self, create: Create, end: datetime) -> datetime:
        if self._margin is None or end == NEVER or "node_timer" in create.offer.lacks:
            return end
        return max(end, end + self._margin - self._tick)
