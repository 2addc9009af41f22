"""The ledger and the walls over a thousand random histories of a market (I6, I13, I27)."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from reconciler.planning.budgets import SKEW
from reconciler.planning.costs import costs_of
from reconciler.planning.spending import DESTROY_TIME
from tests.markets import START
from tests.unit.planning.money_market import LATER, History

HISTORIES = 1000
BATCHES = 10
TICKS_MAX = 200


def _run(history: History, ticks: int) -> Decimal:
    """To the end, or until all is proven gone; the most by which the bill ever passed the limit."""
    worst = Decimal(0)
    limit = history.budget.limit_usd
    assert limit is not None
    for _ in range(ticks):
        dark = not history.calm and history.random.random() < 0.05
        history.reconcile(dark=dark)
        if not history.state.instances:
            break
        history.advance(dark=dark)
        worst = max(worst, history.billed() - limit)
    for _ in range(4):  # what was asked for last is proven
        history.now += timedelta(seconds=30)
        worst = max(worst, history.billed() - limit)
        history.reconcile()
    return worst


def _ours(history: History) -> Decimal:
    return costs_of(history.state, START - timedelta(days=1), min(history.now, LATER)).total.usd


@pytest.mark.parametrize("batch", range(BATCHES))
def test_i6_i13_our_sum_is_never_below_the_bill_and_the_bill_hardly_above_the_limit(
    batch: int,
) -> None:
    for seed in range(batch, HISTORIES, BATCHES):
        history = History(seed)
        highest = history.burn()
        ticks = min(TICKS_MAX, 10 + seed % 40 if seed % 50 else TICKS_MAX)
        overshoot = _run(history, ticks)
        rates = [rate for one in history.machines.values() for _, rate in one.rates]
        highest = max(highest, sum(rates, Decimal(0)))
        margin = highest * int((history.tick + SKEW + DESTROY_TIME).total_seconds()) / 3600
        assert overshoot <= margin, f"seed {seed}: I6"
        ours, theirs = _ours(history), history.billed()
        parts = Decimal("0.00005")  # each segment of ours is rounded once
        assert ours >= theirs - parts, f"seed {seed}: less than was billed"
        # what happened between two passes counts by its dearer reading, a tick at most each; so
        # does a destroy that was sent again while nobody saw whether the first one was enough
        gaps = highest * 5 * int(history.tick.total_seconds()) / 3600
        assert ours - theirs <= gaps * len(history.machines), f"seed {seed}: far more than billed"


@pytest.mark.parametrize("batch", range(2))
def test_without_surprises_the_limit_holds_and_the_sums_agree_to_a_thousandth(batch: int) -> None:
    for seed in range(batch, 30, 2):
        history = History(seed, calm=True, tick=timedelta(minutes=5))
        overshoot = _run(history, TICKS_MAX)
        assert overshoot <= 0, f"seed {seed}: the limit was passed"
        ours, theirs = _ours(history), history.billed()
        assert abs(ours - theirs) <= theirs / 1000, f"seed {seed}: more than 0.1 % apart"
