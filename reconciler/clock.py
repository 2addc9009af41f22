"""The one reader of time and the one sleeper.

Everything else gets moments as values, or a ``Clock`` to ask. In tests the event loop itself runs
on virtual time, and ``LoopClock`` reads it.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from datetime import UTC, datetime, timedelta

import anyio


class Clock(ABC):
    """What operations know of time."""

    @abstractmethod
    def now(self) -> datetime:
        """The present moment, aware, UTC."""

    @abstractmethod
    def elapsed_seconds(self) -> float:
        """Seconds on a clock that never jumps and counts suspend, from an arbitrary start."""

    @abstractmethod
    async def sleep(self, seconds: float) -> None:
        """Wait ``seconds`` of this clock's time. Cancellable; returns at once for <= 0."""


class SystemClock(Clock):
    """Wall clock and boot clock of this machine."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def elapsed_seconds(self) -> float:
        return _boot_seconds()

    async def sleep(self, seconds: float) -> None:
        if seconds > 0:
            await anyio.sleep(seconds)


class PacedClock(Clock):
    """A market's own clock: ``origin`` when the wall said ``wall_origin``, ``speed`` times as fast.

    Separate processes with the same three numbers agree on the time.
    """

    def __init__(self, origin: datetime, wall_origin: datetime, speed: float) -> None:
        if speed <= 0:
            raise ValueError("speed must be above 0")
        self._origin = origin
        self._wall_origin = wall_origin
        self._speed = speed

    def now(self) -> datetime:
        return self._origin + (datetime.now(UTC) - self._wall_origin) * self._speed

    def elapsed_seconds(self) -> float:
        return _boot_seconds() * self._speed

    async def sleep(self, seconds: float) -> None:
        if seconds > 0:
            await anyio.sleep(seconds / self._speed)


class LoopClock(Clock):
    """Time as the running event loop counts it, from ``start``: virtual when the loop is."""

    def __init__(self, start: datetime) -> None:
        self._start = start
        self._offset = timedelta(0)

    def now(self) -> datetime:
        return self._start + self._offset + timedelta(seconds=anyio.current_time())

    def elapsed_seconds(self) -> float:
        return anyio.current_time() + self._offset.total_seconds()

    async def sleep(self, seconds: float) -> None:
        if seconds > 0:
            await anyio.sleep(seconds)

    def jump(self, by: timedelta) -> None:
        """Move the wall clock alone, as a person or a bad time server would."""
        self._offset += by


def wall_now() -> datetime:
    """The wall clock for those who have no Clock yet (a market's birth, a lock's age)."""
    return datetime.now(UTC)


def loop_seconds() -> float:
    """As the running event loop counts: for measuring what takes none of its virtual time."""
    return anyio.current_time()


def process_seconds() -> float:
    """For measuring how long something took in this process."""
    return time.monotonic()


def _boot_seconds() -> float:
    boot_clock = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if boot_clock is None else time.clock_gettime(boot_clock)
