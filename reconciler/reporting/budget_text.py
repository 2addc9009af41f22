"""Budgets for people: a line each in a plan, and the table of ``budgets``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.cost import format_rate, format_usd
from reconciler.reporting.columns import cell, wrap

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from reconciler.model.budget import BudgetSummary
    from reconciler.reporting.palette import Palette

PLAN_LINES = 12


def plan_budget_lines(budgets: Sequence[BudgetSummary], palette: Palette) -> Iterator[str]:
    """What each budget has left once the plan is carried out; the tightest first."""
    ranked = sorted(budgets, key=lambda one: (not one.changes, _share_left(one), one.name))
    for one in ranked[:PLAN_LINES]:
        paint = palette.change if one.changes else palette.quiet
        for line in wrap(f"Budget {cell(one.name)}: {_figures(one)}", hang=2):
            yield paint(line)
        for change in one.changes:
            yield from (palette.change(line) for line in wrap(f"~ {change}", indent=2, hang=2))
    if len(ranked) > PLAN_LINES:
        yield palette.quiet(f"... and {len(ranked) - PLAN_LINES} more (gpu-shopper budgets)")


def _figures(one: BudgetSummary) -> str:
    parts = []
    if one.limit_usd is not None and one.left_usd is not None:
        span = "in total" if one.period == "total" else f"this {one.period}"
        parts.append(
            f"{format_usd(one.spent_usd)} spent {span}, {format_usd(one.committed_usd)} reserved, "
            f"{format_usd(one.left_usd)} left of {format_usd(one.limit_usd)}"
        )
    if one.max_hourly_usd is not None:
        now, most = format_rate(one.usd_per_hour), format_rate(one.max_hourly_usd)
        parts.append(f"{now} of {most}")
    return "; ".join(parts)


def _share_left(one: BudgetSummary) -> float:
    if one.limit_usd is None or one.left_usd is None:
        return 1.0
    return float(one.left_usd / one.limit_usd)
