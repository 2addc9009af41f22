"""What a budget that freezes refuses: to let what runs live longer than its money lasts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.cost import format_usd
from reconciler.model.exit_code import ExitCode
from reconciler.model.observation import NOTHING_OBSERVED
from reconciler.model.plan import Finding, Mode
from reconciler.planning.budgets import budget_views, limit_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime, timedelta
    from decimal import Decimal

    from reconciler.model.record import LeaseRecord, RecordedState
    from reconciler.planning.budgets import BudgetView
    from reconciler.planning.scene import Scene


def refused_leases(
    budgets: Iterable[tuple[BudgetView, Decimal]], scene: Scene
) -> Iterator[Finding]:
    """Longer leases of running machines that a frozen budget cannot pay to their ends. With each
    budget what stays can still cost, the longer leases included.
    """
    if scene.request.mode is not Mode.APPLY:
        return
    for view, committed in budgets:
        longer = _lengthened(view, scene.recorded.leases, scene.leases)
        why = _shortfall(view, committed) if longer else ""
        if why:
            fix = "end it earlier, raise the budget, or destroy what is not needed; and apply"
            what = f"{', '.join(longer)} may not run longer: {why}"
            yield Finding(what, ExitCode.REFUSED_BY_BUDGET, blocks=True, fix=fix)


def extension_refused(
    recorded: RecordedState, fleet: str, ends_at: datetime, now: datetime, tick: timedelta
) -> str:
    """Why ``fleet`` may not run until ``ends_at``; empty where no frozen budget forbids it."""
    leases = {**recorded.leases, fleet: recorded.leases[fleet].with_(extended_to=ends_at)}
    views = budget_views(recorded.budgets.values(), recorded, leases, NOTHING_OBSERVED, now)
    for view in views:
        if _lengthened(view, recorded.leases, leases):
            why = _shortfall(view, view.committed(view.payers, tick))
            if why:
                return why
    return ""


def _lengthened(
    view: BudgetView, before: Mapping[str, LeaseRecord], after: Mapping[str, LeaseRecord]
) -> list[str]:
    """Fleets with machines that this budget pays for, and a later end."""
    fleets = sorted({one.fleet for one in view.payers if not one.leaving})
    return [f"fleet.{name}" for name in fleets if _is_later(before.get(name), after.get(name))]


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
