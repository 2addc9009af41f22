"""Units as the market stores them: whole micro-dollars, whole microseconds since 1970."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_MICRO_DOLLAR = Decimal("0.000001")


def usd(microusd: int) -> Decimal:
    """Exact dollars, in six decimals."""
    return microusd * _MICRO_DOLLAR


def microusd(dollars: Decimal) -> int:
    """The nearest whole number of micro-dollars, half to even."""
    return int(dollars.scaleb(6).to_integral_value(rounding=ROUND_HALF_EVEN))


def microseconds(moment: datetime) -> int:
    """Since 1970; ``moment`` is aware."""
    return (moment - _EPOCH) // _MICROSECOND


def moment(since_1970: int) -> datetime:
    """Aware, UTC."""
    return _EPOCH + timedelta(microseconds=since_1970)
