"""How moments, places, machines and rates are written in every report."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING

from reconciler.model.cost import format_rate, format_usd
from reconciler.reporting.columns import cell

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from decimal import Decimal

_PLACE_LENGTH = 24
_RANGES_SHOWN = 4


def minute(moment: datetime) -> str:
    """``2026-07-01 12:00``, in UTC: for columns whose heading says so."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M}"


def utc(moment: datetime) -> str:
    """``2026-07-01 12:00 UTC``."""
    return f"{minute(moment)} UTC"


def iso(moment: datetime) -> str:
    """``2026-07-01T12:00:00Z``; fractions of a second stay."""
    return moment.isoformat().replace("+00:00", "Z")


def local_text(moment: datetime, zone: str) -> str:
    """``Thursday 26 Nov 14:20 CET``; UTC where this machine does not know the time zone."""
    if zone != "UTC":
        from zoneinfo import ZoneInfo  # most budgets name none

        try:
            return f"{moment.astimezone(ZoneInfo(zone)):%A %d %b %H:%M %Z}"
        except (KeyError, ValueError, OSError):
            pass
    return f"{moment:%A %d %b %H:%M} UTC"


def gpu_text(gpu: str | None, count: int | None) -> str:
    """``H100-SXM:8``, as it is written in the documents; ``?`` for what is not known."""
    if gpu is None:
        return "unknown GPU"
    return f"{cell(gpu, _PLACE_LENGTH)}:{'?' if count is None else count}"


def place_text(region: str | None, country: str | None) -> str:
    """``nl-amsterdam/NL``."""
    parts = [cell(part, _PLACE_LENGTH) for part in (region, country) if part]
    return "/".join(parts)


def per_gpu_hour(usd_per_hour: Decimal, gpu_count: int) -> str:
    """``$2.400/GPU-h``."""
    return format_rate(usd_per_hour / max(1, gpu_count)).replace("/h", "/GPU-h")


def rate_span(rates: Iterable[Decimal]) -> str:
    """``$0.400/h``, or ``$0.400/h to $0.412/h`` where they differ."""
    known = sorted(rates)
    low, high = format_rate(known[0]), format_rate(known[-1])
    return low if low == high else f"{low} to {high}"


def rate_change(before: Decimal, after: Decimal) -> str:
    """``$0.400/h -> $1.200/h``; one figure where nothing changes."""
    if before == after:
        return format_rate(after)
    return f"{format_rate(before)} -> {format_rate(after)}"


def whole_usd(amount: Decimal) -> str:
    """``$1,234``: for sums so large that cents only take room."""
    return format_usd(amount, 0)


def counted(number: int, noun: str) -> str:
    """``1 node``, ``2 nodes``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def slots_text(fleet: str, indexes: Iterable[int]) -> str:
    """``fleet.train[0]``, ``fleet.train[0..2,7]``; long lists end in ``...``."""
    spans: list[list[int]] = []
    for index in sorted(set(indexes)):
        if spans and index == spans[-1][1] + 1:
            spans[-1][1] = index
        else:
            spans.append([index, index])
    shown = [str(low) if low == high else f"{low}..{high}" for low, high in spans[:_RANGES_SHOWN]]
    if len(spans) > _RANGES_SHOWN:
        shown.append("...")
    return f"fleet.{cell(fleet, 30)}[{','.join(shown)}]"
