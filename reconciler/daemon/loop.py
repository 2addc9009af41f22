"""The loop: wake, reconcile, sleep until the next deadline or the interval, whichever is sooner."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import datetime

    from reconciler.clock import Clock
    from reconciler.execution.interruption import Interruption

SHORTEST_SLEEP = timedelta(seconds=1)


def seconds_until_next_pass(
    now: datetime, next_deadline: datetime | None, interval: timedelta
) -> float:
    """At least a second, at most ``interval``: an expiry is not found late by a whole interval."""
    wait = interval
    if next_deadline is not None:
        wait = min(wait, next_deadline - now)
    return max(SHORTEST_SLEEP, wait).total_seconds()


async def run_forever(
    one_pass: Callable[[], Awaitable[datetime | None]],
    interval: timedelta,
    clock: Clock,
    interruption: Interruption,
) -> None:
    """Repeat ``one_pass`` until somebody asks to stop.

    A pass returns the next moment at which it has something to do, or None. It must not raise for
    what the next pass may find better; what it raises ends the loop.
    """
    while not interruption.requested:
        next_deadline = await one_pass()
        wait = seconds_until_next_pass(clock.now(), next_deadline, interval)
        await interruption.sleep(clock, wait)
