"""The loop: wake, reconcile, sleep until the next deadline or the interval, whichever is sooner."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from reconciler.clock import Clock
    from reconciler.execution.interruption import Interruption

SHORTEST_SLEEP = timedelta(seconds=1)
_LOOK_AGAIN_SECONDS = 60.0  # a sleep does not count a suspend, the clock does


def seconds_until_next_pass(left: float | None, interval: timedelta) -> float:
    """At least a second, at most ``interval``: an expiry is not found late by a whole interval."""
    longest = interval.total_seconds()
    return max(SHORTEST_SLEEP.total_seconds(), longest if left is None else min(left, longest))


async def run_forever(
    one_pass: Callable[[], Awaitable[float | None]],
    interval: timedelta,
    clock: Clock,
    interruption: Interruption,
) -> None:
    """Repeat ``one_pass`` until somebody asks to stop.

    A pass returns when it has something to do next, as a reading of ``clock.elapsed_seconds``, or
    None. It must not raise for what the next pass may find better; what it raises ends the loop.
    A suspend, before the sleep or in it, makes the next pass a minute late at the most.
    """
    while not interruption.requested:
        due = await one_pass()
        now = clock.elapsed_seconds()
        wake_at = now + seconds_until_next_pass(None if due is None else due - now, interval)
        while (left := wake_at - clock.elapsed_seconds()) > 0 and not interruption.requested:
            await interruption.sleep(clock, min(left, _LOOK_AGAIN_SECONDS))
