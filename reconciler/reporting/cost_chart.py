"""What was spent as bars: by group, or by day and stacked by group."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from reconciler.model.cost import format_usd, shared_usd
from reconciler.model.drawing import Box, Drawing, Stroke, Words
from reconciler.model.ledger import MICRO
from reconciler.model.value import dataclass
from reconciler.reporting.chart_parts import (
    COLOURS,
    INK,
    OTHERS_COLOUR,
    QUIET,
    Frame,
    amount_axis,
    headings,
    legend,
    short,
    text_width,
    ticks,
)
from reconciler.reporting.columns import Column, cell, table, wrap
from reconciler.reporting.wording import minute

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from reconciler.model.costs import CostReport
    from reconciler.reporting.palette import Palette

SIGNS = "#=+o*x%-"
"""Of stacked groups in a terminal, the last one of all others together."""
_GROUPS = len(COLOURS)
_BARS = 30
_DAYS_AS_DAYS, _DAYS_AS_WEEKS = 62, 400
_TERMINAL_BAR = 40
_WIDTH, _HEIGHT = 960, 480
_ROW = 24
_NOTHING = "Nothing was spent in this time."


@dataclass(frozen=True, slots=True)
class Spans:
    """Amounts by stretch of time and group, in dollars. ``unit``: "day", "week" or "month"."""

    unit: str
    starts: tuple[date, ...]
    groups: tuple[str, ...]
    amounts: tuple[tuple[Decimal, ...], ...]
    """For each stretch, in the order of ``groups``."""

    @property
    def most(self) -> Decimal:
        return max((sum(row, Decimal(0)) for row in self.amounts), default=Decimal(0))

    @property
    def colours(self) -> tuple[str, ...]:
        named = COLOURS[: len(self.groups)]
        return named if len(named) == len(self.groups) else (*COLOURS, OTHERS_COLOUR)


def spans_of(report: CostReport) -> Spans:
    """``report`` by day and its other keys: the dearest groups, all others as one, and no gaps.

    Many days become weeks or months. Ledgers keep what is older than 400 days by the month alone.
    """
    at = report.by.index("day")
    days = max(1, (report.until - report.since).days)
    unit = "day" if days <= _DAYS_AS_DAYS else "week" if days <= _DAYS_AS_WEEKS else "month"
    sums: dict[tuple[date, str], Decimal] = defaultdict(Decimal)
    totals: dict[str, Decimal] = defaultdict(Decimal)
    for row in report.rows:
        group = _group(row.keys, at)
        start = _start(date.fromisoformat(row.keys[at]), unit)
        sums[start, group] += row.amounts.usd
        totals[group] += row.amounts.usd
    ranked = sorted(totals, key=lambda name: (-totals[name], name))
    kept = ranked if len(ranked) <= _GROUPS + 1 else ranked[:_GROUPS]
    rest = len(ranked) - len(kept)
    groups = (*kept, f"{rest} others") if rest else tuple(kept)
    starts = tuple(_every(sorted({start for start, _ in sums}), unit))
    amounts = []
    for start in starts:
        named = [sums.get((start, name), Decimal(0)) for name in kept]
        others = sum(
            (sums.get((start, name), Decimal(0)) for name in ranked[len(kept) :]), 0 * MICRO
        )
        amounts.append((*named, others) if rest else tuple(named))
    return Spans(unit, starts, groups, tuple(amounts))


def _group(keys: Sequence[str], day_at: int) -> str:
    others = [key or "(none)" for at, key in enumerate(keys) if at != day_at]
    return " / ".join(others) or "all"


def _start(day: date, unit: str) -> date:
    if unit == "week":
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if unit == "month" else day


def _every(starts: Sequence[date], unit: str) -> Iterator[date]:
    """From the first to the last, those without any cost included."""
    if not starts:
        return
    start = starts[0]
    while start <= starts[-1]:
        yield start
        if unit == "month":
            start = (start + timedelta(days=32)).replace(day=1)
        else:
            start += timedelta(days=7 if unit == "week" else 1)


def _bars_of(report: CostReport) -> list[tuple[str, Decimal]]:
    """By group, the dearest first; the smallest of many as one."""
    named = [
        (" / ".join(key or "(none)" for key in row.keys), row.amounts.usd) for row in report.rows
    ]
    named.sort(key=lambda one: (-one[1], one[0]))
    if len(named) <= _BARS:
        return named
    rest = named[_BARS - 1 :]
    total = sum((usd for _, usd in rest), Decimal(0))
    return [*named[: _BARS - 1], (f"{len(rest)} others", total)]


# --- in a terminal -------------------------------------------------------------------------------


def cost_bars(report: CostReport, workspace: str, palette: Palette) -> str:
    """Within 80 columns; told apart by signs, with or without colours."""
    span = f"{minute(report.since)} to {minute(report.until)} UTC"
    lines = [
        palette.strong(wrap(f"Spent by {_by(report)}, workspace {cell(workspace)}, {span}")[0]),
        "",
    ]
    if not report.rows:
        lines.append(_NOTHING)
    elif "day" in report.by:
        lines += _stacked_lines(spans_of(report), palette)
    else:
        lines += _plain_lines(_bars_of(report))
    return "\n".join([*lines, "", palette.strong(f"Total: {format_usd(report.total.usd)}.")])


def _by(report: CostReport) -> str:
    return ", ".join(report.by)


def _plain_lines(bars: Sequence[tuple[str, Decimal]]) -> list[str]:
    most = max(usd for _, usd in bars) or Decimal(1)
    columns = (Column("", shrink_to=10), Column("SPENT", right=True), Column(""))
    rows = [
        [name, shown, _bar(usd, most)]
        for (name, usd), shown in zip(bars, _told([usd for _, usd in bars]), strict=True)
    ]
    return table(columns, rows)[1:]


def _told(amounts: Sequence[Decimal]) -> list[str]:
    """They add up to the total that is said beside them."""
    return [format_usd(one) for one in shared_usd(amounts, sum(amounts, Decimal(0)))]


def _bar(usd: Decimal, most: Decimal) -> str:
    length = int(usd * _TERMINAL_BAR / most)
    return "#" * length or ("." if usd else "")


def _stacked_lines(spans: Spans, palette: Palette) -> Iterator[str]:
    most = spans.most or Decimal(1)
    sums = _told([sum(row, Decimal(0)) for row in spans.amounts])
    rows = [
        [f"{start:%Y-%m}" if spans.unit == "month" else f"{start:%a %d %b}",
         shown, _stack(row, most)]
        for start, row, shown in zip(spans.starts, spans.amounts, sums, strict=True)
    ]  # fmt: skip
    yield from table((Column(spans.unit.upper()), Column("SPENT", right=True), Column("")), rows)
    yield ""
    for sign, name in zip(SIGNS, spans.groups, strict=False):
        yield palette.quiet(f"{sign} {cell(name)}")


def _stack(row: Sequence[Decimal], most: Decimal) -> str:
    """Each group's share of the bar, rounded so that the whole bar is as long as the sum."""
    text, exact = "", Decimal(0)
    for sign, usd in zip(SIGNS, row, strict=False):
        exact += usd
        text += sign * (int(exact * _TERMINAL_BAR / most) - len(text))
    return text or ("." if exact else "")


# --- as a picture --------------------------------------------------------------------------------


def cost_drawing(report: CostReport, workspace: str) -> Drawing:
    """For ``costs -o``."""
    title = f"Spent by {_by(report)}, workspace {workspace}"
    span = f"{minute(report.since)} to {minute(report.until)} UTC"
    below = f"{span}; {format_usd(report.total.usd)} in total, disks included, bandwidth not"
    top = list(headings(title, below, _WIDTH))
    if not report.rows:
        words = Words(_WIDTH / 2, 140, _NOTHING, 14, "middle", QUIET)
        return Drawing(_WIDTH, 220, title, (*top, words))
    if "day" in report.by:
        return Drawing(_WIDTH, _HEIGHT, title, (*top, *_stacked_parts(spans_of(report))))
    bars = _bars_of(report)
    height = 100 + _ROW * len(bars)
    return Drawing(_WIDTH, height, title, (*top, *_plain_parts(bars)))


def _plain_parts(bars: Sequence[tuple[str, Decimal]]) -> Iterator[Box | Words]:
    names = [short(name, 260) for name, _ in bars]
    left = 24 + max(text_width(name) for name in names) + 12
    room = _WIDTH - left - 130
    most = max(usd for _, usd in bars) or Decimal(1)
    sums = _told([usd for _, usd in bars])
    for at, ((_, usd), name) in enumerate(zip(bars, names, strict=True)):
        y = 84 + _ROW * at
        length = room * float(usd / most)
        yield Words(left - 10, y + 13, name, 12, "end")
        yield Box(left, y, max(length, 0.5), _ROW - 7, COLOURS[0])
        yield Words(left + length + 8, y + 13, sums[at], 12, colour=INK)


def _stacked_parts(spans: Spans) -> Iterator[Box | Stroke | Words]:
    marks = ticks(spans.most)
    several = len(spans.groups) > 1 or spans.groups[0] != "all"
    aside = min(240.0, max(text_width(name) for name in spans.groups) + 40) if several else 0
    frame = Frame(84, 92, _WIDTH - 84 - 24 - aside, _HEIGHT - 92 - 56, marks[-1])
    yield Words(24, 80, f"dollars a {spans.unit}", 11, colour=QUIET)
    yield from amount_axis(frame, marks)
    pitch = frame.width / len(spans.starts)
    width = min(60.0, pitch * 0.8)
    for at, row in enumerate(spans.amounts):
        x, below = frame.left + pitch * at + (pitch - width) / 2, Decimal(0)
        for colour, usd in zip(spans.colours, row, strict=True):
            if usd:
                top = frame.y(below + usd)
                yield Box(x, top, width, frame.y(below) - top, colour)
            below += usd
    yield from _dates(spans, frame, pitch)
    if several:
        yield from legend(spans.groups, spans.colours, _WIDTH - aside - 4, 104, aside - 20)


def _dates(spans: Spans, frame: Frame, pitch: float) -> Iterator[Words]:
    """So many that they do not touch."""
    texts = [f"{one:%b %Y}" if spans.unit == "month" else f"{one:%d %b}" for one in spans.starts]
    every = max(1, int(-(-(max(text_width(one, 11) for one in texts) + 12) // pitch)))
    for at in range(0, len(texts), every):
        x = frame.left + pitch * (at + 0.5)
        yield Words(x, frame.bottom + 18, texts[at], 11, "middle", QUIET)
    what = {"day": "days, UTC", "week": "weeks, by their Monday, UTC", "month": "months, UTC"}
    middle = frame.left + frame.width / 2
    yield Words(middle, frame.bottom + 40, what[spans.unit], 11, "middle", QUIET)
