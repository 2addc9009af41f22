"""What may still be bought: every node reserves its money first (SPEC.md section 12, 9)."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from reconciler.model.cost import ZERO, format_rate, format_usd
from reconciler.model.exit_code import ExitCode
from reconciler.model.plan import Finding, Mode
from reconciler.model.quantity import about
from reconciler.model.reason import DestroyReason
from reconciler.model.value import dataclass
from reconciler.planning.balance_guard import account_purses
from reconciler.planning.budgets import (
    budget_change_lines,
    budget_views,
    covers_fleet,
    limit_text,
    summary_of,
)
from reconciler.planning.commitments import going, staying
from reconciler.planning.leases import planned_end
from reconciler.planning.spending import DESTROY_TIME, leaving_cost

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from decimal import Decimal

    from reconciler.model.balance import BalanceSummary
    from reconciler.model.budget import BudgetSummary
    from reconciler.model.plan import Create
    from reconciler.planning.balance_guard import AccountPurse
    from reconciler.planning.budgets import BudgetView
    from reconciler.planning.commitments import Commitment
    from reconciler.planning.scene import Decisions, Scene

    _Place = tuple[str, str]
    """A fleet, and the provider at which it spends."""


@dataclass(frozen=True, slots=True)
class Admission:
    """The creates that every budget and account can carry, what is refused, and each afterwards."""

    creates: tuple[Create, ...]
    findings: tuple[Finding, ...] = ()
    budgets: tuple[BudgetSummary, ...] = ()
    balances: tuple[BalanceSummary, ...] = ()


class _Purse:
    """What one budget has left while creates are weighed one after the other."""

    def __init__(
        self, view: BudgetView, scene: Scene, decisions: Decisions, tick: timedelta
    ) -> None:
        self.view = view
        self.tick = tick
        self.committed, self.burn = _commitments(view, scene, decisions, tick)
        self.kills = any(
            one.reason is DestroyReason.OVER_BUDGET
            and not one.again
            and covers_fleet(view.budget, one.record.fleet, one.record.provider, scene.leases)
            for one in decisions.destroys
        )
        self.refused: list[Create] = []
        self._scene = scene
        self._inside: dict[_Place, bool] = {}

    @property
    def tells_providers_apart(self) -> bool:
        return self.view.budget.tells_providers_apart

    def covers(self, fleet: str, provider: str) -> bool:
        place = (fleet, provider)
        if place not in self._inside:
            self._inside[place] = covers_fleet(self.view.budget, *place, self._scene.leases)
        return self._inside[place]

    def pays_for(self, create: Create) -> bool:
        return self.covers(create.slot.fleet, create.offer.provider)

    def share_of(self, create: Create) -> Decimal:
        end = planned_end(self._scene.leases[create.slot.fleet], self._scene.now)
        return self.view.reserve(create.usd_per_hour, end, self.tick)

    def has_room(self, create: Create) -> bool:
        budget = self.view.budget
        if self._heals_after_a_kill():
            return False
        if self._too_fast(create):
            return False
        if budget.limit_usd is None:
            return True
        return self.view.spent + self.committed + self.share_of(create) <= budget.limit_usd

    def take(self, create: Create, sign: int = 1) -> None:
        self.committed += sign * self.share_of(create)
        self.burn += sign * create.usd_per_hour

    def _too_fast(self, create: Create) -> bool:
        cap = self.view.budget.max_hourly_usd
        return cap is not None and self.burn + create.usd_per_hour > cap

    def _heals_after_a_kill(self) -> bool:
        """In this very plan as well: the state learns of it too late for its purchases."""
        lately = self.kills or self.view.killed_lately
        return self._scene.request.mode is Mode.LOOP and lately

    def refusal(self, admitted: Iterable[Create]) -> Finding:
        """The shortfall, and what would fit."""
        bought = sum(1 for one in admitted if self.pays_for(one))
        budget, first = self.view.budget, self.refused[0]
        wanted = bought + len(self.refused)
        what = f"budget {budget.name}, {limit_text(budget)}: "
        if self._heals_after_a_kill():
            what += "it has destroyed machines in this period, so nothing is bought again"
        elif budget.limit_usd is None or self._too_fast(first):
            what += f"{format_rate(self.burn)} run, another {format_rate(first.usd_per_hour)}"
        else:
            short = self.view.spent + self.committed - budget.limit_usd
            short += sum((self.share_of(one) for one in self.refused), ZERO)
            what += (
                f"{format_usd(self.view.spent)} spent, {format_usd(self.committed)} reserved, "
                f"short of {format_usd(short)}"
            )
        what += f"; {bought} of {wanted} node(s) fit"
        return Finding(what, ExitCode.REFUSED_BY_BUDGET, fix=self._fix(first))

    def _fix(self, create: Create) -> str:
        """What would make room for one more node."""
        budget = self.view.budget
        if budget.limit_usd is None or create.usd_per_hour <= 0:
            return f"raise the budget and apply, or destroy what is not needed: {create.slot.fleet}"
        left = budget.limit_usd - self.view.spent - self.committed
        hours = left / create.usd_per_hour
        margin = self.tick + DESTROY_TIME
        seconds = int(hours * 3600) - int(margin.total_seconds())
        if seconds < 600:
            return "raise the budget and apply, or destroy what is not needed"
        lasts = about(timedelta(seconds=seconds // 60 * 60))
        return f"a ttl of {lasts} would fit one node; or raise the budget and apply"


def admit(
    creates: Sequence[Create],
    views: Sequence[BudgetView],
    scene: Scene,
    decisions: Decisions,
    tick: timedelta,
) -> Admission:
    """The larger ``weight`` first, then by slot. A gang that does not fit whole is not bought."""
    removed = _removed(views, scene)
    accounts = account_purses(scene, decisions)
    if not views and not accounts and not scene.new_budgets:
        return Admission(tuple(creates), budgets=removed)
    purses = [_Purse(view, scene, decisions, tick) for view in views]
    unapplied = [_Purse(view, scene, decisions, tick) for view in scene.new_budgets]
    admitted: list[Create] = []
    for group in _groups(creates, scene):
        admitted += _admitted(group, [*purses, *unapplied, *accounts])
    slots = {create.slot for create in admitted}
    short = [purse for purse in purses if purse.refused]
    # One and the same budget as it was applied and as it is written is said once.
    known = {purse.view.budget.name for purse in short}
    short += [one for one in unapplied if one.refused and one.view.budget.name not in known]
    findings = [purse.refusal(admitted) for purse in short]
    findings += [account.refusal(admitted) for account in accounts if account.refused]
    findings += scene.frozen
    findings += _not_walls(purses, scene)
    for account in accounts:
        findings += account.findings(refusing=bool(account.refused))
    summaries = tuple(_summary(purse, scene) for purse in purses)
    return Admission(
        tuple(
            _within(one, [*purses, *unapplied, *accounts]) for one in creates if one.slot in slots
        ),
        tuple(findings),
        (*summaries, *removed),
        tuple(one.summary() for one in accounts if one.is_used or one.refused),
    )


def _within(create: Create, purses: Sequence[_Purse | AccountPurse]) -> Create:
    """``create`` that falls back on no offer for which others would have to pay."""
    apart = [purse for purse in purses if purse.tells_providers_apart]
    if not apart:
        return create
    fleet, chosen = create.slot.fleet, create.offer.provider
    ranked = tuple(
        offer
        for offer in create.ranked
        if all(
            purse.covers(fleet, offer.provider) == purse.covers(fleet, chosen) for purse in apart
        )
    )
    return replace(create, ranked=ranked)


def _removed(views: Sequence[BudgetView], scene: Scene) -> tuple[BudgetSummary, ...]:
    """Budgets that the documents no longer have, where this plan applies them."""
    if scene.request.mode is not Mode.APPLY or scene.desired is None or scene.request.only_record:
        return ()
    kept = {view.budget.name for view in views}
    gone = [one for name, one in sorted(scene.recorded.budgets.items()) if name not in kept]
    left = budget_views(gone, scene.recorded, scene.leases, scene.observed, scene.now)
    return tuple(
        summary_of(one, ZERO, one.usd_per_hour, (f"removed: {limit_text(one.budget)}",))
        for one in left
    )


def _groups(creates: Sequence[Create], scene: Scene) -> Iterator[list[Create]]:
    """One create at a time; those of a gang together."""
    ranked = sorted(
        creates, key=lambda one: (-scene.leases[one.slot.fleet].weight, one.slot.fleet, one.slot)
    )
    gangs: dict[str, list[Create]] = defaultdict(list)
    for one in ranked:
        if one.gang:
            gangs[one.slot.fleet].append(one)
    for one in ranked:
        if not one.gang:
            yield [one]
        elif gangs[one.slot.fleet]:
            yield gangs.pop(one.slot.fleet)
            gangs[one.slot.fleet] = []


def _admitted(group: list[Create], purses: Sequence[_Purse | AccountPurse]) -> list[Create]:
    taken: list[tuple[_Purse | AccountPurse, Create]] = []
    for create in group:
        paying = [purse for purse in purses if purse.pays_for(create)]
        short = [purse for purse in paying if not purse.has_room(create)]
        if short:
            for purse, one in taken:
                purse.take(one, -1)
            for purse in short:
                purse.refused += group
            return []
        for purse in paying:
            purse.take(create)
            taken.append((purse, create))
    return group


def _commitments(
    view: BudgetView, scene: Scene, decisions: Decisions, tick: timedelta
) -> tuple[Decimal, Decimal]:
    """What stays can still cost, what goes until it is gone, and the rate of what stays."""
    committed, burn = ZERO, ZERO
    leases = scene.leases
    inside: dict[_Place, bool] = {}

    def is_inside(one: Commitment) -> bool:
        place = (one.fleet, one.provider)
        if place not in inside:
            inside[place] = covers_fleet(view.budget, *place, leases)
        return inside[place]

    for one in filter(is_inside, staying(decisions, scene)):
        committed += view.reserve(one.usd_per_hour, one.ends_at, tick)
        burn += one.usd_per_hour
    for one in filter(is_inside, going(decisions, scene)):
        committed += leaving_cost(one.usd_per_hour, tick)
    return committed, burn


def _not_walls(purses: Iterable[_Purse], scene: Scene) -> Iterator[Finding]:
    if scene.request.mode is Mode.DESTROY:
        return
    for purse in purses:
        if not purse.view.budget.is_wall:
            name = purse.view.budget.name
            yield Finding(
                f"budget {name} is NOT A WALL: its on_exceed has no destroy, so what runs is not "
                "ended by it",
                fix="add destroy to its on_exceed",
            )


def _summary(purse: _Purse, scene: Scene) -> BudgetSummary:
    before = scene.recorded.budgets.get(purse.view.budget.name)
    changes = () if before is purse.view.record else budget_change_lines(before, purse.view.record)
    return summary_of(purse.view, purse.committed, purse.burn, changes)
