"""Dates in the headers of answers. Pure: what cannot be read is None, never an exception."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_YEARS = range(2000, 2200)
"""What is outside of them is nobody's clock, and near the end of the calendar nothing adds up."""


def moment_of(text: str) -> datetime | None:
    """An HTTP date as an aware moment in UTC; None for anything else."""
    try:
        moment = parsedate_to_datetime(text)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, IndexError, OverflowError):
        return None


def date_of(date: str | None, age: str | None) -> datetime | None:
    """When an answer was made, by its ``Date``; None where it stood in a cache since (``Age``)."""
    if not date or (age or "0").strip() != "0":
        return None
    moment = moment_of(date)
    return moment if moment is not None and moment.year in _YEARS else None
