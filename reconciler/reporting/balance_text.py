"""Accounts at providers for people: one line each in a plan."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.cost import format_usd, shared_usd
from reconciler.reporting.columns import cell, wrap

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from reconciler.model.balance import BalanceSummary
    from reconciler.reporting.palette import Palette


def plan_balance_lines(balances: Sequence[BalanceSummary], palette: Palette) -> Iterator[str]:
    """What each account has left once the plan is carried out and every lease has ended."""
    for one in balances:
        short = one.balance_usd is None or one.short_usd > 0
        paint = palette.change if short else palette.quiet
        text = f"Balance of {cell(one.provider)}: {_figures(one)}"
        yield from (paint(line) for line in wrap(text, hang=2))


def _figures(one: BalanceSummary) -> str:
    if one.balance_usd is None or one.left_usd is None:
        return f"not known ({cell(one.why, 200)})"
    kept = f"; {format_usd(one.min_balance_usd)} are kept" if one.min_balance_usd else ""
    parts = (one.committed_usd, one.left_usd)
    reserved, left = map(format_usd, shared_usd(parts, one.balance_usd))
    return (
        f"{format_usd(one.balance_usd)}, {reserved} reserved to the lease ends, {left} left{kept}"
    )
