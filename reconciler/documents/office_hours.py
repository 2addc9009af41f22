"""Office hours as they are written: `active: {hours: Mon-Fri 08:00-20:00, timezone: ...}`."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator

from reconciler.documents.resource_blocks import Block
from reconciler.documents.time_zones import TimeZone, zone_clock
from reconciler.documents.written_keys import wrong_kind
from reconciler.documents.written_text import text_schema
from reconciler.model.office_hours import MINUTES_OF_A_DAY, MINUTES_OF_A_WEEK, OfficeHours, Span
from reconciler.model.text import printable
from reconciler.model.value import dataclass

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
ENTRIES_MAX = 50
LATEST_END = datetime(2040, 1, 1, tzinfo=UTC)
_TEXT_MAX = 80
# Compiled when they are first used: most documents have no hours.
_ENTRY = r"(?P<days>[A-Za-z]+(?: ?[-,] ?[A-Za-z]+)*) +(?P<start>\S+?) ?- ?(?P<end>\S+)"
_STRETCH = r"(?P<first>[A-Za-z]+) +(?P<start>[0-9:]+) ?- ?(?P<last>[A-Za-z]+) +(?P<end>[0-9:]+)"
_TIME = r"([0-9]{2}):([0-9]{2})"
_EXAMPLE = "write them like Mon-Fri 08:00-20:00"


@dataclass(frozen=True, slots=True)
class WrittenHours:
    """One entry: as it was written, and the spans that it means, one for each day."""

    text: str
    spans: tuple[Span, ...]


def _read_entry(value: object) -> WrittenHours:
    if not isinstance(value, str):
        raise wrong_kind()
    text = " ".join(value.split())
    if len(text) > _TEXT_MAX:
        raise ValueError(f"no hours: {_EXAMPLE}")
    return WrittenHours(text, tuple(_stretch(text) or _spans(text)))


def _spans(text: str) -> list[Span]:
    """`Mon-Fri 08:00-20:00`: a window for each of the days, over midnight where it ends earlier."""
    written = re.fullmatch(_ENTRY, text)
    if written is None:
        raise ValueError(f"{printable(text, 60)} is no days with their hours: {_EXAMPLE}")
    start, end = _minutes(written["start"], last=False), _minutes(written["end"], last=True)
    if start == end:
        whole = f"{written['days']} 00:00-24:00"
        raise ValueError(f"a window from {written['start']} to itself is empty: write {whole}?")
    length = (end - start) % MINUTES_OF_A_DAY or MINUTES_OF_A_DAY
    begins = [day * MINUTES_OF_A_DAY + start for day in _days(written["days"])]
    return [Span(one, one + length) for one in begins]


def _stretch(text: str) -> list[Span]:
    """`Mon 08:00 - Fri 18:00`: one window over several days; empty for anything else."""
    written = re.fullmatch(_STRETCH, text)
    if written is None:
        return []
    start = _day(written["first"]) * MINUTES_OF_A_DAY + _minutes(written["start"], last=False)
    end = _day(written["last"]) * MINUTES_OF_A_DAY + _minutes(written["end"], last=True)
    length = (end - start) % MINUTES_OF_A_WEEK
    if not length:
        raise ValueError("a window from a moment to itself is empty, or the whole week")
    return [Span(start % MINUTES_OF_A_WEEK, start % MINUTES_OF_A_WEEK + length)]


def _minutes(text: str, *, last: bool) -> int:
    written = re.fullmatch(_TIME, text)
    hours, minutes = (int(written[1]), int(written[2])) if written else (99, 99)
    if last and (hours, minutes) == (24, 0):
        return MINUTES_OF_A_DAY
    if hours > 23 or minutes > 59:
        raise ValueError(f"{printable(text, 20)} is no time of day: write 08:00, at most 24:00")
    return hours * 60 + minutes


def _days(text: str) -> list[int]:
    found: list[int] = []
    for part in text.replace(" ", "").split(","):
        first, *last = (_day(name) for name in part.split("-"))
        if len(last) > 1:
            raise ValueError(f"{printable(part, 30)} is no range of days: write Mon-Fri")
        count = (last[0] - first) % 7 + 1 if last else 1
        found += [(first + step) % 7 for step in range(count)]
    for day in found:
        if found.count(day) > 1:
            raise ValueError(f"{DAYS[day]} stands there twice")
    return found


def _day(name: str) -> int:
    short = name.capitalize()
    if short in DAYS:
        return DAYS.index(short)
    meant = next((day for day in DAYS if short.startswith(day)), None)
    fix = f"write {meant}" if meant else f"write {', '.join(DAYS)}"
    raise ValueError(f"{printable(name, 20)} is no day: {fix}")


Hours = Annotated[
    WrittenHours,
    PlainValidator(_read_entry),
    text_schema(
        r"[A-Za-z]{3}[A-Za-z, -]* +[0-9]{2}:[0-9]{2} ?- ?([A-Za-z]{3} +)?[0-9]{2}:[0-9]{2}",
        examples=["Mon-Fri 08:00-20:00", "Fri 22:00-06:00", "Mon 08:00 - Fri 18:00"],
    ),
]


def _check_entries(value: list[WrittenHours]) -> list[WrittenHours]:
    known = [(span.start, span.end, entry) for entry in value for span in entry.spans]
    known.sort(key=lambda one: one[:2])
    again = [(known[0][0] + MINUTES_OF_A_WEEK, 0, known[0][2])]
    for (_, end, entry), (start, _, other) in zip(known, [*known[1:], *again], strict=True):
        if end > start and entry is other:
            raise ValueError(f"the windows of {entry.text} overlap one another")
        if end > start:
            raise ValueError(f"{entry.text} and {other.text} overlap: every minute stands once")
    joined = _joined([Span(start, end) for start, end, _ in known])
    if sum(span.end - span.start for span in joined) >= MINUTES_OF_A_WEEK:
        raise ValueError("that is the whole week without a break: leave `active` out, write a ttl")
    return value


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


_Entries = Annotated[list[Hours], Field(min_length=1, max_length=ENTRIES_MAX)]


class ActiveBlock(Block):
    hours: Annotated[
        _Entries,
        AfterValidator(_check_entries),
        BeforeValidator(_listed, json_schema_input_type=Hours | _Entries),
    ] = Field(
        description="Days and times by the clocks there: `Mon-Fri 08:00-20:00`, `Fri 22:00-06:00` "
        "over midnight, `Mon 08:00 - Fri 18:00` for several days on end, or a list of them."
    )
    timezone: TimeZone = Field(description="Whose clocks: `Europe/Berlin`, `UTC`.")

    @property
    def longest_window(self) -> timedelta:
        """By the clocks on the wall; windows that touch are one."""
        spans = _joined([span for entry in self.hours for span in entry.spans])
        return timedelta(minutes=max(span.end - span.start for span in spans))

    def office_hours(self, until: datetime) -> OfficeHours:
        """As a value. Reads the machine's time zone database."""
        spans = _joined([span for entry in self.hours for span in entry.spans])
        zone = zone_clock(self.timezone, until)
        return OfficeHours(_written(spans), zone, tuple(spans), until)


def _read_active(value: object) -> object:
    if isinstance(value, str):
        meant = printable(value, 60)
        raise ValueError(
            "hours mean something else in every time zone: write "
            f"{{hours: {meant}, timezone: Europe/Berlin}}"
        )
    return value


Active = Annotated[ActiveBlock, BeforeValidator(_read_active, json_schema_input_type=ActiveBlock)]


def _joined(spans: list[Span]) -> list[Span]:
    """In order, those that touch made one: from one day into the next without a break.

    Expects what does not overlap. The last of the week and the first may touch as well.
    """
    ordered: list[Span] = []
    for span in sorted(spans, key=lambda one: one.start):
        if ordered and ordered[-1].end == span.start:
            ordered[-1] = Span(ordered[-1].start, span.end)
        else:
            ordered.append(span)
    if len(ordered) > 1 and ordered[-1].end - MINUTES_OF_A_WEEK == ordered[0].start:
        last, first = ordered.pop(), ordered.pop(0)
        ordered.append(Span(last.start, first.end + MINUTES_OF_A_WEEK))
    return ordered


def _written(spans: list[Span]) -> str:
    """One form for one meaning: `Mon-Fri 08:00-20:00, Sat 10:00-14:00`."""
    of_a_day: dict[tuple[int, int], list[int]] = {}
    texts = []
    for span in spans:
        day, start = divmod(span.start, MINUTES_OF_A_DAY)
        if span.end - span.start <= MINUTES_OF_A_DAY:
            of_a_day.setdefault((start, span.end - span.start), []).append(day)
        else:
            until, end = divmod(span.end % MINUTES_OF_A_WEEK, MINUTES_OF_A_DAY)
            texts.append(f"{DAYS[day]} {_clock(start)} - {DAYS[until]} {_clock(end)}")
    for (start, length), days in sorted(of_a_day.items()):
        end = start + length
        if end > MINUTES_OF_A_DAY:
            end -= MINUTES_OF_A_DAY
        texts.append(f"{_day_ranges(days)} {_clock(start)}-{_clock(end)}")
    return ", ".join(texts)


def _day_ranges(days: list[int]) -> str:
    runs = [
        [day for _, day in run]
        for _, run in groupby(enumerate(sorted(days)), key=lambda one: one[1] - one[0])
    ]
    return ",".join(
        DAYS[run[0]] if len(run) == 1 else f"{DAYS[run[0]]}-{DAYS[run[-1]]}" for run in runs
    )


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"
