"""Budgets over their periods: spent step by step against the limit, and what comes."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from itertools import pairwise
from typing import TYPE_CHECKING

from reconciler.model.cost import format_usd
from reconciler.model.drawing import Box, Drawing, Stroke, Words
from reconciler.reporting.chart_parts import (
    COLOURS,
    LIMIT,
    QUIET,
    Frame,
    amount_axis,
    headings,
    short,
    text_width,
    ticks,
)
from reconciler.reporting.columns import Column, cell, table, wrap
from reconciler.reporting.wording import counted, utc

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from reconciler.model.budget import BudgetCurve
    from reconciler.model.drawing import Anchor
    from reconciler.reporting.palette import Palette

CURVES_SHOWN = 12
_ROWS = 31
_BAR = 40
_WIDTH, _PANEL_HEIGHT = 960, 250
_STEPS = (Column("STEP"), Column("SUM", right=True), Column(""))
_NOTHING = "No budget with a limit is applied."


def _tightest(curves: Sequence[BudgetCurve]) -> tuple[list[BudgetCurve], str]:
    """Those to show, the fullest first, and what is said of the others."""
    ranked = sorted(curves, key=lambda one: (-one.now_usd / one.limit_usd, one.name))
    left = len(ranked) - CURVES_SHOWN
    more = f"{counted(left, 'budget')} with a smaller share spent left out" if left > 0 else ""
    return ranked[:CURVES_SHOWN], more


def _span(one: BudgetCurve) -> str:
    return "in total" if one.period == "total" else f"a {one.period}"


def _step(one: BudgetCurve, moment: datetime) -> str:
    return f"{moment:%a %H:%M}" if one.period in ("hour", "day") else f"{moment:%a %d %b}"


# --- in a terminal -------------------------------------------------------------------------------


def budget_bars(
    curves: Sequence[BudgetCurve], workspace: str, now: datetime, palette: Palette
) -> str:
    """Within 80 columns. ``#`` is spent, ``+`` comes at the present rates, ``|`` is the limit."""
    title = f"Budgets of workspace {cell(workspace)}, {utc(now)}"
    shown, more = _tightest(curves)
    blocks = [[palette.strong(wrap(title)[0])]]
    blocks += [list(_curve_lines(one, palette)) for one in shown] or [[_NOTHING]]
    if more:
        blocks.append([palette.quiet(f"... and {more} (gpu-shopper budgets)")])
    if shown:
        blocks.append([palette.quiet("# spent until then, + at the present rates, | limit")])
    return "\n\n".join("\n".join(block) for block in blocks)


def _curve_lines(one: BudgetCurve, palette: Palette) -> Iterator[str]:
    spent, limit = format_usd(one.now_usd), format_usd(one.limit_usd)
    told = f"Budget {cell(one.name, 30)}: {spent} spent, limit {limit} {_span(one)}"
    yield palette.strong(wrap(told)[0])
    points = _thinned(
        [(since, usd, "#") for (since, _), (_, usd) in pairwise(one.spent)]
        + [(since, usd, "+") for (since, _), (_, usd) in pairwise((one.spent[-1], *one.coming))],
        len(one.spent) - 2,
    )
    rows = [
        [_step(one, since), format_usd(usd), _bar(usd, sign, one, one.most_usd)]
        for since, usd, sign in points
    ]
    for (_, usd, _), line in zip(points, table(_STEPS, rows)[1:], strict=True):
        yield palette.alarm(line) if usd > one.limit_usd else line


def _thinned(
    points: Sequence[tuple[datetime, Decimal, str]], now_at: int
) -> list[tuple[datetime, Decimal, str]]:
    """At most so many that they fit on a screen; now and the end always among them."""
    every = -(-len(points) // _ROWS)
    last = len(points) - 1
    return [
        point for at, point in enumerate(points) if at in (now_at, last) or (last - at) % every == 0
    ]


def _bar(usd: Decimal, sign: str, one: BudgetCurve, most: Decimal) -> str:
    length, limit = int(usd * _BAR / most), min(_BAR - 1, int(one.limit_usd * _BAR / most))
    before = min(length, int(one.now_usd * _BAR / most))
    bar = ("#" * before + sign * (length - before)).ljust(_BAR, ".")
    return f"[{bar[:limit]}|{bar[limit + 1 :]}]"


# --- as a picture --------------------------------------------------------------------------------


def budget_drawing(curves: Sequence[BudgetCurve], workspace: str, now: datetime) -> Drawing:
    """For ``budgets -o``: a panel for each budget, two in a row where there are several."""
    title = f"Budgets of workspace {workspace}"
    shown, more = _tightest(curves)
    below = "spent until then, US dollars, disks included, bandwidth not"
    top = list(headings(title, f"{utc(now)}; {below}", _WIDTH))
    if not shown:
        words = Words(_WIDTH / 2, 140, _NOTHING, 14, "middle", QUIET)
        return Drawing(_WIDTH, 220, title, (*top, words))
    columns = 1 if len(shown) == 1 else 2
    wide = (_WIDTH - 24) / columns
    parts: list[Box | Stroke | Words] = [*top, *_key(84)]
    for at, one in enumerate(shown):
        parts += _panel(
            one, 24 + wide * (at % columns), 104 + _PANEL_HEIGHT * (at // columns), wide
        )
    height = 104 + _PANEL_HEIGHT * -(-len(shown) // columns) + (24 if more else 0)
    if more:
        parts.append(Words(24, height - 14, f"... and {more}", 12, colour=QUIET))
    return Drawing(_WIDTH, height, title, tuple(parts))


def _key(y: float) -> Iterator[Box | Stroke | Words]:
    yield Box(24, y - 10, 14, 12, COLOURS[0])
    yield Words(44, y, "spent", 12)
    yield Stroke(104, y - 4, 132, y - 4, COLOURS[1], 2.5, dashed=True)
    yield Words(140, y, "at the present rates, each machine to its lease end", 12)
    yield Stroke(492, y - 4, 520, y - 4, LIMIT, 2)
    yield Words(528, y, "limit", 12)


def _panel(one: BudgetCurve, x: float, y: float, wide: float) -> Iterator[Box | Stroke | Words]:
    told = f"{format_usd(one.now_usd)} of {format_usd(one.limit_usd)} {_span(one)}"
    room = wide - text_width(told) - 60
    yield Words(x, y + 14, short(one.name, room, 13), 13, bold=True)
    yield Words(x + wide - 28, y + 14, told, 12, "end", QUIET)
    marks = ticks(one.most_usd, 4)
    frame = Frame(x + 62, y + 30, wide - 90, _PANEL_HEIGHT - 84, marks[-1])
    yield from amount_axis(frame, marks)
    first, last = _ends(one)
    seconds = (last.timestamp() - first.timestamp()) or 1.0

    def place(moment: datetime) -> float:
        return frame.left + frame.width * (moment.timestamp() - first.timestamp()) / seconds

    for (since, _), (until, usd) in pairwise(one.spent):
        left, top = place(since), frame.y(usd)
        yield Box(left, top, place(until) - left, frame.bottom - top, COLOURS[0])
    before = one.spent[-1]
    for point in one.coming:
        ends = (place(before[0]), frame.y(before[1]), place(point[0]), frame.y(point[1]))
        yield Stroke(*ends, COLOURS[1], 2.5, dashed=True)
        before = point
    limit = frame.y(one.limit_usd)
    yield Stroke(frame.left, limit, frame.left + frame.width, limit, LIMIT, 2)
    yield from _moments(one, frame, first, last)


def _ends(one: BudgetCurve) -> tuple[datetime, datetime]:
    """What the axis of a panel spans: the whole period where it has an end."""
    first = one.spent[0][0]
    return first, one.until or max(one.coming[-1][0] if one.coming else first, one.spent[-1][0])


def _moments(
    one: BudgetCurve, frame: Frame, first: datetime, last: datetime
) -> Iterator[Stroke | Words]:
    """Four moments along the axis, by the clocks of the budget's time zone."""
    seconds = last.timestamp() - first.timestamp()
    anchors: tuple[Anchor, ...] = ("start", "middle", "middle", "end")
    for at, anchor in enumerate(anchors):
        moment = datetime.fromtimestamp(first.timestamp() + seconds * at / 3, first.tzinfo)
        x = frame.left + frame.width * at / 3
        yield Stroke(x, frame.bottom, x, frame.bottom + 4, QUIET)
        yield Words(x, frame.bottom + 18, f"{moment:%d %b %H:%M}", 11, anchor, QUIET)
    middle = frame.left + frame.width / 2
    yield Words(middle, frame.bottom + 36, short(one.time_zone, frame.width), 11, "middle", QUIET)
