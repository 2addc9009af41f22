"""What the market bills for our machines, and what budgets and the ledger say of it.

Exact in micro-dollars, from the market's own rows: the engine sees none of this.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from reconciler.market.units import microseconds
from reconciler.model.mark import parse_mark
from reconciler.planning.costs import costs_of

if TYPE_CHECKING:
    from reconciler.market.machine import Machine
    from reconciler.model.budget import Budget
    from reconciler.model.record import RecordedState
    from tests.simulation.simulator.judge import Judge

_HOUR_US = 3_600_000_000
_MICRO_USD = Decimal("0.000001")
_LONG_AGO = datetime.fromisoformat("2000-01-01T00:00Z")
_SECOND = timedelta(seconds=1)
_NO_TIME = timedelta(0)
_MICROSECOND = timedelta(microseconds=1)
TICK = timedelta(seconds=60)
SKEW = timedelta(seconds=60)
LOOK = timedelta(seconds=5)
"""Within a look nobody knows when something changed, and every rate counts the second begun."""
TURN = timedelta(seconds=60)
"""A real provider's pace keeps orders waiting, and each counts as billed from its intent on."""
DESTROY_TIME = timedelta(seconds=60)
"""Of I6: ``safety.tick`` of documents that do not name it, and what is reserved for each end."""
ROUNDED = Decimal("0.00005")
"""What rounding may come to, for each machine (docs/money.md)."""


class Purse:
    """Of one judge, whose market it asks."""

    def __init__(self, judge: Judge) -> None:
        self._judge = judge
        self.fleets: dict[tuple[str, str], str] = {}
        """By (provider, id), as the machine was named when it was made."""

    def machines(self, *, copies: bool = False) -> list[tuple[tuple[str, str], Machine]]:
        """Every machine that we ever bought, gone ones too; ``copies``: and what was made by hand
        under a mark of ours.
        """
        found = []
        judge = self._judge
        for place, world in judge.market.worlds.items():
            for one in world.machines():
                key = (place, one.id)
                if key in judge.strangers or (key in judge.copies and not copies):
                    continue
                if one.label in judge.neighbours:
                    continue
                if key not in self.fleets:
                    mark = parse_mark(judge.label_of(place, one))
                    self.fleets[key] = mark.fleet if mark else ""
                found.append((key, one))
        return found

    def spent(self, budget: Budget, now: datetime) -> Decimal:
        """Billed up to ``now`` in the budget's present period."""
        since = _period_start(budget, now)
        mine = [(key, one) for key, one in self.machines() if self._pays(budget, key)]
        return self._billed(mine, since, now)

    def _billed(
        self,
        machines: Iterable[tuple[tuple[str, str], Machine]],
        since: datetime,
        now: datetime,
        *,
        risen: bool = True,
    ) -> Decimal:
        """``risen=False``: as if no rate had risen while its machine ran."""
        start, end = microseconds(since), microseconds(now)
        total = 0
        for key, one in machines:
            rises = self._judge.market.rises.get(key, ())
            spans = [(at, before) for at, before in rises]
            gpu = one.gpu_microusd if risen or not spans else spans[0][1]
            total += _cost(one, gpu, spans if risen else [], start, end)
        return total * _MICRO_USD / _HOUR_US

    def _pays(self, budget: Budget, key: tuple[str, str]) -> bool:
        return budget.covers(self.fleets[key], key[0], None, None, {})

    # --- what must hold ---------------------------------------------------------------------

    def bought(self, label: str, provider: str, usd_per_hour: Decimal, now: datetime) -> None:
        """A create was sent: every budget in force has room for it (I6, admission)."""
        judge, mark, state = self._judge, parse_mark(label), self._judge.state()
        assert state is not None
        if judge.was_lost:
            return  # what was spent before is known to nobody
        for record in state.budgets.values():
            budget = record.budget
            if mark is None or budget.limit_usd is None:
                continue
            if not budget.covers(mark.fleet, provider, None, None, {}):
                continue
            least = self.spent(budget, now) + _for(usd_per_hour, TICK + DESTROY_TIME)
            judge.require(
                "I6",
                least <= budget.limit_usd + self._skew_of(budget, now),
                lambda: f"{label} was bought: {least:.4f} of {budget.limit_usd} of {budget.name}",  # noqa: B023
            )

    def _skew_of(self, budget: Budget, now: datetime) -> Decimal:
        """What runs may cost while clocks differ unnoticed."""
        at = microseconds(now)
        rates = (
            one.microusd_per_hour
            for key, one in self.machines()
            if self._pays(budget, key) and (one.gone is None or one.gone > at)
        )
        return _for(sum(rates) * _MICRO_USD, SKEW) + Decimal("0.001")

    def looked_after(self, begun: datetime, state: RecordedState) -> None:
        """A pass that could see has ended what a wall does not let run until the next one (I6)."""
        if self._judge.was_lost:
            return
        for record in state.budgets.values():
            budget = record.budget
            if budget.limit_usd is None or not budget.is_wall:
                continue
            kept = [  # what this pass has bought itself was admitted (``bought``)
                one
                for one in state.instances.values()
                if one.doom is None and budget.covers(one.fleet, one.provider, None, None, {})
                if one.created_at < begun
            ]
            if not kept:
                continue
            rows = dict(self.machines())
            rate = sum(
                rows[key].microusd_per_hour
                for one in kept
                if (key := (one.provider, one.instance_id)) in rows
            )
            tail = _for(rate * _MICRO_USD, TICK + SKEW + DESTROY_TIME)
            spent = self.spent(budget, begun)
            said = self._said(budget, spent, tail, [str(one.slot) for one in kept])
            self._judge.require("I6", spent + tail <= budget.limit_usd + ROUNDED * 10, said)

    def _said(
        self, budget: Budget, spent: Decimal, tail: Decimal, kept: list[str]
    ) -> Callable[[], str]:
        return lambda: (
            f"{spent:.4f} spent and {tail:.4f} still to come of {budget.limit_usd} of "
            f"{budget.name}, and a pass keeps {kept}"
        )

    def counted(self, state: RecordedState, now: datetime) -> None:
        """What we say that machines cost is never less than the bill (I13, I27), and no more but
        for what is marked as unknown and a second begun for each rate.
        """
        if self._judge.was_lost:
            return
        total = costs_of(state, _LONG_AGO, now).total
        ours = total.usd
        # A person may end what a destroy of ours was falsely said to have ended: nobody knows when.
        machines = [one for one in self.machines() if one[0] not in self._judge.ended_by_others]
        least = [(key, self._at_least(key, one)) for key, one in machines]
        theirs = self._billed(least, _LONG_AGO, now, risen=False)
        allowed = ROUNDED * (1 + len(machines)) + self._unsure_of_the_time(machines)
        said = lambda: f"the ledger says {ours}, the market bills {theirs:.6f}"  # noqa: E731
        self._judge.require("I27", ours >= theirs - allowed, said)
        if not self._judge.phantoms:
            self._not_above(ours, total.unknown * _MICRO_USD, allowed, now)

    def _at_least(self, key: tuple[str, str], one: Machine) -> Machine:
        """A real adapter reckons from the status what a machine costs, whatever its provider says
        of one that runs; the others are told the rate itself.
        """
        if key[0] == self._judge.by_face and key[0] in self._judge.misstated:
            return one._replace(stopped=one.created)
        return one

    def _not_above(self, ours: Decimal, unknown: Decimal, allowed: Decimal, now: datetime) -> None:
        ordered = {(key[0], one.label): one.created for key, one in self.machines() if one.label}
        every = [
            (key, self._at_most(key, one, ordered.get((key[0], one.label or ""), one.created)))
            for key, one in self.machines(copies=True)
        ]
        most = self._billed(every, _LONG_AGO, now) + self._begun_seconds(every) + allowed
        self._judge.require(
            "I27",
            ours <= most + unknown,
            lambda: f"the ledger says {ours}, {unknown} of it unknown; the market bills {most:.6f}",
        )

    def _at_most(self, key: tuple[str, str], one: Machine, ordered: int) -> Machine:
        """As nobody can deny: who was ended by others may live on, what a label that somebody
        changed, or its provider cut, leaves in doubt is counted as it was (I4), and so is what was
        shown without its label, until then. An old listing shows at work what has stopped since.
        A copy is taken for what was ``ordered`` under its mark, and counted from then on.
        """
        if key in self._judge.copies:
            one = one._replace(created=min(one.created, ordered))
        if key in self._judge.ended_by_others:  # nor may anybody have seen it stop
            return one._replace(gone=None, stopped=None)
        doubtful = key in self._judge.relabelled or parse_mark(one.label) is None
        if doubtful or key[0] == self._judge.bills_stopped_in_full or one.stopped is None:
            return one._replace(stopped=None)
        stopped = max(one.stopped, self._judge.unlabelled.get(key[0], 0))
        return one._replace(stopped=stopped + self._judge.shown_late // _MICROSECOND)

    def _begun_seconds(self, machines: list[tuple[tuple[str, str], Machine]]) -> Decimal:
        rises, face = self._judge.market.rises, self._judge.by_face
        total = Decimal(0)
        for key, one in machines:
            doubt = LOOK * (1 + len(rises.get(key, ()))) + (TURN if key[0] == face else _NO_TIME)
            doubt += self._judge.provider_off
            doubt += TURN if key in self._judge.relabelled else _NO_TIME
            total += _for(one.microusd_per_hour * _MICRO_USD, doubt)
        return total

    def _unsure_of_the_time(self, machines: list[tuple[tuple[str, str], Machine]]) -> Decimal:
        """Hosts whose clocks differ by less than is noticed date begin and end by them, and so does
        one whose two clocks stood still, where no more than two providers contradict them.
        """
        doubt = max(self._judge.stood_still, SKEW if self._judge.clocks_differ else _NO_TIME)
        if not doubt:
            return Decimal(0)
        return _for(sum(one.microusd_per_hour for _, one in machines) * _MICRO_USD, doubt)

    def apart(self, state: RecordedState, now: datetime) -> tuple[Decimal, Decimal]:
        """Our sum and the market's."""
        ours = costs_of(state, _LONG_AGO, now).total.usd
        return ours, self._billed(self.machines(), _LONG_AGO, now)


def _cost(machine: Machine, gpu: int, rises: list[tuple[int, int]], start: int, end: int) -> int:
    """Micro-dollars times microseconds of an hour, between two moments."""
    until = end if machine.gone is None else min(end, machine.gone)
    stop = until if machine.stopped is None else min(until, max(machine.created, machine.stopped))
    total = machine.disk_microusd * max(0, until - max(start, machine.created))
    begin = machine.created
    for at, before in rises:
        total += before * max(0, min(at, stop) - max(begin, start))
        begin = at
    return total + gpu * max(0, stop - max(begin, start))


def _period_start(budget: Budget, now: datetime) -> datetime:
    """Of those periods that the simulated documents name, in UTC."""
    if budget.period == "total":
        return _LONG_AGO
    hour = now.replace(minute=0, second=0, microsecond=0)
    assert budget.period in ("hour", "day")
    return hour if budget.period == "hour" else hour.replace(hour=0)


def _for(usd_per_hour: Decimal, duration: timedelta) -> Decimal:
    return usd_per_hour * (duration // _SECOND) / 3600
