"""Where a budget's hours, days, weeks and months begin: by the clocks of its time zone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import TYPE_CHECKING

from reconciler.model.quantity import NEVER

if TYPE_CHECKING:
    from reconciler.model.budget import Budget

BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
"""Since when a budget without a period counts."""


def period_of(budget: Budget, now: datetime) -> tuple[datetime, datetime]:
    """From when to when the period that ``now`` lies in lasts; ``NEVER`` for one without an end.

    Days, weeks and months begin at midnight of the time zone, so that some days have 23 or 25
    hours; weeks begin on Monday.
    """
    if budget.period == "total":
        return BEGINNING, NEVER
    zone = _zone(budget.time_zone)
    local = now.astimezone(zone)
    if budget.period == "hour":
        into = timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
        return now - into, now - into + timedelta(hours=1)
    first = local.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    if budget.period == "day":
        last = first + timedelta(days=1)
    elif budget.period == "week":
        first -= timedelta(days=first.weekday())
        last = first + timedelta(days=7)
    else:
        first = first.replace(day=1)
        last = (first + timedelta(days=32)).replace(day=1)
    return _moment(first, zone), _moment(last, zone)


def clocks_of(budget: Budget) -> tzinfo:
    """Its time zone."""
    return _zone(budget.time_zone)


def _moment(local: datetime, zone: tzinfo) -> datetime:
    return local.replace(tzinfo=zone).astimezone(UTC)


@lru_cache
def _zone(name: str) -> tzinfo:
    """UTC where this machine does not know the zone: a limit holds all the same."""
    if name == "UTC":
        return UTC
    from zoneinfo import ZoneInfo  # most budgets name none

    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return UTC
