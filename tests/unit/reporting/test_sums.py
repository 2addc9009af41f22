"""Parts that stand above a total add up to it as they are shown, to the last digit (I27)."""

from __future__ import annotations

import re
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.model.budget import BudgetSummary
from reconciler.model.cost import format_rate, format_usd, shared_usd
from reconciler.model.costs import BillCheck, BillRow, CostReport, CostRow
from reconciler.model.ledger import NOTHING, Amounts
from reconciler.reporting.budget_text import budgets_text, plan_budget_lines
from reconciler.reporting.cost_chart import cost_bars
from reconciler.reporting.cost_text import cost_text
from reconciler.reporting.fleet_table import status_text
from reconciler.reporting.ledger_export import bill_text
from reconciler.reporting.palette import PLAIN
from reconciler.reporting.plan_text import plan_text
from tests.builders import plan, summary
from tests.markets import START
from tests.unit.reporting.status_rows import machine_row, report

MICRO = Decimal("0.000001")
DOLLARS = st.integers(min_value=0, max_value=10**8).map(lambda micro: micro * MICRO)
MANY = st.lists(DOLLARS, min_size=1, max_size=12)
AMOUNTS = st.builds(
    Amounts,
    gpu=st.integers(0, 10**7),
    disk=st.integers(0, 10**5),
    stopped=st.integers(0, 10**4),
    failed=st.integers(0, 10**5),
    seconds=st.integers(1, 10**6),
)


def money_in(line: str) -> list[Decimal]:
    found = re.findall(r"-?\$[\d,]+\.\d+", line)
    return [Decimal(one.replace("$", "").replace(",", "")) for one in found]


@given(MANY, st.integers(0, 4))
def test_shares_add_up_to_the_rounded_sum_and_none_is_off_by_a_unit(
    parts: list[Decimal], places: int
) -> None:
    total = sum(parts, Decimal(0))
    shared = shared_usd(parts, total, places)
    shown = Decimal(format_usd(total, places).replace("$", "").replace(",", ""))
    assert sum(shared) == shown
    unit = Decimal(1).scaleb(-places)
    assert all(abs(one - part) < unit for one, part in zip(shared, parts, strict=True))


@settings(max_examples=40)
@given(st.lists(AMOUNTS, min_size=1, max_size=9))
def test_costs_add_up_across_and_down(spent: list[Amounts]) -> None:
    rows = tuple(CostRow((f"t{at}",), one) for at, one in enumerate(spent) if one.micro_usd)
    total = sum((one.amounts for one in rows), NOTHING)
    told = CostReport(START, START, ("team",), rows, total, (), Decimal(0))
    lines = cost_text(told, "lab").splitlines()
    shown = [money_in(line) for line in lines if re.match(r"t\d", line)]
    (whole,) = (money_in(line)[0] for line in lines if line.startswith("Total"))
    assert all(sum(parts) == line_total for *parts, line_total in shown)
    assert sum(line_total for *_, line_total in shown) == whole
    bars = cost_bars(told, "lab", PLAIN).splitlines()
    assert sum((money_in(line)[0] for line in bars if re.match(r"t\d", line)), Decimal(0)) == whole


@settings(max_examples=40)
@given(DOLLARS, DOLLARS, DOLLARS)
def test_a_budget_is_spent_reserved_and_left(
    spent: Decimal, committed: Decimal, limit: Decimal
) -> None:
    one = BudgetSummary(
        "all", "total", None, None, limit + MICRO, None, spent, committed, Decimal(1), True
    )
    *_, row, _, _ = budgets_text([one], "lab", START, PLAIN).splitlines()
    line = " ".join(plan_budget_lines([one], PLAIN))
    for told in (row, line):
        *parts, whole = money_in(told)
        assert sum(parts) == whole


@settings(max_examples=40)
@given(MANY)
def test_what_machines_have_cost_so_far_is_the_total_of_status(spent: list[Decimal]) -> None:
    rows = [machine_row(at, usd_so_far=usd) for at, usd in enumerate(spent)]
    lines = status_text(report(*rows)).splitlines()
    shown = [money_in(line)[1] for line in lines if line.startswith("fleet.")]
    assert sum(shown) == money_in(lines[-1])[-1]


@settings(max_examples=40)
@given(st.lists(st.tuples(DOLLARS, DOLLARS), min_size=1, max_size=8), DOLLARS)
def test_the_fleets_of_a_plan_add_up_to_its_money_line(
    fleets: list[tuple[Decimal, Decimal]], others: Decimal
) -> None:
    """Whatever else a plan has to pay for, machines that were let go, is not shown there."""
    rates = [rate / 100 for rate, _ in fleets]
    rows = [
        summary(f"f{at}", rate_before=Decimal(0), rate_after=rate, worst_case_usd=most)
        for at, (rate, (_, most)) in enumerate(zip(rates, fleets, strict=True))
    ]
    for rest in (Decimal(0), others):
        total = sum((most for _, most in fleets), rest)
        value = plan(
            fleets=tuple(rows),
            rate_before=Decimal(0),
            rate_after=sum(rates, Decimal(0)),
            worst_case_usd=total,
            worst_case_until=START,
        )
        *lines, money, _ = plan_text(value, PLAIN).splitlines()
        shown = [money_in(line) for line in lines if line.startswith("fleet.f")]
        _, rate, most = money_in(money)
        assert rest or sum(one[-1] for one in shown) == most
        if sum(rates) < 10:
            assert sum(one[-2] for one in shown) == rate
            assert format_rate(value.rate_after) == f"${rate}/h"


@settings(max_examples=40)
@given(MANY, st.data())
def test_a_bill_adds_up_across_and_down(ours: list[Decimal], data: st.DataObject) -> None:
    theirs = [data.draw(DOLLARS) for _ in ours]
    rows = tuple(
        BillRow(f"m-{at}", f"fleet.dev[{at}]", mine, bill)
        for at, (mine, bill) in enumerate(zip(ours, theirs, strict=True))
    )
    *lines, last = bill_text(BillCheck(rows, (), ())).splitlines()
    shown = [money_in(line) for line in lines if line.startswith("m-")]
    assert all(bill - mine == difference for mine, bill, difference in shown)
    assert [sum(one[at] for one in shown) for at in (0, 1)] == money_in(last)
