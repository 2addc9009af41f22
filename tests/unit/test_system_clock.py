"""This machine's clocks inside one run (RELIABILITY.md I31, mutant M23)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from reconciler.clock import SystemClock

START = datetime(2026, 7, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


@dataclass
class Kernel:
    """Two clocks that a test moves by hand."""

    wall: datetime = START
    boot: float = 100.0

    def clock(self) -> SystemClock:
        return SystemClock(lambda: self.wall, lambda: self.boot)

    def passes(self, seconds: float) -> None:
        self.wall += timedelta(seconds=seconds)
        self.boot += seconds


def test_M23_a_wall_clock_that_jumps_inside_a_run_moves_nothing_in_it() -> None:
    kernel = Kernel()
    clock = kernel.clock()
    kernel.passes(5)
    kernel.wall += HOUR
    kernel.passes(5)
    assert clock.now() == START + timedelta(seconds=10)
    assert clock.readings().wall == START + HOUR + timedelta(seconds=10)


def test_a_suspend_counts() -> None:
    kernel = Kernel()
    clock = kernel.clock()
    kernel.passes(8 * 3600)
    assert clock.now() == START + 8 * HOUR


def test_it_counts_on_from_where_it_was_settled_and_tells_how_far_that_moved_it() -> None:
    kernel = Kernel()
    clock = kernel.clock()
    kernel.passes(10)
    assert clock.settle(START + HOUR) == HOUR - timedelta(seconds=10)
    kernel.passes(10)
    assert clock.now() == START + HOUR + timedelta(seconds=10)


def test_what_somebody_said_is_carried_on_by_the_boot_clock_whatever_the_wall_clock_does() -> None:
    kernel = Kernel()
    clock = kernel.clock()
    clock.hear("host", START + HOUR)
    kernel.passes(30)
    kernel.wall -= 9 * HOUR
    assert clock.readings().said == {"host": START + HOUR + timedelta(seconds=30)}
