"""I27: money is exact, rounded up where it is promised, never a float."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.model.cost import exact_usd, format_rate, format_usd, price_ceiling, projected_cost

RATES = st.decimals(0, 1000, places=6)


@pytest.mark.parametrize(
    "value", [None, True, "0.22", float("nan"), float("inf"), -1, Decimal("NaN"), Decimal("-1"), []]
)
def test_bad_input_49_a_price_in_another_form_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="a price must be"):
        exact_usd(value)


def test_C5_13_a_float_is_read_through_its_shortest_text() -> None:
    assert sum(exact_usd(0.057) for _ in range(1000)) == Decimal(57)


@given(RATES, st.timedeltas(timedelta(0), timedelta(days=400)))
def test_a_projection_is_never_below_what_is_billed_for_seconds_begun(
    rate: Decimal, duration: timedelta
) -> None:
    seconds = -(-duration // timedelta(seconds=1))
    billed = rate * seconds / 3600
    assert projected_cost(rate, duration) >= billed.quantize(Decimal("0.000001"))
    assert projected_cost(rate, duration) <= billed + rate / 3600 + Decimal("0.000001")


def test_I27_a_projection_is_exact_to_the_micro_dollar() -> None:
    """In binary fractions a thousandth is a little more, which rounds up to the next one."""
    assert projected_cost(Decimal("0.40"), timedelta(seconds=8)) == Decimal("0.001000")


def test_nothing_is_projected_backwards() -> None:
    assert projected_cost(Decimal(1), timedelta(seconds=-1)) == 0
    assert projected_cost(Decimal(1), timedelta(0)) == 0


@given(RATES, st.none() | RATES)
def test_the_ceiling_is_five_percent_above_and_never_above_the_cap(
    rate: Decimal, cap: Decimal | None
) -> None:
    ceiling = price_ceiling(rate, cap)
    assert cap is None or ceiling <= cap
    if cap is None:
        assert rate * Decimal("1.05") <= ceiling <= rate * Decimal("1.05") + Decimal("0.000001")


@pytest.mark.parametrize(
    ("amount", "text"),
    [("1234.505", "$1,234.50"), ("1234.515", "$1,234.52"), ("-0.5", "-$0.50"), ("0", "$0.00")],
)
def test_reports_round_half_even(amount: str, text: str) -> None:
    assert format_usd(Decimal(amount)) == text


def test_rates_have_three_decimals_below_ten_dollars() -> None:
    assert format_rate(Decimal("9.9994")) == "$9.999/h"
    assert format_rate(Decimal("10.126")) == "$10.13/h"
