"""Moments of the market are exact to the microsecond."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import example, given
from hypothesis import strategies as st

from reconciler.market.units import microseconds, moment

_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
_TURN = 2**32 * 1_000_000


@given(st.integers(-_TURN, 2 * _TURN) | st.integers(_TURN - 2_000_000, _TURN + 2_000_000))
@example(0)
@example(_TURN - 1)
@example(_TURN)
def test_a_moment_is_so_many_microseconds_after_the_beginning(since_1970: int) -> None:
    found = moment(since_1970)
    assert found == _BEGINNING + timedelta(microseconds=since_1970)
    assert (found.tzinfo, microseconds(found)) == (UTC, since_1970)
