"""How many calls of one kind may be on their way to one provider, and how close together."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import anyio

if TYPE_CHECKING:
    from types import TracebackType

    from reconciler.clock import Clock


class CallBudget:
    """Enter it for a place, then wait for a ``turn`` right before the call leaves.

    The places are as many as the rate needs: ``slow_answer`` is how long a healthy call may take,
    and that many calls leave in that time. A provider that is slower than that gets fewer calls.
    Turns are given in order of asking, ``interval`` apart, however late the tasks wake up.
    """

    def __init__(
        self, clock: Clock, *, least: int, interval: timedelta, slow_answer: timedelta
    ) -> None:
        """``least`` places at any rate; an ``interval`` of 0 means no pace at all."""
        in_flight = -(-slow_answer // interval) if interval else 0
        self.places = max(least, in_flight)
        self.longest_wait = self.places * interval
        """From getting a place to getting a turn."""
        self._clock = clock
        self._interval = interval.total_seconds()
        self._limiter = anyio.CapacityLimiter(self.places)
        self._next_turn = 0.0

    async def __aenter__(self) -> CallBudget:
        await self._limiter.acquire()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._limiter.release()

    async def turn(self) -> None:
        """Wait until the call may leave. A turn given up by cancelling stays unused."""
        if not self._interval:
            return
        now = self._clock.elapsed_seconds()
        begins_at = max(now, self._next_turn)
        self._next_turn = begins_at + self._interval
        await self._clock.sleep(begins_at - now)
