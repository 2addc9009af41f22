"""The one reader of time and the one sleeper.

Everything else gets moments as values, or a ``Clock`` to ask. In tests the event loop itself runs
on virtual time, and ``LoopClock`` reads it.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from reconciler.model.clock_verdict import ClockReadings
from reconciler.waiting import event_loop, running_loop

if TYPE_CHECKING:
    from collections.abc import Callable


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

    def readings(self) -> ClockReadings | None:
        """What it goes by, where that can be wrong. None for a market's own clock: whatever such a
        clock says is the time there.
        """
        return None

    def hear(self, source: str, said: datetime) -> None:  # noqa: B027  # a market listens to none
        """``source`` says that it is ``said`` just now."""

    def settle(self, now: datetime) -> timedelta:
        """It is ``now``, as the clock rule has found: count from there. Returns by how much that
        moves this clock.
        """
        return timedelta(0)


class SystemClock(Clock):
    """This machine's clocks: the wall clock is read once, and from then on the boot clock counts,
    so that a wall clock which jumps moves nothing inside a run (RELIABILITY.md I31, M23).

    ``wall`` and ``boot_seconds`` stand in for the kernel's clocks in tests.
    """

    def __init__(
        self,
        wall: Callable[[], datetime] | None = None,
        boot_seconds: Callable[[], float] | None = None,
    ) -> None:
        self._wall = wall or wall_now
        self._boot_seconds = boot_seconds or _boot_seconds
        self._settled = self._wall()
        self._settled_at = self._boot_seconds()
        self._heard: dict[str, tuple[datetime, float]] = {}

    def now(self) -> datetime:
        return self._settled + self._since(self._settled_at)

    def elapsed_seconds(self) -> float:
        return self._boot_seconds()

    async def sleep(self, seconds: float) -> None:
        if seconds > 0:
            await _sleep(seconds)

    def readings(self) -> ClockReadings:
        said = {name: time + self._since(at) for name, (time, at) in self._heard.items()}
        return ClockReadings(self._wall(), self._boot_seconds(), said)

    def hear(self, source: str, said: datetime) -> None:
        self._heard[source] = (said, self._boot_seconds())

    def settle(self, now: datetime) -> timedelta:
        moved = now - self.now()
        self._settled, self._settled_at = now, self._boot_seconds()
        return moved

    def _since(self, boot_seconds: float) -> timedelta:
        return timedelta(seconds=self._boot_seconds() - boot_seconds)


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
            await _sleep(seconds / self._speed)


class LoopClock(Clock):
    """Time as the running event loop counts it, from ``start``: virtual when the loop is."""

    def __init__(self, start: datetime) -> None:
        self._start = start
        self._offset = timedelta(0)

    def now(self) -> datetime:
        return self._start + self._offset + timedelta(seconds=loop_seconds())

    def elapsed_seconds(self) -> float:
        return loop_seconds()

    async def sleep(self, seconds: float) -> None:
        if seconds > 0:
            await _sleep(seconds)

    def jump(self, by: timedelta) -> None:
        """Move the wall clock alone, as a person or a bad time server would."""
        self._offset += by


def wall_now() -> datetime:
    """The wall clock for those who have no Clock yet (a market's birth, a lock's age)."""
    return datetime.now(UTC)


def loop_seconds() -> float:
    """As the running event loop counts: for measuring what takes none of its virtual time."""
    loop = running_loop()
    assert loop is not None
    return loop.time()


def process_seconds() -> float:
    """For measuring how long something took in this process."""
    return time.monotonic()


async def _sleep(seconds: float) -> None:
    await event_loop()
    import anyio

    await anyio.sleep(seconds)


def _boot_seconds() -> float:
    boot_clock = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if boot_clock is None else time.clock_gettime(boot_clock)
