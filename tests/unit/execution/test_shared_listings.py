"""When those who wait for machines look."""

from __future__ import annotations

import pytest

from reconciler.execution.shared_listings import TICK_SECONDS, until_next_tick


def test_all_who_wait_look_at_the_same_moments() -> None:
    assert [until_next_tick(at) for at in (0.0, 5.0, 7.0, 9.5)] == [5.0, 5.0, 3.0, 0.5]


@pytest.mark.parametrize("at", [14.999999999999998, 1e6 - 1e-10, 4.9995])
def test_nobody_sleeps_so_short_that_a_clock_of_floats_stands_still(at: float) -> None:
    woke = at + until_next_tick(at)
    assert woke > at + 1
    assert woke % TICK_SECONDS == pytest.approx(0, abs=1e-3) or woke % TICK_SECONDS > 4.999
