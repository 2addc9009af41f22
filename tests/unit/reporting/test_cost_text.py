from __future__ import annotations

from decimal import Decimal
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from reconciler.model.costs import CostReport, CostRow
from reconciler.model.ledger import NOTHING, Amounts
from reconciler.reporting.cost_text import cost_text
from tests.markets import START


def _report(*costs: tuple[str, int]) -> CostReport:
    rows = tuple(CostRow((name,), Amounts(gpu=micro, seconds=60)) for name, micro in costs)
    total = NOTHING
    for row in rows:
        total += row.amounts
    return CostReport(START, START, ("team",), rows, total, (), Decimal(0))


def _told(report: CostReport) -> list[tuple[str, Decimal]]:
    lines = cost_text(report, "lab").splitlines()
    rows = [line.split() for line in lines if "$" in line and "Total" not in line]
    return [(row[0], Decimal(row[-1].removeprefix("$").replace(",", ""))) for row in rows]


def test_the_dearest_come_first_by_what_is_shown_and_equals_by_name() -> None:
    """0.1249 and 0.1201 are both 12 cents: neither is dearer to the reader."""
    told = _told(_report(("c", 120_100), ("a", 1_000_000), ("b", 124_900), ("d", 2_000_000)))
    assert [name for name, _ in told] == ["d", "a", "b", "c"]
    assert told[2][1] == told[3][1] == Decimal("0.12")


@given(st.lists(st.integers(min_value=0, max_value=10**9), min_size=1, max_size=40))
def test_what_is_shown_falls_and_adds_up_to_the_total(micro: list[int]) -> None:
    costs = [(f"t{number:02}", one) for number, one in enumerate(micro)]
    told = _told(_report(*costs))
    shown = [usd for _, usd in told]
    assert shown == sorted(shown, reverse=True)
    total = Decimal(round(Decimal(sum(micro)) / 10_000)) / 100
    assert sum(shown) == total
    for (name, before), (other, after) in pairwise(told):
        assert before > after or name < other
    for name, usd in told:
        assert abs(usd * 10**6 - micro[int(name[1:])]) < 10_000
