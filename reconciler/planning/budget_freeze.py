"""What a budget that freezes refuses: to let what runs live longer than its money lasts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.cost import format_usd
from reconciler.model.exit_code import ExitCode
from reconciler.model.observation import NOTHING_OBSERVED
from reconciler.model.plan import Finding
from reconciler.planning.budgets import budget_views, limit_text

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime, timedelta
    from decimal import Decimal

    from reconciler.model.record import LeaseRecord, RecordedState
    from reconciler.planning.budgets import BudgetView
    from reconciler.planning.scene import Scene


def kept_leases(
    views: Iterable[BudgetView], scene: Scene
) -> tuple[dict[str, LeaseRecord], list[Finding]]:
    """The leases of running machines that a frozen budget cannot pay to their new ends, with the
    ends that they had; and what has to be said about each budget.
    """
    before = scene.recorded.leases
    longer = {
        name
        for name, lease in scene.leases.items()
        if lease.hours is None and _is_later(before.get(name), lease)
    }
    kept: dict[str, LeaseRecord] = {}
    findings: list[Finding] = []
    for view in views if longer else ():
        mine = sorted({one.fleet for one in view.payers if not one.leaving} & longer)
        why = _shortfall(view, view.committed(view.payers, scene.tick)) if mine else ""
        if why:
            kept.update({name: _as_before(scene.leases[name], before[name]) for name in mine})
            what = f"{', '.join(f'fleet.{name}' for name in mine)} may not run longer: {why}"
            fix = "end it earlier or raise the budget, and apply"
            findings.append(Finding(what, ExitCode.REFUSED_BY_BUDGET, fix=fix))
    return kept, findings


def _as_before(lease: LeaseRecord, before: LeaseRecord) -> LeaseRecord:
    return lease.with_(ttl=before.ttl, expires_at=before.expires_at, extended_to=before.extended_to)


def extension_refused(
    recorded: RecordedState, fleet: str, ends_at: datetime, now: datetime, tick: timedelta
) -> str:
    """Why ``fleet`` may not run until ``ends_at``; empty where no frozen budget forbids it."""
    leases = {**recorded.leases, fleet: recorded.leases[fleet].with_(extended_to=ends_at)}
    views = budget_views(recorded.budgets.values(), recorded, leases, NOTHING_OBSERVED, now)
    for view in views:
        if any(one.fleet == fleet and not one.leaving for one in view.payers):
            why = _shortfall(view, view.committed(view.payers, tick))
            if why:
                return why
    return ""


def _is_later(before: LeaseRecord | None, after: LeaseRecord | None) -> bool:
    if before is None or after is None or before.ends_at is None or after.ends_at is None:
        return False
    return after.ends_at > before.ends_at


def _shortfall(view: BudgetView, committed: Decimal) -> str:
    budget = view.budget
    if "freeze" not in budget.on_exceed or budget.limit_usd is None:
        return ""
    short = view.spent + committed - budget.limit_usd
    if short <= 0:
        return ""
    return (
        f"budget {budget.name}, {limit_text(budget)}: {format_usd(view.spent)} spent, "
        f"{format_usd(committed)} reserved, short of {format_usd(short)}"
    )
