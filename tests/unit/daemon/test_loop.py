"""When the loop wakes: at its next deadline, whatever happens to the clock before it sleeps."""

from __future__ import annotations

from datetime import timedelta

from reconciler.clock import LoopClock
from reconciler.daemon.loop import run_forever, seconds_until_next_pass
from reconciler.execution.interruption import Interruption
from reconciler.model.exit_code import ExitCode
from tests.markets import START
from tests.virtual_time import run_virtual

HALF_A_DAY = timedelta(hours=12)


class Suspended(LoopClock):
    """Time passes on it while nothing runs."""

    slept = 0.0

    def elapsed_seconds(self) -> float:
        return super().elapsed_seconds() + self.slept


def passes(suspend: float, *, asleep: bool) -> list[float]:
    """When the passes began, of a loop whose first one has something to do after an hour; the
    machine is suspended for that long, just before the loop sleeps or while it does.
    """

    async def told() -> list[float]:
        clock, interruption, began = Suspended(START), Interruption(), list[float]()

        async def one_pass() -> float | None:
            began.append(clock.elapsed_seconds() - clock.slept)
            if len(began) > 1:
                interruption.request(ExitCode.INTERRUPTED)
                return None
            due = clock.elapsed_seconds() + 3600
            if not asleep:
                clock.slept = suspend
            return due

        if asleep:
            first = clock.sleep

            async def sleep(seconds: float) -> None:
                await first(seconds)
                clock.slept = suspend

            clock.sleep = sleep  # type: ignore[method-assign]
        await run_forever(one_pass, HALF_A_DAY, clock, interruption)
        return began

    return run_virtual(told)


def test_the_loop_wakes_at_its_deadline() -> None:
    first, second = passes(0, asleep=False)
    assert second - first == 3600


def test_a_suspend_before_the_sleep_is_not_added_to_it() -> None:
    first, second = passes(3000, asleep=False)
    assert second - first == 600


def test_a_suspend_while_it_sleeps_makes_it_a_minute_late_at_the_most() -> None:
    first, second = passes(3570, asleep=True)
    assert second - first <= 60


def test_a_deadline_that_is_past_waits_a_second_and_one_far_away_an_interval() -> None:
    assert seconds_until_next_pass(-5.0, HALF_A_DAY) == 1
    assert seconds_until_next_pass(10**6, HALF_A_DAY) == 43_200
    assert seconds_until_next_pass(None, HALF_A_DAY) == 43_200
