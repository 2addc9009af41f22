"""How often one endpoint may be called: at most so many calls in so many seconds."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import anyio

from reconciler.transport.pace import Pace

if TYPE_CHECKING:
    from reconciler.clock import Clock
    from reconciler.transport.shared_turns import SharedTurns

__all__ = ["Pace", "Pacer"]

_SHARED = "all calls together"


class Pacer:
    """Gives every call its turn. Tasks that share one share its paces, in order of asking.

    With ``between`` the processes that share those turns do, too; ``clock`` is then this machine's.
    """

    def __init__(self, clock: Clock, between: SharedTurns | None = None) -> None:
        self._clock = clock
        self._between = between
        self._queues: dict[str, anyio.Lock] = {}
        self._begun: dict[str, deque[float]] = {}

    async def turn(self, name: str, pace: Pace, shared: Pace | None = None) -> None:
        """Wait until ``name`` may be called. Who gives up waiting takes nobody's turn.

        ``shared``: what all calls that name it keep together, beside their own pace. Nobody waits
        for his own pace while he holds up the others.
        """
        async with self._queue(name):
            await self._wait(name, pace)
            if shared is not None:
                async with self._queue(_SHARED):
                    await self._wait(_SHARED, shared)
                    self._begin(_SHARED, shared)
            self._begin(name, pace)

    def _queue(self, name: str) -> anyio.Lock:
        return self._queues.setdefault(name, anyio.Lock())

    async def _wait(self, name: str, pace: Pace) -> None:
        begun = self._begun.get(name)
        if begun is not None and len(begun) == pace.calls:
            free_at = begun[0] + pace.seconds
            await self._clock.sleep(free_at - self._clock.elapsed_seconds())
        if self._between is not None:
            await self._wait_for_others(self._between, name, pace)

    async def _wait_for_others(self, between: SharedTurns, name: str, pace: Pace) -> None:
        now = self._clock.elapsed_seconds()
        moment = between.take(name, pace, now)
        if moment is None:
            return
        try:
            await self._clock.sleep(moment - now)
        except BaseException:
            between.give_back(name, moment, self._clock.elapsed_seconds())
            raise

    def _begin(self, name: str, pace: Pace) -> None:
        begun = self._begun.setdefault(name, deque(maxlen=pace.calls))
        begun.append(self._clock.elapsed_seconds())
