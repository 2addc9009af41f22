"""The loop: wake, reconcile, sleep until the next deadline or the interval, whichever is sooner."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from reconciler.clock import Clock
    from reconciler.execution.interruption import Interruption

SHORTEST_SLEEP = timedelta(seconds=1)


def seconds_until_next_pass(left: timedelta | None, interval: timedelta) -> float:
    """At least a second, at most ``interval``: an expiry is not found late by a whole interval."""
    wait = interval if left is None else min(left, interval)
    return max(SHORTEST_SLEEP, wait).total_seconds()


async def run_forever(
    one_pass: Callable[[], Awaitable[timedelta | None]],
    interval: timedelta,
    clock: Clock,
    interruption: Interruption,
) -> None:
    """Repeat ``one_pass`` until somebody asks to stop.

    A pass returns how long it is until it has something to do, or None. It must not raise for
    what the next pass may find better; what it raises ends the loop.
    """
    while not interruption.requested:
        left = await one_pass()
        await interruption.sleep(clock, seconds_until_next_pass(left, interval))
