"""A market in memory, smaller and wilder than the simulated one, and the loop's pure core on it.

Prices move, machines stop, start again, are taken away and fail to boot, others are bought. In the
wild histories listings cannot be read either, destroys and their answers are lost, the state is
saved by people who look at nothing, and the provider often does not say when a rate changed. What
it bills is the truth; what the core knows goes through the same functions as in the program. One
seed, one history.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random

from reconciler.model.budget import Budget, BudgetMatch, BudgetRecord
from reconciler.model.fleet import Safety
from reconciler.model.instance import Instance, InstanceStatus
from reconciler.model.ledger import Segment, closed_machine_of
from reconciler.model.observation import DirectRead, ObservedState
from reconciler.model.offer import EMPTY_OFFER_BOOK
from reconciler.model.plan import Mode, Plan, PlanRequest
from reconciler.model.record import InstanceRecord, RecordedState
from reconciler.planning import billing, departures, transitions
from reconciler.planning.ledger import looked, running_segments, sightings
from reconciler.planning.planner import compute_plan
from tests.builders import (
    PROVIDER,
    complete,
    desired,
    fleet,
    instance,
    intent,
    lease,
    recorded_state,
    unreadable,
)
from tests.markets import START

SECOND = timedelta(seconds=1)
DESTROY_TIME = timedelta(seconds=8)
LATER = START + timedelta(days=30)
NAMES = ("batch", "serve")
_MACHINES_MAX = 4


def seconds_begun(since: datetime, until: datetime) -> int:
    return max(0, -((since - until) // SECOND))


@dataclass
class Billed:
    """One machine as the market sees it: every rate with the moment from which it holds."""

    record: InstanceRecord
    rates: list[tuple[datetime, Decimal]]
    disk: Decimal
    gone_at: datetime | None = None
    status: InstanceStatus = InstanceStatus.RUNNING
    tells: bool = True
    """Whether its provider says since when it bills what it bills."""
    moved_at: datetime = START

    def rate(self) -> Decimal:
        return self.rates[-1][1]

    def stretches(self, now: datetime) -> list[tuple[datetime, datetime, Decimal]]:
        """What is billed: from, to, and at what rate."""
        end = now if self.gone_at is None else min(now, self.gone_at)
        ends = [*(at for at, _ in self.rates[1:]), end]
        told = zip(self.rates, ends, strict=True)
        return [(since, min(until, end), rate) for (since, rate), until in told if since < end]

    def usd(self, now: datetime) -> Decimal:
        """Every second begun."""
        told = self.stretches(now)
        return sum((rate * seconds_begun(a, b) / 3600 for a, b, rate in told), Decimal(0))


@dataclass
class History:
    """A workspace of a few machines under one budget, and what befalls it.

    ``clear``: a pass sees everything, and the market says when what changed between two of them.
    """

    seed: int
    clear: bool
    tick: timedelta = timedelta(seconds=60)
    machines: dict[str, Billed] = field(default_factory=dict)
    books: dict[str, tuple[Segment, ...]] = field(default_factory=dict)
    """What was counted of each machine, gone or not, as the last pass left it."""

    def __post_init__(self) -> None:
        self.random = Random(self.seed)
        self.now = self.seen_at = START
        weights = {name: self.random.choice((10, 100)) for name in NAMES}
        leases = [
            lease(name, ttl=timedelta(days=20), maximum=4, target=4, weight=weights[name])
            for name in NAMES
        ]
        self.state: RecordedState = recorded_state(*leases, saved_at=START)
        for _ in range(self.random.randint(1, _MACHINES_MAX)):
            self.buy()
        self.now = START + self.tick
        self.budget = self._budget(self.burn())
        self.state = self.state.with_(budgets={"all": BudgetRecord(budget=self.budget)})
        self.desired = desired(
            *(fleet(name, 4, ttl=timedelta(days=20), weight=weights[name]) for name in NAMES),
            safety=Safety(tick=self.tick),
            budgets={"all": self.budget},
        )

    def buy(self) -> None:
        """One machine more, by way of its intent; one in eight never boots."""
        index = len(self.machines)
        rate = Decimal(self.random.randint(100, 9000)) / 1000
        began = self.now + SECOND
        order = intent(
            NAMES[index % 2], index, usd_per_hour=rate, disk_usd_per_hour=rate / 20,
            ceiling_usd_per_hour=Decimal(10_000), begun_at=self.now,
        )  # fmt: skip
        ready = self.random.random() < 0.88
        told = [
            transitions.created(order, f"m-{index}", rate, self.now + 3 * SECOND),
            billing.billing_began(order.mark, began),
            *([transitions.became_ready(order.mark, began)] if ready else []),
        ]
        known = {**self.state.intents, order.mark: order}
        self.state = transitions.in_turn(told)(self.state.with_(intents=known))
        self.machines[order.mark] = Billed(
            self.state.instances[order.mark],
            [(began, rate)],
            rate / 20,
            status=InstanceStatus.RUNNING if ready else InstanceStatus.FAILED,
            tells=self.clear or self.random.random() < 0.5,
        )

    def _budget(self, burn: Decimal) -> Budget:
        hours = Decimal(self.random.randint(4, 12)) if self.clear else self.random.randint(1, 60)
        limit = (burn * hours / (1 if self.clear else 20)).quantize(Decimal("0.01")) + 1
        steps = ["notify", "freeze", "destroy"]
        if self.random.random() < 0.4:
            steps.insert(2, "shrink")
        return Budget.model_validate(
            {"name": "all", "match": BudgetMatch(), "limit_usd": limit, "on_exceed": steps}
        )

    # --- what befalls it --------------------------------------------------------------------

    def alive(self) -> list[Billed]:
        return [one for one in self.machines.values() if not self._is_gone(one)]

    def _is_gone(self, one: Billed) -> bool:
        return one.gone_at is not None and one.gone_at <= self.now

    def burn(self) -> Decimal:
        return sum((one.rate() for one in self.alive()), Decimal(0))

    def billed(self) -> Decimal:
        return sum((one.usd(self.now) for one in self.machines.values()), Decimal(0))

    def advance(self) -> None:
        """One tick; what happens in it happens at any second of it, and once between two looks."""
        start = self.now
        if self.random.random() < 0.03 and len(self.alive()) < _MACHINES_MAX:
            self.buy()
        for one in self.alive():
            if one.gone_at is None and one.moved_at <= self.seen_at:
                self._befall(one, start + SECOND * self.random.randrange(5, self.tick // SECOND))
        if not self.clear and self.random.random() < 0.05:
            self.state = self.state.with_(saved_at=start + self.tick / 2)  # who looks at nothing
        self.now = start + self.tick

    def _befall(self, one: Billed, at: datetime) -> None:
        chance, stopped = self.random.random(), one.status is InstanceStatus.STOPPED
        if chance < 0.006:
            one.gone_at = one.moved_at = at  # taken away, or lost
        elif chance < 0.03 and not stopped:
            self._change(one, at, one.disk)  # stopped, or outbid
            one.status = InstanceStatus.STOPPED
        elif chance < 0.12 and stopped:
            self._change(one, at, one.rates[-2][1])
            one.status = InstanceStatus.RUNNING
        elif chance < 0.07 and not stopped:
            factor = Decimal(self.random.randint(50, 150)) / 100
            self._change(one, at, (one.rate() * factor).quantize(Decimal("0.000001")))

    def _change(self, one: Billed, at: datetime, rate: Decimal) -> None:
        one.moved_at = at
        if rate != one.rate():
            one.rates.append((at, rate))

    # --- the loop ---------------------------------------------------------------------------

    def observe(self, *, dark: bool) -> ObservedState:
        if dark:
            return ObservedState({PROVIDER: unreadable(started_at=self.now)})
        self.seen_at = self.now
        seen = [self._seen(one) for one in self.alive()]
        ids = {one.id for one in seen}
        reads = {
            (PROVIDER, one.instance_id): self._denied(self.machines[one.mark])
            for one in self.state.instances.values()
            if one.instance_id not in ids
        }
        listing = complete(PROVIDER, *seen, started_at=self.now)
        return ObservedState({PROVIDER: listing}, reads, {PROVIDER: 5 * SECOND})

    def _denied(self, one: Billed) -> DirectRead:
        return DirectRead(not_found=True, ended_at=one.gone_at if one.tells else None)

    def _seen(self, one: Billed) -> Instance:
        since = one.rates[-1][0] if one.tells else None
        return instance(
            one.record, usd_per_hour=one.rate(), status=one.status, ssh=None, rate_since=since
        )

    def reconcile(self, *, dark: bool = False) -> Plan:
        """One pass: what the program records and does, without its files and calls."""
        observed, now = self.observe(dark=dark), self.now
        plan = compute_plan(
            self.desired, self.state, observed, EMPTY_OFFER_BOOK, now, PlanRequest(Mode.LOOP)
        )
        changes = [
            sightings(observed, now),
            departures.forgotten(plan.forgets, now, {PROVIDER: DESTROY_TIME}),
            *(transitions.doubted(one) for one in plan.doubts),
            *(transitions.sighted(mark) for mark in plan.sighted),
            *billing.rates_seen(plan.rate_changes, self.state, now),
            looked(observed),
        ]
        for destroy in plan.destroys:
            if not destroy.again:
                changes.append(transitions.doomed(destroy, now))
            changes.append(self._destroy(destroy.record.mark))
        self.state = transitions.in_turn(changes)(self.state).with_(saved_at=now)
        for mark, record in self.state.instances.items():
            self.books[mark] = running_segments(record, self.state.ledger)
        return plan

    def _destroy(self, mark: str) -> transitions.Change:
        one, chance = self.machines[mark], self.random.random()
        if not self.clear and chance < 0.05:
            return transitions.destroy_attempted(mark, self.now, error="no answer")
        if one.gone_at is None:
            one.gone_at = self.now + SECOND * self.random.randint(4, 8)
        if not self.clear and chance < 0.08:  # it was carried out, and nobody was told
            return transitions.destroy_attempted(mark, self.now, error="no answer")
        return transitions.destroy_attempted(mark, self.now, error="")

    def counted(self, mark: str) -> list[Segment]:
        """What the ledger has of one machine, cut where its account was closed."""
        rows = (*self.state.ledger.closed, *self.state.ledger.failed)
        gone = {one.instance_id: one.until for one in map(closed_machine_of, rows)}
        end = gone.get(self.machines[mark].record.instance_id, self.now)
        return [replace(one, until=min(one.until or end, end)) for one in self.books[mark]]
