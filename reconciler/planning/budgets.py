"""What each budget has spent, and what its machines can still cost (SPEC.md section 6)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from reconciler.model.budget import DEFAULT_WEIGHT, Budget, BudgetRecord, BudgetSummary
from reconciler.model.cost import ZERO, format_rate, format_usd, projected_cost
from reconciler.model.ledger import MICRO, account_of
from reconciler.model.quantity import NEVER
from reconciler.model.value import dataclass
from reconciler.planning.budget_periods import BEGINNING, period_of
from reconciler.planning.costs import billed_machines_of
from reconciler.planning.leases import end_of
from reconciler.planning.ledger import last_look, total_of
from reconciler.planning.ledger_buckets import buckets_of
from reconciler.planning.spending import DESTROY_TIME, lease_cost

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from decimal import Decimal

    from reconciler.model.costs import BilledMachine
    from reconciler.model.fleet import DesiredState
    from reconciler.model.observation import ObservedState
    from reconciler.model.record import LeaseRecord, RecordedState

SKEW = timedelta(seconds=60)
"""How far the clocks may differ before nothing is believed (SPEC.md section 5)."""


@dataclass(frozen=True, slots=True)
class Payer:
    """A machine that budgets pay for, at the dearest rate that is known. ``leaving``: its destroy
    was sent, and it is billed until it is gone; ``accepted_at``: since when its provider has known
    of it. ``let_go``: nothing ends it before its end.
    """

    mark: str
    fleet: str
    provider: str
    usd_per_hour: Decimal
    ends_at: datetime
    weight: int
    leaving: bool
    let_go: bool
    machine: BilledMachine
    accepted_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class BudgetView:
    """One budget at one moment: its period, what it spent in it, and the machines it pays for."""

    record: BudgetRecord
    now: datetime
    since: datetime
    until: datetime
    spent: Decimal
    payers: Sequence[Payer]

    @property
    def budget(self) -> Budget:
        return self.record.budget

    @property
    def usd_per_hour(self) -> Decimal:
        """What runs now; machines on their way out included."""
        return sum((one.usd_per_hour for one in self.payers), ZERO)

    @property
    def unproven(self) -> Decimal:
        """How much of ``spent`` was counted after destroys that wait for their proof."""
        return sum(
            (
                total_of(one.machine.segments, max(one.accepted_at, self.since), self.now).usd
                for one in self.payers
                if one.accepted_at is not None
            ),
            ZERO,
        )

    @property
    def killed_lately(self) -> bool:
        """Whether it destroyed a machine in this period."""
        return self.record.killed_at is not None and self.record.killed_at >= self.since

    def loss_of(self, payer: Payer) -> int:
        """Micro-dollars spent on it: what is lost with it. The younger it is, the less."""
        return total_of(payer.machine.segments, BEGINNING, self.now).micro_usd

    def reserve(self, usd_per_hour: Decimal, ends_at: datetime, tick: timedelta) -> Decimal:
        """What a machine can cost from now to its end, or to the period's, at most."""
        return lease_cost(usd_per_hour, ends_at, self.now, tick, self.until)

    def committed(self, payers: Iterable[Payer], tick: timedelta) -> Decimal:
        """All of ``payers`` together."""
        return sum(
            (
                projected_cost(one.usd_per_hour, DESTROY_TIME)
                if one.leaving
                else self.reserve(one.usd_per_hour, one.ends_at, tick)
                for one in payers
            ),
            ZERO,
        )


def budgets_after_apply(desired: DesiredState, recorded: RecordedState) -> dict[str, BudgetRecord]:
    """The budgets as the documents have them, with what is known of each.

    A fleet that is no longer declared stays in the budget that paid for it as long as the ledger
    knows it: another name does not make its money come back.
    """
    known = {account_of(text).fleet for text in recorded.ledger.spent}
    known |= {one.fleet for one in recorded.instances.values()}
    after = {}
    for name, budget in desired.budgets.items():
        before = recorded.budgets.get(name)
        former = [
            fleet
            for fleet in (before.budget.fleets if before else ())
            if fleet not in desired.fleets and fleet in known
        ]
        whole = budget.with_fleets(sorted({*budget.fleets, *former}))
        if before is None:
            after[name] = BudgetRecord(budget=whole)
        else:
            after[name] = before.model_copy(update={"budget": whole})
    return after


def budget_views(
    records: Iterable[BudgetRecord],
    recorded: RecordedState,
    leases: Mapping[str, LeaseRecord],
    observed: ObservedState,
    now: datetime,
) -> list[BudgetView]:
    """In order of the names. ``leases`` as they are in force, ``observed`` for dearer rates."""
    wanted = sorted(records, key=lambda one: one.budget.name)
    if not wanted:
        return []
    payers = _payers(recorded, leases, observed)
    return [_view(record, recorded, leases, payers, now) for record in wanted]


def _view(
    record: BudgetRecord,
    recorded: RecordedState,
    leases: Mapping[str, LeaseRecord],
    payers: Sequence[Payer],
    now: datetime,
) -> BudgetView:
    budget = record.budget
    since, until = period_of(budget, now)
    places = {(one.fleet, one.provider) for one in payers}
    inside = {place for place in places if covers_fleet(budget, *place, leases)}
    mine = [one for one in payers if (one.fleet, one.provider) in inside]
    micro = _spent_by_gone(budget, recorded, since)
    spent = micro * MICRO
    for one in mine:
        spent += total_of(one.machine.segments, since, now).usd
        dearer = one.usd_per_hour - one.machine.usd_per_hour
        if dearer > 0:
            known = last_look(recorded, one.provider) or one.machine.segments[0].since
            spent += projected_cost(dearer, now - max(since, known))
    return BudgetView(record, now, since, until, spent, mine)


def _spent_by_gone(budget: Budget, recorded: RecordedState, since: datetime) -> int:
    """Whole hours that reach into the period count (days, five weeks back): never too little."""
    total = 0
    for text, row in recorded.ledger.spent.items():
        account = account_of(text)
        whose = (account.fleet, account.provider, account.team, account.owner)
        if budget.covers(*whose, dict(account.labels)):
            total += sum(one.amounts.micro_usd for one in buckets_of(row) if one.until > since)
    return total


def covers_fleet(
    budget: Budget, fleet: str, provider: str, leases: Mapping[str, LeaseRecord]
) -> bool:
    """Whether machines of ``fleet`` at ``provider`` count, by what its lease says about it."""
    lease = leases.get(fleet)
    if lease is None:
        return budget.covers(fleet, provider, None, None, {})
    return budget.covers(fleet, provider, lease.team, lease.owner, lease.labels)


def _payers(
    recorded: RecordedState, leases: Mapping[str, LeaseRecord], observed: ObservedState
) -> list[Payer]:
    seen = {
        (one.provider, one.id): one.usd_per_hour
        for inventory in observed.inventories.values()
        for one in inventory.instances
    }
    in_force = recorded.with_(leases=dict(leases))
    payers = []
    for machine in billed_machines_of(recorded):
        record = recorded.instances.get(machine.mark)
        billed = seen.get((machine.provider, machine.instance_id))
        lease = leases.get(machine.account.fleet)
        payers.append(
            Payer(
                mark=machine.mark,
                fleet=machine.account.fleet,
                provider=machine.provider,
                usd_per_hour=max(machine.usd_per_hour, billed or ZERO),
                ends_at=_end(machine, in_force),
                weight=lease.weight if lease else DEFAULT_WEIGHT,
                leaving=record is not None and record.doom is not None,
                let_go=record is None and machine.mark in recorded.let_go,
                machine=machine,
                accepted_at=record.doom.accepted_at if record and record.doom else None,
            )
        )
    return payers


def _end(machine: BilledMachine, state: RecordedState) -> datetime:
    record = state.instances.get(machine.mark)
    if record is not None:
        return end_of(record, state)
    let_go = state.let_go.get(machine.mark)
    if let_go is not None:
        return let_go.ends_at
    lease = state.leases.get(machine.account.fleet)
    end = lease.ends_at if lease else None
    return end or machine.segments[0].since + (lease.ttl if lease else timedelta(0))


def summary_of(
    view: BudgetView, committed: Decimal, burn: Decimal, changes: tuple[str, ...] = ()
) -> BudgetSummary:
    """``view`` in the figures that people ask for."""
    budget = view.budget
    return BudgetSummary(
        name=budget.name,
        period=budget.period,
        since=None if view.since == BEGINNING else view.since,
        until=None if view.until == NEVER else view.until,
        limit_usd=budget.limit_usd,
        max_hourly_usd=budget.max_hourly_usd,
        spent_usd=view.spent,
        committed_usd=committed,
        usd_per_hour=burn,
        is_wall=budget.is_wall,
        changes=changes,
        unproven_usd=view.unproven,
    )


def budget_change_lines(before: BudgetRecord | None, after: BudgetRecord) -> tuple[str, ...]:
    """What applying the documents does to a budget."""
    new = after.budget
    if before is None:
        return (f"new: {limit_text(new)}",)
    old = before.budget
    lines = []
    if limit_text(old) != limit_text(new):
        lines.append(f"{limit_text(old)} -> {limit_text(new)}")
    for attribute in ("time_zone", "warn_at", "on_exceed", "fleets"):
        left, right = getattr(old, attribute), getattr(new, attribute)
        if left != right:
            lines.append(f"{attribute} {_listed(left)} -> {_listed(right)}")
    if old.match != new.match:
        lines.append("match changed")
    return tuple(lines)


def _listed(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(str(one) for one in value) or "none"
    return str(value)


def limit_text(budget: Budget) -> str:
    """``$100.00 a month and $2.000/h``."""
    parts = []
    if budget.limit_usd is not None:
        span = "in total" if budget.period == "total" else f"a {budget.period}"
        parts.append(f"{format_usd(budget.limit_usd)} {span}")
    if budget.max_hourly_usd is not None:
        parts.append(format_rate(budget.max_hourly_usd))
    return " and ".join(parts)
