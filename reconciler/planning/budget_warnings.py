"""Which budgets have something to say, and have not said it in this period."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.cost import format_usd
from reconciler.model.value import dataclass
from reconciler.planning.budgets import budget_views, limit_text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from decimal import Decimal

    from reconciler.model.observation import ObservedState
    from reconciler.model.record import RecordedState


@dataclass(frozen=True, slots=True)
class BudgetWarning:
    """``percent`` of the limit is spent, in the period that began at ``since``."""

    name: str
    percent: int
    since: datetime
    spent: Decimal
    message: str


def warnings_due(
    recorded: RecordedState, observed: ObservedState, now: datetime
) -> Iterator[BudgetWarning]:
    """The highest mark that each budget has passed and not told; 100 where it ended machines."""
    for view in budget_views(recorded.budgets.values(), recorded, recorded.leases, observed, now):
        limit, record = view.budget.limit_usd, view.record
        if limit is None or "notify" not in view.budget.on_exceed:
            continue
        told = record.warned_percent if record.warned_since == view.since else 0
        share = view.spent * 100 / limit
        marks = [one for one in view.budget.warn_at if one <= share]
        if view.killed_lately or share >= 100:
            marks.append(100)
        highest = max(marks, default=0)
        if highest > told:
            said = "is used up" if highest == 100 else f"is used up to {highest} %"
            message = (
                f"budget {view.budget.name}, {limit_text(view.budget)}, {said}: "
                f"{format_usd(view.spent)} spent"
            )
            yield BudgetWarning(view.budget.name, highest, view.since, view.spent, message)
