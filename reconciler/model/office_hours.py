"""Office hours: the windows of a week in which a fleet may run, by the clocks of its time zone."""

from __future__ import annotations

from datetime import datetime, timedelta

from reconciler.model.value import dataclass

MINUTES_OF_A_DAY = 24 * 60
MINUTES_OF_A_WEEK = 7 * MINUTES_OF_A_DAY


@dataclass(frozen=True, slots=True)
class ZoneClock:
    """What the clocks of a time zone show, as a value: no database is asked after it was read.

    ``first`` is the offset from UTC before the earliest of ``changes``, each a moment and the
    offset that holds from then on, in order of time.
    """

    name: str
    first: timedelta
    changes: tuple[tuple[datetime, timedelta], ...] = ()


UTC_CLOCK = ZoneClock("UTC", timedelta(0))


@dataclass(frozen=True, slots=True)
class Span:
    """From ``start`` to ``end``, in minutes since Monday 00:00 by the clocks on the wall.

    ``start`` lies within the week; ``end`` lies after it, beyond the week's end where it goes on
    into the next Monday.
    """

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class OfficeHours:
    """When a fleet may run: ``spans`` of each week, apart from one another, until ``until``.

    ``text`` is how they are written, in one form for one meaning.
    """

    text: str
    zone: ZoneClock
    spans: tuple[Span, ...]
    until: datetime
    terms: str = ""
    """A digest of what its windows buy: no loop opens one on other terms than were applied."""

    @property
    def words(self) -> str:
        """For a reader, on one line."""
        return f"{self.text} {self.zone.name}"
