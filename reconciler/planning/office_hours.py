"""Which window of its office hours a fleet is in, and when the next one opens.

A window opens when the clocks of its zone first show its start, or anything later, and closes when
they first show its end, or anything later. So in the night when the clocks go forward a start that
they leave out is the moment of the change, and in the night when they go back the first of two
equal times counts: no window is opened twice, and none lasts longer than what was asked for.
"""

from __future__ import annotations

from bisect import bisect_right
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from reconciler.model.office_windows import Window

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.model.office_hours import OfficeHours, ZoneClock

_WEEK = timedelta(days=7)
_MONDAY = datetime(1970, 1, 5)  # noqa: DTZ001 - what clocks on the wall show


def first_moment(zone: ZoneClock, local: datetime) -> datetime:
    """The first moment at which the clocks of ``zone`` show ``local`` (naive) or later, in UTC."""
    as_utc = local.replace(tzinfo=UTC)
    moments = [moment for moment, _ in zone.changes]
    # No offset is as large as a day, so nothing before this change can show ``local``.
    place = max(0, bisect_right(moments, as_utc - timedelta(days=1)) - 1)
    for index in range(place, len(moments) + 1):
        offset = zone.changes[index - 1][1] if index else zone.first
        shown = as_utc - offset
        moment = max(moments[index - 1], shown) if index else shown
        if index == len(moments) or moment < moments[index]:
            return moment
    raise AssertionError("the last offset of a zone holds for ever")


def windows_from(hours: OfficeHours, since: datetime) -> Iterator[Window]:
    """Every window that closes after ``since`` and opens before the hours' ``until``, in order.

    The last one closes at ``until`` at the latest. One that the clocks leave out is none.
    """
    earlier = (since - timedelta(days=9)).astimezone(UTC).replace(tzinfo=None)
    week = _MONDAY + (earlier - _MONDAY) // _WEEK * _WEEK
    while True:
        for span in hours.spans:
            opens_at = first_moment(hours.zone, week + timedelta(minutes=span.start))
            if opens_at >= hours.until:
                return
            closes_at = first_moment(hours.zone, week + timedelta(minutes=span.end))
            closes_at = min(closes_at, hours.until)
            if closes_at > max(since, opens_at):
                yield Window(opens_at, closes_at)
        week += _WEEK


def window_at(hours: OfficeHours, now: datetime) -> Window | None:
    """The window that ``now`` lies in; None outside of hours. Never more than one."""
    found = next(windows_from(hours, now), None)
    return found if found is not None and found.opens_at <= now else None


def next_window(hours: OfficeHours, now: datetime) -> Window | None:
    """The first window that opens after ``now``."""
    return next((one for one in windows_from(hours, now) if one.opens_at > now), None)
