"""The market's own time: how it follows the wall clock, and a clock that shows it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from reconciler.clock import Clock, PacedClock
from reconciler.market.units import microseconds, moment
from reconciler.model.value import dataclass

# While it sleeps, the clock looks this often (wall time) whether somebody advanced the market.
_LOOK_AGAIN_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Pace:
    """``origin`` when the wall said ``wall_origin``, ``speed`` times as fast, plus all advances."""

    origin: datetime
    wall_origin: datetime
    speed: float
    advanced_by: timedelta = timedelta(0)

    def __post_init__(self) -> None:
        if not 0 < self.speed <= 1_000_000:
            raise ValueError("speed must be above 0 and at most 1000000")

    def clock(self) -> PacedClock:
        """A clock that does not notice later advances."""
        return PacedClock(self.origin + self.advanced_by, self.wall_origin, self.speed)

    def advanced(self, by: timedelta) -> Pace:
        """Raises ValueError for a negative duration: machines would lie in the future."""
        if by < timedelta(0):
            raise ValueError("a market's clock cannot go backwards")
        return replace(self, advanced_by=self.advanced_by + by)

    def to_facts(self) -> dict[str, str]:
        return {
            "origin": str(microseconds(self.origin)),
            "wall_origin": str(microseconds(self.wall_origin)),
            "speed": repr(self.speed),
            "advanced_by": str(self.advanced_by // timedelta(microseconds=1)),
        }

    @classmethod
    def from_facts(cls, facts: Mapping[str, str]) -> Pace:
        return cls(
            origin=moment(int(facts["origin"])),
            wall_origin=moment(int(facts["wall_origin"])),
            speed=float(facts["speed"]),
            advanced_by=timedelta(microseconds=int(facts["advanced_by"])),
        )


class MarketClock(Clock):
    """Asks the market for its pace each time, so that processes agree after an advance.

    An advance looks like a suspend: ``now`` and ``elapsed_seconds`` move together.
    """

    def __init__(self, pace: Callable[[], Pace]) -> None:
        self._pace = pace

    def now(self) -> datetime:
        return self._pace().clock().now()

    def elapsed_seconds(self) -> float:
        pace = self._pace()
        return pace.clock().elapsed_seconds() + pace.advanced_by.total_seconds()

    async def sleep(self, seconds: float) -> None:
        """Ends up to a second of wall time late when the market is advanced meanwhile."""
        if seconds <= 0:
            return
        wake_at = self.elapsed_seconds() + seconds
        while (left := wake_at - self.elapsed_seconds()) > 0:
            pace = self._pace()
            await pace.clock().sleep(min(left, _LOOK_AGAIN_SECONDS * pace.speed))
