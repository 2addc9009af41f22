"""What GPUs have cost, as bars and as lines: by hour or longer, and honest of gaps."""

from __future__ import annotations

from decimal import Decimal

import pytest

from reconciler.model.drawing import Box, Stroke, Words
from reconciler.model.price_history import PricePoint, PriceSeries
from reconciler.reporting.palette import PLAIN
from reconciler.reporting.price_chart import LINE_COLOURS, price_bars, price_drawing
from reconciler.reporting.svg_text import svg_text
from tests.markets import START
from tests.unit.reporting.hostile import assert_clean
from tests.unit.reporting.price_samples import HISTORIES, HOUR, prices


@pytest.mark.parametrize("name", HISTORIES)
def test_bars_are_80_columns_wide_safe_and_fit_on_a_screen(name: str) -> None:
    text = price_bars(HISTORIES[name], "lab", PLAIN)
    assert_clean(text)
    assert all(len(block.splitlines()) <= 33 for block in text.split("\n\n"))
    assert text == price_bars(tuple(reversed(HISTORIES[name])), "lab", PLAIN)


def known(provider: str, count: int, *usd: str, spot: bool = False) -> PriceSeries:
    points = (PricePoint(START + at * HOUR, Decimal(one), 1) for at, one in enumerate(usd))
    return PriceSeries(provider, "L4", count, spot, tuple(points))


def test_a_row_has_the_lowest_and_the_median_of_all_providers_and_node_sizes() -> None:
    series = [
        known("a", 1, "0.80", "0.40"),
        known("a", 2, "0.60"),
        known("b", 1, "0.20", "0.30"),
        known("b", 1, "0.10", spot=True),
    ]
    _, demand, spot, _ = price_bars(series, "lab", PLAIN).split("\n\n")
    first, second = demand.splitlines()[2:]
    assert first.split()[2:4] == ["0.200", "0.600"]
    assert (first.count("#"), first.count("+")) == (13, 27)
    assert second.split()[2:4] == ["0.300", "0.350"]
    assert (second.count("#"), second.count("+")) == (20, 3)
    assert demand.startswith("L4 on-demand: lowest $0.200, 2026-07-01 12:00, at b")
    assert spot.startswith("L4 spot: lowest $0.100, 2026-07-01 12:00, at b")


@pytest.mark.parametrize(
    ("hours", "unit", "rows"),
    [(range(31), "HOUR", 31), (range(100), "DAY", 5), (range(0, 2400, 24), "WEEK", 15),
     (range(0, 24 * 365, 72), "MONTH", 12), (range(0, 24 * 3650, 720), "MONTH", 31)],
)  # fmt: skip
def test_many_hours_become_days_weeks_or_months(hours: range, unit: str, rows: int) -> None:
    text = price_bars([prices("L4", "a", hours)], "lab", PLAIN)
    heading, *lines = text.split("\n\n")[1].splitlines()[1:]
    assert heading.split()[0] == unit
    assert abs(len(lines) - rows) <= 1
    assert lines == sorted(lines)


def test_nothing_remembered_says_so_in_bars_and_in_a_picture() -> None:
    assert price_bars((), "lab", PLAIN).startswith("No prices are remembered yet")
    assert "No prices are remembered yet" in svg_text(price_drawing((), "lab"))


def test_what_is_left_out_of_many_is_counted() -> None:
    assert "32 GPUs left out" in price_bars(HISTORIES["40 GPUs"], "lab", PLAIN)
    assert "33 lines left out" in svg_text(price_drawing(HISTORIES["40 GPUs"], "lab"))


def test_a_line_is_thick_only_where_somebody_looked() -> None:
    seen = price_drawing([prices("L4", "a", [0, 1, 51])], "lab")
    boxes = [one for one in seen.parts if isinstance(one, Box)][:2]
    (gap,) = (one for one in seen.parts if isinstance(one, Stroke) and one.width == 1.2
              and one.y1 == one.y2)  # fmt: skip
    assert [one.y for one in boxes] == [boxes[0].y] * 2, "two hours, and one at the same price"
    assert gap.x1 == pytest.approx(boxes[0].x + boxes[0].width)
    assert gap.x2 == pytest.approx(boxes[1].x)


def test_spot_has_the_colour_of_its_provider_and_dashes() -> None:
    day = price_drawing(HISTORIES["a day"], "lab")
    boxes = [one for one in day.parts if isinstance(one, Box)]
    assert {one.colour for one in boxes} == set(LINE_COLOURS[:3])
    assert any(one.width == 5 for one in boxes)
    words = {one.text for one in day.parts if isinstance(one, Words)}
    last = HISTORIES["a day"][2].now.usd_per_gpu_hour
    assert {"RTX4090 vastai", f"spot, last ${last:.3f}", "$/GPU-hour"} <= words


def test_a_picture_is_the_same_for_the_same_prices_in_any_order() -> None:
    series = HISTORIES["hundreds of points"]
    once = svg_text(price_drawing(series, "lab"))
    assert once == svg_text(price_drawing(tuple(reversed(series)), "lab"))
    assert len(once) < 400_000


@pytest.mark.parametrize(
    ("hours", "stretch"),
    [(range(168), "hour"), (range(240), "6 hours"), (range(0, 3000, 24), "day"),
     (range(0, 20_000, 120), "week"), (range(0, 24 * 9000, 1500), "4 weeks")],
)  # fmt: skip
def test_a_long_time_has_the_cheapest_of_stretches_that_can_be_told_apart(
    hours: range, stretch: str
) -> None:
    seen = prices("L4", "a", hours)
    drawing = price_drawing([seen], "lab")
    words = {one.text for one in drawing.parts if isinstance(one, Words)}
    assert any(f"the cheapest of each {stretch} in which" in text for text in words)
    assert f"on-demand, last ${seen.now.usd_per_gpu_hour:.3f}" in words
    boxes = [one for one in drawing.parts if isinstance(one, Box)]
    assert 1 < len(boxes) <= 172
