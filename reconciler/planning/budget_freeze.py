"""What a budget that freezes refuses: to let what runs live longer than its money lasts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.cost import format_usd, shared_usd
from reconciler.model.exit_code import ExitCode
from reconciler.model.observation import NOTHING_OBSERVED
from reconciler.model.plan import Finding
from reconciler.planning.budgets import budget_views, limit_text
from reconciler.planning.leases import end_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime, timedelta
    from decimal import Decimal

    from reconciler.model.record import LeaseRecord, RecordedState
    from reconciler.planning.budgets import BudgetView, Payer
    from reconciler.planning.scene import Scene

_WHEN = ("ttl", "expires_at", "started_at", "extended_to", "ended_at", "ended_by", "hours")


def kept_leases(
    views: Iterable[BudgetView], scene: Scene
) -> tuple[dict[str, LeaseRecord], list[Finding]]:
    """The leases of running machines that a frozen budget cannot pay to their new ends, with the
    ends that they had; and what has to be said about each budget.
    """
    before = scene.recorded.leases
    moved = {name for name, lease in scene.leases.items() if before.get(name, lease) != lease}
    kept: dict[str, LeaseRecord] = {}
    findings: list[Finding] = []
    for view in views if moved else ():
        longer = {one.fleet for one in view.payers if one.fleet in moved and _longer(one, scene)}
        mine = sorted(longer)
        why = _shortfall(view, view.committed(view.payers, scene.tick)) if mine else ""
        if why:
            kept.update({name: _as_before(scene.leases[name], before[name]) for name in mine})
            what = f"{', '.join(f'fleet.{name}' for name in mine)} may not run longer: {why}"
            fix = "end it earlier or raise the budget, and apply"
            findings.append(Finding(what, ExitCode.REFUSED_BY_BUDGET, fix=fix))
    return kept, findings


def _longer(payer: Payer, scene: Scene) -> bool:
    """Whether a machine would live longer than under the leases that are recorded: by another
    lease, other office hours, or one that is opened anew over it.
    """
    record = scene.recorded.instances.get(payer.mark)
    if record is None or payer.leaving:
        return False
    return payer.ends_at > end_of(record, scene.recorded)


def _as_before(lease: LeaseRecord, before: LeaseRecord) -> LeaseRecord:
    """With whatever says when it ends, or that it has ended."""
    return lease.with_(**{name: getattr(before, name) for name in _WHEN})


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


def _shortfall(view: BudgetView, committed: Decimal) -> str:
    budget = view.budget
    if "freeze" not in budget.on_exceed or budget.limit_usd is None:
        return ""
    short = view.spent + committed - budget.limit_usd
    if short <= 0:
        return ""
    spent, reserved, over = shared_usd((view.spent, committed, -short), budget.limit_usd)
    return (
        f"budget {budget.name}, {limit_text(budget)}: {format_usd(spent)} spent, "
        f"{format_usd(reserved)} reserved, short of {format_usd(-over)}"
    )
