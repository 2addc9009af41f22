from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import anyio
import anyio.to_thread
import pytest

from reconciler.clock import LoopClock, process_seconds
from tests.virtual_time import VirtualDeadlock, VirtualTimeExceeded, run_virtual

START = datetime(2026, 7, 1, 12, tzinfo=UTC)


def test_a_day_passes_in_no_time_and_the_loop_clock_shows_it() -> None:
    async def day() -> datetime:
        clock = LoopClock(START)
        await clock.sleep(86_400)
        return clock.now()

    before = process_seconds()
    assert run_virtual(day) == START + timedelta(days=1)
    assert process_seconds() - before < 5


def test_sleepers_wake_in_the_order_of_their_timers_and_equal_runs_are_equal() -> None:
    async def race() -> list[tuple[float, str]]:
        clock = LoopClock(START)
        woken: list[tuple[float, str]] = []

        async def sleeper(name: str, seconds: float) -> None:
            await clock.sleep(seconds)
            woken.append((clock.elapsed_seconds(), name))

        async with anyio.create_task_group() as group:
            for name, seconds in (("late", 7200.0), ("early", 0.5), ("middle", 60.0)):
                group.start_soon(sleeper, name, seconds)
        return woken

    first = run_virtual(race)
    assert [name for _, name in first] == ["early", "middle", "late"]
    assert run_virtual(race) == first


def test_a_deadline_ends_a_wait_at_its_virtual_second() -> None:
    async def deadline() -> float:
        clock = LoopClock(START)
        with anyio.move_on_after(30):
            await clock.sleep(3600)
        return clock.elapsed_seconds()

    assert run_virtual(deadline) == pytest.approx(30)


def test_arguments_and_results_pass_through_and_errors_too() -> None:
    async def divide(a: int, b: int) -> int:
        return a // b

    assert run_virtual(divide, 7, 2) == 3
    with pytest.raises(ZeroDivisionError):
        run_virtual(divide, 7, 0)


def test_waiting_for_what_never_comes_is_an_error_and_no_hang() -> None:
    async def stuck() -> None:
        await anyio.Event().wait()

    with pytest.raises(VirtualDeadlock, match="no timer is set"):
        run_virtual(stuck)


def test_a_loop_that_sleeps_for_ever_ends_at_the_limit() -> None:
    async def forever() -> None:
        clock = LoopClock(START)
        while True:
            await clock.sleep(60)

    with pytest.raises(VirtualTimeExceeded, match="3600 virtual seconds"):
        run_virtual(forever, limit_seconds=3600)


def test_time_stands_still_while_a_thread_works() -> None:
    async def work() -> tuple[str, float]:
        done = threading.Event()
        threading.Timer(0.05, done.set).start()
        async with anyio.create_task_group() as group:
            group.start_soon(LoopClock(START).sleep, 5.0)
            await anyio.to_thread.run_sync(done.wait)
            at = anyio.current_time()
            group.cancel_scope.cancel()
        return "done" if done.is_set() else "not done", at

    assert run_virtual(work) == ("done", 0.0)
