"""Units as the market stores them: whole micro-dollars, whole microseconds since 1970."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_MICRO_DOLLAR = Decimal("0.000001")
_EXACT_MAX = 2**32 * 1_000_000
"""Up to then, the year 2106, a float of seconds tells one microsecond from the next."""


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
    """Aware, UTC. A listing of ten thousand machines asks as often: a float halves the time."""
    if 0 <= since_1970 < _EXACT_MAX:
        return datetime.fromtimestamp(since_1970 / 1_000_000, UTC)
    return _EPOCH + timedelta(microseconds=since_1970)
