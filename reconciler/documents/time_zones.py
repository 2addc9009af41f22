"""Time zones as they are written, and what their clocks show as a value that needs no database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Annotated

from pydantic import AfterValidator

from reconciler.documents.written_text import text_schema
from reconciler.model.office_hours import UTC_CLOCK, ZoneClock
from reconciler.model.text import printable

_KNOWN_SINCE = datetime(2020, 1, 1, tzinfo=UTC)
_STEP = timedelta(days=7)
"""No zone changes its clocks twice within a week: Ramadan's, the shortest pause, is a month."""
_DATABASE_ZONE = "Europe/Berlin"


def _zone(name: str) -> tzinfo | None:
    """None where this machine does not know it."""
    from zoneinfo import ZoneInfo  # most documents name none

    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return None


def _check_zone(value: str) -> str:
    if value == UTC_CLOCK.name or _zone(value) is not None:
        return value
    message = f"{printable(value, 60)} is no time zone that is known here"
    if _zone(_DATABASE_ZONE) is None:
        fix = "this machine has no time zone database: install tzdata (apt or pip), or write UTC"
        raise ValueError(f"{message}: {fix}")
    raise ValueError(f"{message}: write one like Europe/Berlin or UTC")


TimeZone = Annotated[
    str,
    AfterValidator(_check_zone),
    text_schema(r"[A-Za-z0-9_+/-]+", examples=["Europe/Berlin", "UTC"]),
]


@lru_cache(maxsize=64)
def zone_clock(name: str, until: datetime) -> ZoneClock:
    """Every change of the clocks of ``name``, a checked zone, from 2020 to beyond ``until``.

    Reads the machine's time zone database.
    """
    zone = None if name == UTC_CLOCK.name else _zone(name)
    if zone is None:
        return ZoneClock(name, timedelta(0))
    at, offset = _KNOWN_SINCE, _offset(_KNOWN_SINCE, zone)
    first, changes = offset, []
    while at <= until + _STEP:
        after = _offset(at + _STEP, zone)
        if after != offset:
            changes.append((_change_between(at, at + _STEP, zone), after))
        at, offset = at + _STEP, after
    return ZoneClock(name, first, tuple(changes))


def _offset(moment: datetime, zone: tzinfo) -> timedelta:
    offset = moment.astimezone(zone).utcoffset()
    assert offset is not None
    return offset


def _change_between(before: datetime, after: datetime, zone: tzinfo) -> datetime:
    """The second from which on the later offset holds."""
    wanted = _offset(after, zone)
    while after - before > timedelta(seconds=1):
        middle = before + timedelta(seconds=(after - before) // timedelta(seconds=2))
        if _offset(middle, zone) == wanted:
            after = middle
        else:
            before = middle
    return after
