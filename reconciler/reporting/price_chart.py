"""What GPUs have cost as bars by hour or day, or as lines by GPU and provider."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import TYPE_CHECKING

from reconciler.model.drawing import Box, Drawing, Stroke, Words
from reconciler.model.value import dataclass
from reconciler.reporting.chart_parts import (
    COLOURS,
    INK,
    QUIET,
    Frame,
    amount_axis,
    headings,
    short,
    text_width,
    ticks,
)
from reconciler.reporting.columns import WIDTH, Column, cell, cut, table, wrap
from reconciler.reporting.price_table import NO_PRICES, price_text
from reconciler.reporting.wording import counted, minute

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from reconciler.model.drawing import Anchor
    from reconciler.model.price_history import PriceSeries
    from reconciler.reporting.palette import Palette

    Kind = tuple[str, str, bool]
    """Of GPU, provider, spot."""
    Run = tuple[datetime, datetime, Decimal]
    """From then until then at that price, seen in each of its hours, or days of a long time."""

_HOUR = timedelta(hours=1)
_GPUS_SHOWN = 8
_ROWS = 31
_BAR = 40
_UNITS = ("hour", "day", "week", "month")
_BELOW = (
    "# lowest price, + up to the median: of the cheapest that each provider and node size asked in "
    "each hour in which somebody looked. Dollars for one GPU and hour without its disk; each GPU "
    "has a scale of its own; times are UTC."
)

LINE_COLOURS = (*COLOURS[:-1], INK)
"""Yellow is no colour for a thin line on white."""
_LINES = len(LINE_COLOURS)
_WIDTH, _HEIGHT = 960, 480
_EPOCH = datetime(2001, 1, 1, tzinfo=UTC)  # a Monday
_LEAST_SPAN = 6 * _HOUR
_STRETCHES = {1: "hour", 6: "6 hours", 24: "day", 7 * 24: "week", 28 * 24: "4 weeks"}
"""By their hours. A picture has room for so many that each can be told from the next."""
_STRETCHES_SHOWN = 170
_THICK, _THIN = 3.0, 1.2
_DASH, _GAP = 5.0, 4.0


# --- in a terminal -------------------------------------------------------------------------------


def price_bars(series: Sequence[PriceSeries], workspace: str, palette: Palette) -> str:
    """Within 80 columns; for each GPU, spot apart, a row for every stretch in which it was seen."""
    if not series:
        return NO_PRICES
    groups: dict[tuple[str, bool], list[PriceSeries]] = defaultdict(list)
    for one in series:
        groups[one.gpu, one.spot].append(one)
    ranked = sorted(groups, key=lambda kind: (-_hours(groups[kind]), kind))
    shown = sorted(ranked[:_GPUS_SHOWN])
    unit = _unit_of([one for kind in shown for one in groups[kind]])
    blocks = [[palette.strong(cut(_title(workspace), WIDTH))]]
    blocks += [list(_gpu_lines(*kind, groups[kind], unit, palette)) for kind in shown]
    left = len(ranked) - len(shown)
    if left:
        blocks.append([palette.quiet(f"... and {_left_out(left, 'GPU')}")])
    blocks.append([palette.quiet(line) for line in wrap(_BELOW)])
    return "\n\n".join("\n".join(block) for block in blocks)


def _title(workspace: str) -> str:
    return f"What GPUs have cost, workspace {cell(workspace)}"


def _left_out(number: int, noun: str) -> str:
    return (
        f"{counted(number, noun)} left out, seen in the fewest hours: choose with -gpu, -provider"
    )


def _hours(series: Iterable[PriceSeries]) -> int:
    return len({point.since for one in series for point in one.points})


def _unit_of(series: Sequence[PriceSeries]) -> str:
    """The shortest with which the rows of one GPU fit on a screen."""
    seen = {point.since for one in series for point in one.points}
    fitting = (unit for unit in _UNITS if len({_step(since, unit) for since in seen}) <= _ROWS)
    return next(fitting, _UNITS[-1])


def _step(since: datetime, unit: str) -> str:
    """The stretch in which that hour lies; its order as text is that of time."""
    day = since.astimezone(UTC)
    if unit == "hour":
        return minute(since)
    if unit == "month":
        return f"{day:%Y-%m}"
    return f"{day - timedelta(days=day.weekday() if unit == 'week' else 0):%Y-%m-%d}"


def _gpu_lines(
    gpu: str, spot: bool, series: Sequence[PriceSeries], unit: str, palette: Palette
) -> Iterator[str]:
    usd, since, provider = min(
        (point.usd_per_gpu_hour, point.since, one.provider)
        for one in series
        for point in one.points
    )
    best = f"lowest ${price_text(usd)}, {minute(since)}, at {cell(provider)}"
    yield palette.strong(cut(f"{cell(gpu, 24)} {_kind(spot)}: {best}", WIDTH))
    prices: dict[str, list[Decimal]] = defaultdict(list)
    for one in series:
        for point in one.points:
            prices[_step(point.since, unit)].append(point.usd_per_gpu_hour)
    found = [(step, min(prices[step]), _median(prices[step])) for step in sorted(prices)[-_ROWS:]]
    most = max(median for _, _, median in found) or Decimal(1)
    rows = [
        [step, price_text(lowest), price_text(median), _bar(lowest, median, most)]
        for step, lowest, median in found
    ]
    columns = (Column(unit.upper()), Column("LOWEST", right=True), Column("MEDIAN", right=True))
    yield from table((*columns, Column("")), rows)


def _kind(spot: bool) -> str:
    return "spot" if spot else "on-demand"


def _median(prices: Sequence[Decimal]) -> Decimal:
    ranked, middle = sorted(prices), len(prices) // 2
    if len(ranked) % 2:
        return ranked[middle]
    return (ranked[middle - 1] + ranked[middle]) / 2


def _bar(lowest: Decimal, median: Decimal, most: Decimal) -> str:
    before, length = int(lowest * _BAR / most), int(median * _BAR / most)
    return "#" * before + "+" * (length - before) or ("." if median else "")


# --- as a picture --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Line:
    """One GPU at one provider, spot apart: the cheapest of its node sizes, in runs of hours."""

    gpu: str
    provider: str
    spot: bool
    last_usd: Decimal
    runs: tuple[Run, ...]

    @property
    def name(self) -> str:
        return f"{cell(self.gpu, 30)} {cell(self.provider, 30)}"

    @property
    def detail(self) -> str:
        return f"{_kind(self.spot)}, last ${price_text(self.last_usd)}"


def price_drawing(series: Sequence[PriceSeries], workspace: str) -> Drawing:
    """For ``offers --history -o``: thick where somebody looked, thin until the next look."""
    title = _title(workspace)
    if not series:
        words = Words(_WIDTH / 2, 140, NO_PRICES, 14, "middle", QUIET)
        return Drawing(_WIDTH, 220, title, (*headings(title, "", _WIDTH), words))
    hourly = _hourly(series)
    ranked = sorted(hourly, key=lambda kind: (-len(hourly[kind]), kind))
    seen = {kind: hourly[kind] for kind in sorted(ranked[:_LINES])}
    stretch = _stretch_of(seen.values())
    shown = [_line_of(kind, prices, stretch) for kind, prices in seen.items()]
    first = min(one.runs[0][0] for one in shown)
    last = max(one.runs[-1][1] for one in shown)
    below = (
        f"{minute(first)} to {minute(last)} UTC; the cheapest of each {_STRETCHES[stretch]} in "
        "which somebody looked, without its disk"
    )
    parts = [*headings(title, below, _WIDTH), *_plot(shown, first, last)]
    left = len(ranked) - len(shown)
    if left:
        told = f"{_left_out(left, 'line')}."
        parts.append(Words(24, _HEIGHT - 8, told, 11, colour=QUIET))
    return Drawing(_WIDTH, _HEIGHT, title, tuple(parts))


def _hourly(series: Iterable[PriceSeries]) -> dict[Kind, dict[datetime, Decimal]]:
    hourly: dict[Kind, dict[datetime, Decimal]] = defaultdict(dict)
    for one in series:
        prices = hourly[one.gpu, one.provider, one.spot]
        for point in one.points:
            usd = prices.get(point.since, point.usd_per_gpu_hour)
            prices[point.since] = min(usd, point.usd_per_gpu_hour)
    return hourly


def _stretch_of(seen: Iterable[Iterable[datetime]]) -> int:
    moments = [moment for one in seen for moment in one]
    hours = (max(moments) - min(moments)) / _HOUR
    fitting = (one for one in _STRETCHES if hours <= one * _STRETCHES_SHOWN)
    return next(fitting, max(_STRETCHES))


def _line_of(kind: Kind, prices: dict[datetime, Decimal], stretch: int) -> _Line:
    long = stretch * _HOUR
    lowest: dict[datetime, Decimal] = {}
    for moment, usd in prices.items():
        since = _EPOCH + (moment - _EPOCH) // long * long
        lowest[since] = min(lowest.get(since, usd), usd)
    return _Line(*kind, prices[max(prices)], tuple(_runs(lowest, long)))


def _runs(prices: dict[datetime, Decimal], long: timedelta) -> Iterator[Run]:
    """Stretches that follow each other at the same price as one."""
    run: Run | None = None
    for since in sorted(prices):
        usd = prices[since]
        if run is not None and run[1] == since and run[2] == usd:
            run = (run[0], since + long, usd)
            continue
        if run is not None:
            yield run
        run = (since, since + long, usd)
    if run is not None:
        yield run


def _plot(
    lines: Sequence[_Line], first: datetime, last: datetime
) -> Iterator[Box | Stroke | Words]:
    marks = ticks(max(usd for one in lines for _, _, usd in one.runs))
    longest = max(max(text_width(one.name), text_width(one.detail, 11)) for one in lines)
    aside = min(270.0, longest + 60)
    frame = Frame(84, 92, _WIDTH - 84 - 24 - aside, _HEIGHT - 92 - 72, marks[-1])
    yield Words(24, 80, "$/GPU-hour", 11, colour=QUIET)
    yield from amount_axis(frame, marks)
    if last - first < _LEAST_SPAN:
        last = first + _LEAST_SPAN
    yield from _moments(frame, first, last)
    colours = _colours(lines)
    for one, colour in zip(lines, colours, strict=True):
        yield from _line(one, frame, first, last, colour)
    yield from _legend(lines, colours, _WIDTH - aside - 4, 104, aside - 20)


def _colours(lines: Iterable[_Line]) -> list[str]:
    """Spot and on-demand of the same GPU and provider alike: those differ by their dashes."""
    known: dict[tuple[str, str], str] = {}
    return [
        known.setdefault((one.gpu, one.provider), LINE_COLOURS[len(known) % _LINES])
        for one in lines
    ]


def _line(
    line: _Line, frame: Frame, first: datetime, last: datetime, colour: str
) -> Iterator[Box | Stroke]:
    def place(moment: datetime) -> float:
        return frame.left + frame.width * ((moment - first) / (last - first))

    for (_, until, usd), (since, _, after) in pairwise(line.runs):
        y, x = frame.y(usd), place(since)
        if since > until:
            yield Stroke(place(until), y, x, y, colour, _THIN)
        if usd != after:
            yield Stroke(x, y, x, frame.y(after), colour, _THIN)
    for since, until, usd in line.runs:
        left, right = place(since), place(until)
        for start, end in _dashes(left, right) if line.spot else ((left, right),):
            yield Box(start, frame.y(usd) - _THICK / 2, end - start, _THICK, colour)


def _dashes(left: float, right: float) -> Iterator[tuple[float, float]]:
    """On one beat across the whole picture, so that many short runs look dashed as well."""
    beat = _DASH + _GAP
    if right - left < _DASH:
        yield left, right
        return
    start = left // beat * beat
    while start < right:
        begin, end = max(left, start), min(right, start + _DASH)
        if begin < end:
            yield begin, end
        start += beat


def _moments(frame: Frame, first: datetime, last: datetime) -> Iterator[Stroke | Words]:
    anchors: tuple[Anchor, ...] = ("start", "middle", "middle", "middle", "end")
    form = "%d %b %H:%M" if last - first <= timedelta(days=14) else "%d %b %Y"
    for at, anchor in enumerate(anchors):
        moment = (first + (last - first) * at / 4).astimezone(UTC)
        x = frame.left + frame.width * at / 4
        yield Stroke(x, frame.bottom, x, frame.bottom + 4, QUIET)
        yield Words(x, frame.bottom + 18, f"{moment:{form}}", 11, anchor, QUIET)
    told = "UTC; thick where it was seen, thin until it was seen again"
    yield Words(frame.left + frame.width / 2, frame.bottom + 38, told, 11, "middle", QUIET)


def _legend(
    lines: Sequence[_Line], colours: Sequence[str], x: float, y: float, width: float
) -> Iterator[Box | Words]:
    for at, (one, colour) in enumerate(zip(lines, colours, strict=True)):
        top = y + 40 * at
        for start, end in _dashes(0, 23) if one.spot else ((0.0, 23.0),):
            yield Box(x + start, top - 6, end - start, _THICK, colour)
        yield Words(x + 30, top, short(one.name, width - 30), 12, colour=INK)
        yield Words(x + 30, top + 15, short(one.detail, width - 30, 11), 11, colour=QUIET)
