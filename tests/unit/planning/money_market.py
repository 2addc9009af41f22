"""A market in memory, smaller and wilder than the simulated one, and the loop's pure core on it.

Rates change, machines stop, vanish and fail to boot, listings cannot be read, destroys are lost and
take their time. What it bills is the truth; what the core knows goes through the same functions as
in the program. One seed, one history.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random

from reconciler.model.budget import Budget, BudgetMatch, BudgetRecord
from reconciler.model.fleet import Safety
from reconciler.model.instance import Instance, InstanceStatus
from reconciler.model.observation import DirectRead, ObservedState
from reconciler.model.offer import EMPTY_OFFER_BOOK
from reconciler.model.plan import Mode, Plan, PlanRequest
from reconciler.model.record import InstanceRecord, RecordedState
from reconciler.planning import billing, departures, transitions
from reconciler.planning.ledger import sightings
from reconciler.planning.planner import compute_plan
from tests.builders import (
    PROVIDER,
    complete,
    desired,
    fleet,
    instance,
    lease,
    record,
    recorded_state,
    unreadable,
)
from tests.markets import START

SECOND = timedelta(seconds=1)
DESTROY_TIME = timedelta(seconds=8)
LATER = START + timedelta(days=30)


@dataclass
class Billed:
    """One machine as the market sees it: every rate with the moment from which it holds."""

    record: InstanceRecord
    rates: list[tuple[datetime, Decimal]]
    disk: Decimal
    gone_at: datetime | None = None
    status: InstanceStatus = InstanceStatus.RUNNING
    surprises: Decimal = Decimal(0)
    """Dollars that nobody could see at the time."""

    def rate(self) -> Decimal:
        return self.rates[-1][1]

    def usd(self, now: datetime) -> Decimal:
        """Every second begun."""
        end = now if self.gone_at is None else min(now, self.gone_at)
        total = Decimal(0)
        for (since, rate), until in zip(
            self.rates, [*(at for at, _ in self.rates[1:]), end], strict=True
        ):
            begun = -((since - max(since, min(until, end))) // SECOND)
            total += rate * begun / 3600
        return total


@dataclass
class History:
    """A workspace of a few machines under one budget, and what befalls it."""

    seed: int
    calm: bool = False
    tick: timedelta = timedelta(seconds=60)
    machines: dict[str, Billed] = field(default_factory=dict)
    largest_rise: Decimal = Decimal(0)

    def __post_init__(self) -> None:
        self.random = Random(self.seed)
        self.now = START
        self.passes = 0
        names = ("batch", "serve")
        records = [self._machine(names[at % 2], at) for at in range(self.random.randint(1, 4))]
        weights = {name: self.random.choice((10, 100)) for name in names}
        leases = [
            lease(name, ttl=timedelta(days=20), maximum=4, target=4, weight=weights[name])
            for name in names
        ]
        self.budget = self._budget(sum((one.usd_per_hour for one in records), Decimal(0)))
        self.state: RecordedState = recorded_state(
            *records, *leases, budgets={"all": BudgetRecord(budget=self.budget)}, saved_at=START
        )
        self.desired = desired(
            *(fleet(name, 4, ttl=timedelta(days=20), weight=weights[name]) for name in names),
            safety=Safety(tick=self.tick),
            budgets={"all": self.budget},
        )

    def _machine(self, name: str, at: int) -> InstanceRecord:
        rate = Decimal(self.random.randint(100, 9000)) / 1000
        ready = self.calm or self.random.random() < 0.8
        made = record(
            name, at, usd_per_hour=rate, ceiling_usd_per_hour=Decimal(10_000),
            ready_at=START if ready else None,
        )  # fmt: skip
        status = InstanceStatus.RUNNING if ready else InstanceStatus.BOOTING
        self.machines[made.mark] = Billed(made, [(START, rate)], rate / 20, status=status)
        return made

    def _budget(self, burn: Decimal) -> Budget:
        hours = Decimal(self.random.randint(4, 12)) if self.calm else self.random.randint(1, 60)
        limit = (burn * hours / (1 if self.calm else 20)).quantize(Decimal("0.01")) + 1
        steps = ["notify", "freeze", "destroy"]
        if self.random.random() < 0.4 and not self.calm:
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

    def advance(self, *, dark: bool) -> None:
        """One tick; what happens in it happens at any second of it."""
        start = self.now
        for one in self.alive():
            if one.gone_at is not None or self.calm:
                continue
            at = start + SECOND * self.random.randint(1, int(self.tick.total_seconds()))
            chance = self.random.random()
            if chance < 0.01:
                one.gone_at = at
            elif chance < 0.03:
                self._change(one, at, one.disk)
                one.status = InstanceStatus.STOPPED
            elif chance < 0.05 and not dark:
                factor = Decimal(self.random.randint(50, 150)) / 100
                self._change(one, at, (one.rate() * factor).quantize(Decimal("0.000001")))
        self.now = start + self.tick

    def _change(self, one: Billed, at: datetime, rate: Decimal) -> None:
        self.largest_rise = max(self.largest_rise, rate - one.rate())
        one.rates.append((at, rate))

    # --- the loop ---------------------------------------------------------------------------

    def observe(self, *, dark: bool) -> ObservedState:
        if dark:
            return ObservedState({PROVIDER: unreadable(started_at=self.now)})
        seen = [self._seen(one) for one in self.alive()]
        ids = {one.id for one in seen}
        reads = {
            (PROVIDER, one.instance_id): DirectRead(not_found=True)
            for one in self.state.instances.values()
            if one.instance_id not in ids
        }
        listing = complete(PROVIDER, *seen, started_at=self.now)
        return ObservedState({PROVIDER: listing}, reads, {PROVIDER: 5 * SECOND})

    def _seen(self, one: Billed) -> Instance:
        return instance(one.record, usd_per_hour=one.rate(), status=one.status, ssh=None)

    def reconcile(self, *, dark: bool = False) -> Plan:
        """One pass: what the program records and does, without its files and calls."""
        observed, now = self.observe(dark=dark), self.now
        plan = compute_plan(
            self.desired, self.state, observed, EMPTY_OFFER_BOOK, now, PlanRequest(Mode.LOOP)
        )
        changes = [
            sightings(observed, now),
            departures.forgotten(
                plan.forgets, now, {PROVIDER: DESTROY_TIME}, {PROVIDER: 5 * SECOND}
            ),
            *(transitions.doubted(one) for one in plan.doubts),
            *(transitions.sighted(mark) for mark in plan.sighted),
            *billing.rates_seen(plan.rate_changes, self.state, now),
        ]
        for destroy in plan.destroys:
            if not destroy.again:
                changes.append(transitions.doomed(destroy, now))
            changes.append(self._destroy(destroy.record.mark))
        self.state = transitions.in_turn(changes)(self.state).with_(saved_at=now)
        self.passes += 1
        return plan

    def _destroy(self, mark: str) -> transitions.Change:
        one = self.machines[mark]
        if not self.calm and self.random.random() < 0.05:
            return transitions.destroy_attempted(mark, self.now, error="no answer")
        if one.gone_at is None:
            one.gone_at = self.now + SECOND * self.random.randint(4, 8)
        return transitions.destroy_attempted(mark, self.now, error="")
