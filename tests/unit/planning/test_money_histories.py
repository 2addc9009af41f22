"""The ledger and the walls over a thousand random histories of a market (I6, I13, I27).

Run it as a module for many more: ``make histories RUNS=100000``.
"""

from __future__ import annotations

import sys
from datetime import timedelta
from decimal import Decimal

import pytest

from reconciler.model.ledger import MICRO, Amounts, Segment
from reconciler.planning.budgets import SKEW
from reconciler.planning.costs import costs_of
from reconciler.planning.ledger import cost_between
from reconciler.planning.spending import DESTROY_TIME
from tests.markets import START
from tests.unit.planning import money_market
from tests.unit.planning.money_market import LATER, Billed, History

CLEAR, WILD, WORST = 1000, 300, 2200
BATCHES = 10
TICKS_MAX = 200
UNIT = Decimal(1) / 3600
"""The simulated market bills by the second begun: hours of it."""
ROUNDING = Decimal("0.00005")


def clear_history(seed: int) -> History:
    return History(seed, clear=True, tick=timedelta(minutes=5 * (1 + seed % 3)))


def run(history: History, ticks: int) -> Decimal:
    """To the end, or until all is proven gone; the most by which the bill ever passed the limit."""
    worst = Decimal(0)
    limit = history.budget.limit_usd
    assert limit is not None
    for _ in range(ticks):
        history.reconcile(dark=not history.clear and history.random.random() < 0.05)
        if not history.state.instances:
            break
        history.advance()
        worst = max(worst, history.billed() - limit)
    for _ in range(4):  # what was asked for last is proven
        history.now += timedelta(seconds=30)
        worst = max(worst, history.billed() - limit)
        history.reconcile()
    return worst


def ticks_of(seed: int) -> int:
    return TICKS_MAX if seed % 50 == 0 else 10 + seed % 25


def total_of(history: History) -> Amounts:
    until = min(history.now, LATER)
    return costs_of(history.state, START - timedelta(days=1), until).total


def judge_limit(history: History, overshoot: Decimal) -> None:
    """I6: never beyond what runs until the next pass and until its destroy."""
    rates = [max(rate for _, rate in one.rates) for one in history.machines.values()]
    seconds = int((history.tick + SKEW + DESTROY_TIME).total_seconds())
    assert overshoot <= sum(rates, Decimal(0)) * seconds / 3600, "I6"


def judge_clear(seed: int) -> None:
    """The same segments as on the bill, each within a second."""
    history = clear_history(seed)
    judge_limit(history, run(history, ticks_of(seed)))
    for mark, machine in history.machines.items():
        _judge_machine(history, mark, machine)
    ours, theirs = total_of(history).usd, history.billed()
    assert -ROUNDING <= ours - theirs <= theirs / 1000, "0.1 %"


def _judge_machine(history: History, mark: str, machine: Billed) -> None:
    ours = _alike(history.counted(mark))
    theirs = machine.stretches(history.now)
    assert [one.usd_per_hour for one in ours] == [rate for *_, rate in theirs], "segments"
    for one, (since, until, rate) in zip(ours, theirs, strict=True):
        bill = rate * money_market.seconds_begun(since, until) / 3600
        assert one.until is not None
        more = cost_between(one, one.since, one.until).usd - bill
        assert -MICRO <= more <= rate * UNIT + MICRO, "one billing unit"


def _alike(segments: list[Segment]) -> list[Segment]:
    """Those side by side at one rate as one: what is marked of it costs the same."""
    found: list[Segment] = []
    for one in segments:
        if one.until is not None and one.since >= one.until:
            continue
        if found and found[-1].usd_per_hour == one.usd_per_hour:
            last = found.pop()
            one = Segment(last.since, one.until, one.usd_per_hour, one.disk_usd_per_hour)
        found.append(one)
    return found


def judge_wild(seed: int) -> None:
    """The bill lies between what is counted and what is counted less what is marked."""
    history = History(seed, clear=False)
    judge_limit(history, run(history, ticks_of(seed)))
    ours, theirs = total_of(history), history.billed()
    assert ours.usd >= theirs - ROUNDING, "less than was billed"
    segments = [one for mark in history.machines for one in history.counted(mark)]
    units = sum((one.usd_per_hour * UNIT for one in segments), Decimal(0))
    assert ours.usd - ours.unknown * MICRO <= theirs + units + ROUNDING, "more than is marked"


@pytest.mark.parametrize("batch", range(BATCHES))
def test_i6_i13_i27_the_ledger_has_the_segments_of_the_bill_and_its_sum_to_a_thousandth(
    batch: int,
) -> None:
    for seed in range(batch, CLEAR, BATCHES):
        judge_clear(seed)


def judge_worst_case(seed: int) -> bool:
    """Nobody looks again but a loop that ends machines at their end, a tick late at the most.
    False where the plan itself ends machines: the worst case is that of what it leaves.
    """
    history = clear_history(seed)
    for _ in range(seed % 7):
        history.reconcile()
        history.advance()
    plan, billed = history.reconcile(), history.billed()
    if plan.destroys or not history.alive():
        return False
    assert plan.worst_case_usd is not None
    end = history.state.leases["batch"].ends_at
    assert end is not None
    history.now = end + history.random.randint(0, 60) * money_market.SECOND
    history.reconcile()
    history.now += money_market.SECOND * 60
    assert history.alive() == []
    assert history.billed() - billed <= plan.worst_case_usd + ROUNDING
    assert history.billed() > billed
    return True


@pytest.mark.parametrize("batch", range(BATCHES))
def test_the_worst_case_of_a_plan_is_not_exceeded_when_nobody_looks_again(batch: int) -> None:
    judged = [judge_worst_case(seed) for seed in range(batch, WORST, BATCHES)]
    assert sum(judged) >= CLEAR // BATCHES


@pytest.mark.parametrize("batch", range(3))
def test_i6_i13_what_nobody_saw_is_marked_and_what_is_marked_explains_the_rest(batch: int) -> None:
    for seed in range(batch, WILD, 3):
        judge_wild(seed)


if __name__ == "__main__":
    for number in range(int(sys.argv[1])):
        judge_clear(number)
        judge_wild(number)
        judge_worst_case(number)
    sys.stdout.write(f"{sys.argv[1]} clear and as many wild histories: every sum holds\n")
