"""Which window of its office hours a fleet is in, and when the next one opens.

A window opens when the clocks of its zone first show its start, or anything later, and closes when
they first show its end, or anything later. So in the night when the clocks go forward a start that
they leave out is the moment of the change, and in the night when they go back the first of two
equal times counts: no window is opened twice, and none lasts longer than what was asked for.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
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
    week = _week_of(since - timedelta(days=9))
    while week - _WEEK < hours.until.astimezone(UTC).replace(tzinfo=None):
        for window in _windows_of(hours, week):
            if window.closes_at > since:
                yield window
        week += _WEEK


def _week_of(moment: datetime) -> datetime:
    """The Monday 00:00 before ``moment``, in UTC and naive: close enough to begin a search at."""
    local = moment.astimezone(UTC).replace(tzinfo=None)
    return _MONDAY + (local - _MONDAY) // _WEEK * _WEEK


def _windows_of(hours: OfficeHours, week: datetime) -> Iterator[Window]:
    """The windows whose start the clocks show in the week from that Monday on."""
    for span in hours.spans:
        opens_at = first_moment(hours.zone, week + timedelta(minutes=span.start))
        closes_at = first_moment(hours.zone, week + timedelta(minutes=span.end))
        closes_at = min(closes_at, hours.until)
        if opens_at < closes_at:
            yield Window(opens_at, closes_at)


def windows_after(hours: OfficeHours, now: datetime) -> tuple[int, timedelta]:
    """How many windows open after ``now``, and their length together, in real time.

    As if each of ``windows_from`` were counted; weeks in which no clock changes are all alike.
    """
    return _counted(_times(hours), now)


@lru_cache(maxsize=16)
def _counted(hours: OfficeHours, now: datetime) -> tuple[int, timedelta]:
    week, last = _week_of(now - timedelta(days=9)), _week_of(hours.until)
    changes = [_week_of(moment) for moment, _ in hours.zone.changes]
    unlike = {near + by * _WEEK for near in changes for by in (-2, -1, 0, 1)}
    alike = sum((timedelta(minutes=span.end - span.start) for span in hours.spans), timedelta(0))
    soon = week + 4 * _WEEK
    count, length = 0, timedelta(0)
    while week <= last + _WEEK:
        if soon < week < last - 2 * _WEEK and week not in unlike:
            count, length = count + len(hours.spans), length + alike
        else:
            opening = [one for one in _windows_of(hours, week) if one.opens_at > now]
            count += len(opening)
            length = sum((one.length for one in opening), length)
        week += _WEEK
    return count, length


def window_at(hours: OfficeHours, now: datetime) -> Window | None:
    """The window that ``now`` lies in; None outside of hours. Never more than one."""
    return _around(_times(hours), now)[0]


def next_window(hours: OfficeHours, now: datetime) -> Window | None:
    """The first window that opens after ``now``."""
    return _around(_times(hours), now)[1]


def _times(hours: OfficeHours) -> OfficeHours:
    """When alone: fleets with the same hours are looked at once, whatever their windows buy."""
    return replace(hours, text="", terms="")


@lru_cache(maxsize=64)
def _around(hours: OfficeHours, now: datetime) -> tuple[Window | None, Window | None]:
    """The window at hand, and the next one to open."""
    windows = windows_from(hours, now)
    first = next(windows, None)
    if first is None or first.opens_at > now:
        return None, first
    return first, next(windows, None)
