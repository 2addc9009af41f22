"""Money: always Decimal dollars, never a float (SPEC.md section 6, I27)."""

from __future__ import annotations

from decimal import ROUND_FLOOR, ROUND_HALF_EVEN, ROUND_UP, Decimal
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import timedelta

ZERO = Decimal(0)
_MICRO = Decimal("0.000001")
_SECONDS_PER_HOUR = Decimal(3600)
# Approval covers a rate up to 5 % above the planned one (SPEC.md section 12, 10).
PRICE_TOLERANCE = Decimal("1.05")


def exact_usd(value: object) -> Decimal:
    """A price from outside as Decimal. Raises ValueError for anything but a finite number >= 0.

    Text, booleans, None, NaN and infinities are refused: a price in an unexpected form makes the
    offer unusable (SPEC.md section 8). Floats are read through their shortest text.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
        raise ValueError("a price must be a number")
    price = Decimal(str(value))
    if not price.is_finite() or price < 0:
        raise ValueError("a price must be finite and not negative")
    return price


def projected_cost(usd_per_hour: Decimal, duration: timedelta) -> Decimal:
    """What ``duration`` may cost at most: micro-dollars, rounded up (I27). Zero when negative."""
    seconds = Decimal(max(0, duration.days * 86400 + duration.seconds + 1))
    if duration.total_seconds() <= 0:
        return ZERO
    exact = usd_per_hour * seconds / _SECONDS_PER_HOUR
    return exact.quantize(_MICRO, rounding=ROUND_UP)


def price_ceiling(usd_per_hour: Decimal, cap_usd_per_hour: Decimal | None) -> Decimal:
    """The most a node may be billed per hour: min(cap, planned x 1.05) (SPEC.md section 12, 10)."""
    tolerated = (usd_per_hour * PRICE_TOLERANCE).quantize(_MICRO, rounding=ROUND_UP)
    return tolerated if cap_usd_per_hour is None else min(tolerated, cap_usd_per_hour)


def format_usd(amount: Decimal, places: int = 2) -> str:
    """``$1,234.50``, half-even; reports round, projections were rounded up before."""
    exponent = Decimal(1).scaleb(-places)
    rounded = amount.quantize(exponent, rounding=ROUND_HALF_EVEN)
    sign = "-" if rounded < 0 else ""
    return f"{sign}${abs(rounded):,.{places}f}"


def shared_usd(parts: Sequence[Decimal], total: Decimal, places: int = 2) -> list[Decimal]:
    """``parts`` rounded to ``places``, so that they add up to ``total`` rounded as reports are.

    None is off by a whole unit of that; what rounding leaves over goes to those that lost most by
    it, the first of equals. ``total`` is their sum, or what that was rounded to.
    """
    unit = Decimal(1).scaleb(-places)
    shared = [part.quantize(unit, rounding=ROUND_FLOOR) for part in parts]
    left = total.quantize(unit, rounding=ROUND_HALF_EVEN) - sum(shared, ZERO)
    lost = sorted(range(len(shared)), key=lambda at: (shared[at] - parts[at], at))
    for at in lost[: int(left / unit)]:
        shared[at] += unit
    return shared


@lru_cache(maxsize=256)
def format_rate(usd_per_hour: Decimal) -> str:
    """``$0.412/h``: three decimals under ten dollars, two above."""
    places = 3 if abs(usd_per_hour) < 10 else 2
    return f"{format_usd(usd_per_hour, places)}/h"
