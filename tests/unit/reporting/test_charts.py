"""Charts as pictures and as bars: nothing stands outside, or on other things, or is run."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from itertools import pairwise
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.model.budget import BudgetCurve
from reconciler.model.costs import CostKey, CostReport, CostRow
from reconciler.model.drawing import Box, Drawing, Stroke, Words
from reconciler.model.ledger import NOTHING, Amounts
from reconciler.reporting.budget_chart import budget_bars, budget_drawing
from reconciler.reporting.chart_parts import text_width, ticks
from reconciler.reporting.columns import display_width
from reconciler.reporting.cost_chart import cost_bars, cost_drawing, spans_of
from reconciler.reporting.palette import PLAIN
from reconciler.reporting.price_chart import price_drawing
from reconciler.reporting.svg_text import svg_text
from tests.markets import START
from tests.unit.reporting.hostile import HOSTILE
from tests.unit.reporting.price_samples import HISTORIES

DAY = timedelta(days=1)
FOUR = ("vastai", "runpod", "lambda", "tensordock")
FORTY = tuple(f"team-{number:02}" for number in range(40))


def costs(
    days: int, groups: tuple[str, ...], by: tuple[CostKey, ...], cents: int = 97
) -> CostReport:
    """Something different in every cell."""
    rows, total = [], NOTHING
    for day in range(days if "day" in by else min(days, 1)):
        for at, group in enumerate(groups):
            amounts = Amounts(gpu=(day * 7 + at * 3) % cents * 10_000 + 1)
            keys = (f"{START + day * DAY:%Y-%m-%d}", group) if "day" in by else (group,)
            rows.append(CostRow(keys, amounts))
            total += amounts
    until = START + max(0, days - 1) * DAY + timedelta(hours=1)
    return CostReport(START, until, by, tuple(rows), total, (), Decimal(0))


def curve(name: str, days: int, limit: str, daily: str, ahead: int = 12) -> BudgetCurve:
    spent = [(START + at * DAY, Decimal(daily) * at) for at in range(days + 1)]
    coming = [(START + at * DAY, Decimal(daily) * at) for at in range(days + 1, days + ahead + 1)]
    until = START + (days + ahead) * DAY
    return BudgetCurve(
        name, "month", "Europe/Berlin", until, Decimal(limit), tuple(spent), tuple(coming)
    )


DRAWINGS: dict[str, Drawing] = {
    "empty": cost_drawing(costs(0, (), ("day", "provider")), "lab"),
    "one day": cost_drawing(costs(1, FOUR, ("day", "provider")), "lab"),
    "a month": cost_drawing(costs(31, FOUR, ("day", "provider")), "lab"),
    "400 days": cost_drawing(costs(400, FOUR, ("day", "provider")), "lab"),
    "three years": cost_drawing(costs(1100, FOUR, ("day", "provider")), "lab"),
    "40 teams": cost_drawing(costs(1, FORTY, ("team",)), "lab"),
    "40 teams by day": cost_drawing(costs(31, FORTY, ("day", "team")), "lab"),
    "next to nothing": cost_drawing(costs(3, ("a",), ("day", "team"), cents=1), "lab"),
    "hostile names": cost_drawing(costs(2, (HOSTILE, "b", "<b>&amp;"), ("team",)), HOSTILE),
    "no budget": budget_drawing((), "lab", START),
    "one budget": budget_drawing((curve("vision", 12, "4000", "170"),), "lab", START),
    "a budget of an hour": budget_drawing((curve("new", 0, "5", "0", ahead=0),), "lab", START),
    "far over": budget_drawing((curve("x" * 90, 20, "10", "99999"),), "lab", START),
    "40 budgets": budget_drawing([curve(name, 9, "99", "7") for name in FORTY], "lab", START),
    **{f"prices: {name}": price_drawing(series, "lab") for name, series in HISTORIES.items()},
}


@pytest.mark.parametrize("name", DRAWINGS)
def test_everything_stands_within_the_picture_and_no_words_stand_on_others(name: str) -> None:
    drawing = DRAWINGS[name]
    placed: list[tuple[tuple[float, float, float, float], str]] = []
    for part in drawing.parts:
        if isinstance(part, Words):
            box = _extent(part)
            for other, words in placed:
                assert not _overlap(box, other), (part.text, words)
            placed.append((box, part.text))
        elif isinstance(part, Box):
            box = (part.x, part.y, part.x + part.width, part.y + part.height)
            assert part.width >= 0 <= part.height
        else:
            box = (min(part.x1, part.x2), min(part.y1, part.y2), part.x2, max(part.y1, part.y2))
        assert box[0] >= 0 <= box[1], part
        assert box[2] <= drawing.width + 0.01, part
        assert box[3] <= drawing.height + 0.01, part


def _extent(words: Words) -> tuple[float, float, float, float]:
    width = text_width(words.text, words.size) * 0.9  # the guess is on the wide side
    left = words.x - {"start": 0.0, "middle": width / 2, "end": width}[words.anchor]
    return left, words.y - words.size * 0.8, left + width, words.y + words.size * 0.2


def _overlap(
    one: tuple[float, float, float, float], other: tuple[float, float, float, float]
) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


@pytest.mark.parametrize("name", DRAWINGS)
def test_bars_stand_below_the_headings(name: str) -> None:
    bars = [one for one in DRAWINGS[name].parts if isinstance(one, Box | Stroke)]
    assert all(min(_tops(one)) >= 64 for one in bars)


def _tops(part: Box | Stroke) -> tuple[float, ...]:
    return (part.y,) if isinstance(part, Box) else (part.y1, part.y2)


@pytest.mark.parametrize("name", DRAWINGS)
def test_an_svg_is_well_formed_and_holds_no_name_as_anything_but_text(name: str) -> None:
    text = svg_text(DRAWINGS[name])
    root = ElementTree.fromstring(text)  # our own text, which must be well-formed
    kinds = {element.tag.rpartition("}")[2] for element in root.iter()}
    assert kinds <= {"svg", "title", "rect", "line", "text"}
    allowed = {
        *("x", "y", "x1", "x2", "y1", "y2", "width", "height", "viewBox", "role", "font-family"),
        *("fill", "stroke", "stroke-width", "stroke-dasharray", "font-size", "text-anchor"),
        "font-weight",
    }
    assert {name for element in root.iter() for name in element.attrib} <= allowed
    assert text.isprintable() or (
        set(text) - {"\n"} and all(letter.isprintable() for letter in text if letter != "\n")
    )
    assert text == svg_text(DRAWINGS[name])


def test_c13_4_a_name_that_is_markup_is_shown_as_it_is_written() -> None:
    evil = '<script>alert("1")</script>&\x1b[31m\u202e'
    text = svg_text(cost_drawing(costs(1, (evil,), ("team",)), evil))
    assert "<script" not in text
    assert "&lt;script&gt;" in text
    assert "\x1b" not in text


@given(st.decimals(min_value="0.0001", max_value=10**7, places=4), st.integers(2, 8))
def test_an_axis_reaches_to_the_largest_amount_in_round_steps(most: Decimal, count: int) -> None:
    marks = ticks(most, count)
    assert marks[0] == 0
    assert marks[-1] >= most > marks[-2]
    assert len({after - before for before, after in pairwise(marks)}) == 1
    assert 2 <= len(marks) <= count + 1


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 450), st.integers(1, 10))
def test_stretches_of_time_have_no_gaps_and_lose_no_cent(days: int, groups: int) -> None:
    report = costs(days, FORTY[:groups], ("day", "team"))
    spans = spans_of(report)
    assert sum((sum(row) for row in spans.amounts), Decimal(0)) == report.total.usd
    assert len(spans.starts) <= 65
    assert len(spans.groups) == min(groups, 8)
    longest = {"day": 1, "week": 7, "month": 31}[spans.unit]
    assert all(0 < (after - before).days <= longest for before, after in pairwise(spans.starts))


@pytest.mark.parametrize("by", [("team",), ("day", "team")])
@pytest.mark.parametrize("groups", [(), ("a",), FORTY, (HOSTILE, "b", "<b>&amp;")])
def test_bars_in_a_terminal_are_80_columns_wide_and_safe(
    by: tuple[CostKey, ...], groups: tuple[str, ...]
) -> None:
    text = cost_bars(costs(9, groups, by), "lab", PLAIN)
    assert all(display_width(line) <= 80 and line.isprintable() for line in text.splitlines())
    assert "Total: $" in text


def test_bars_of_a_budget_show_now_the_end_and_the_limit() -> None:
    curves = [
        curve("vision", 60, "100", "1", ahead=60),
        *(curve(one, 3, "9", "1") for one in FORTY),
    ]
    text = budget_bars(curves, "lab", START, PLAIN)
    lines = text.splitlines()
    assert all(display_width(line) <= 80 for line in lines)
    assert "Budget vision: $60.00 spent, limit $100.00 a month" in text
    vision = [line for line in lines[3:] if "[" in line][:33]
    assert any("$60.00" in line and "+" not in line for line in vision)
    assert any("$120.00" in line for line in vision)
    assert all("|" in line for line in vision)
    assert "29 budgets with a smaller share spent left out" in text
