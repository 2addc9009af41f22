"""Office hours as a judge reckons them: from the words in the documents, by the day in UTC."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reconciler.model.record import LeaseRecord

LATE = timedelta(minutes=5)
"""An order may go out that long after the look that it follows from."""
_WINDOW = re.compile(r"(\d\d):(\d\d)-(\d\d):(\d\d)")


def closes_at(lease: LeaseRecord) -> datetime | None:
    """When the window closes that ``lease`` is for; None where no hours end it."""
    hours = lease.hours
    if hours is None or hours.opens_at is None or lease.extended_to is not None:
        return None
    opens, closes = _window(hours.text, hours.opens_at)
    return closes if hours.opens_at == opens else hours.opens_at


def end_of(lease: LeaseRecord) -> datetime | None:
    """When its machines must go: whatever the lease says of itself, not after its window."""
    ends = [one for one in (lease.ends_at, closes_at(lease)) if one is not None]
    return min(ends) if lease.ends_at is not None else None


def _window(text: str, day: datetime) -> tuple[datetime, datetime]:
    found = _WINDOW.search(text)
    assert found is not None, text
    first, second, third, fourth = (int(one) for one in found.groups())
    midnight = day.replace(hour=0, minute=0, second=0, microsecond=0)
    return (
        midnight + timedelta(hours=first, minutes=second),
        midnight + timedelta(hours=third, minutes=fourth),
    )
