from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import anyio
import pytest

from reconciler.clock import LoopClock
from reconciler.transport.pacing import Pace, Pacer
from tests.markets import START
from tests.virtual_time import run_virtual

Call = Callable[[], Coroutine[Any, Any, None]]
Tell = Callable[[Call], Awaitable[None]]


def _begun_at(pace: Pace, tell: Callable[[Call], Awaitable[None]]) -> list[float]:
    """When the calls that ``tell`` makes may begin, in virtual seconds."""
    begun: list[float] = []

    async def run() -> None:
        clock = LoopClock(START)
        pacer = Pacer(clock)

        async def call() -> None:
            await pacer.turn("GET things", pace)
            begun.append(clock.elapsed_seconds())

        await tell(call)

    run_virtual(run)
    return begun


async def _five_at_once(call: Call) -> None:
    async with anyio.create_task_group() as tasks:
        for _ in range(5):
            tasks.start_soon(call)


def test_tasks_at_once_get_their_turns_one_interval_apart() -> None:
    assert _begun_at(Pace(1, 3.0), _five_at_once) == [0.0, 3.0, 6.0, 9.0, 12.0]


def test_several_calls_in_a_window_begin_at_once_and_the_next_waits_for_the_window() -> None:
    assert _begun_at(Pace(2, 60.0), _five_at_once) == [0.0, 0.0, 60.0, 60.0, 120.0]


def test_a_call_after_a_long_silence_does_not_wait() -> None:
    async def tell(call: Call) -> None:
        await call()
        await LoopClock(START).sleep(10)
        await call()

    assert _begun_at(Pace(1, 3.0), tell) == [0.0, 10.0]


def test_endpoints_do_not_wait_for_each_other() -> None:
    async def run() -> float:
        clock = LoopClock(START)
        pacer = Pacer(clock)
        for number in range(10):
            await pacer.turn(f"GET {number}", Pace(1, 3.0))
        return clock.elapsed_seconds()

    assert run_virtual(run) == 0.0


def test_who_gives_up_waiting_takes_nobodys_turn() -> None:
    async def tell(call: Call) -> None:
        await call()
        with anyio.move_on_after(1):
            await call()
        await call()

    assert _begun_at(Pace(1, 3.0), tell) == [0.0, 3.0]


@pytest.mark.parametrize("calls", [1, 10])
def test_I26_no_window_ever_holds_more_calls_than_it_may(calls: int) -> None:
    async def tell(call: Call) -> None:
        async with anyio.create_task_group() as tasks:
            for number in range(40):
                tasks.start_soon(call)
                await LoopClock(START).sleep(0.7 * (number % 5))

    begun = _begun_at(Pace(calls, 4.0), tell)
    assert all(
        later - first >= 4.0 - 1e-9 for first, later in zip(begun, begun[calls:], strict=False)
    )


def test_what_all_calls_share_holds_beside_the_pace_of_each() -> None:
    begun: list[tuple[str, float]] = []

    async def run() -> None:
        clock = LoopClock(START)
        pacer = Pacer(clock)

        async def call(name: str, seconds: float) -> None:
            await pacer.turn(name, Pace(1, seconds), Pace(1, 1.0))
            begun.append((name, clock.elapsed_seconds()))

        async with anyio.create_task_group() as tasks:
            for _ in range(2):
                tasks.start_soon(call, "launch", 12.0)
                tasks.start_soon(call, "read", 0.0)
            await clock.sleep(11.5)
            tasks.start_soon(call, "read", 0.0)

    run_virtual(run)
    assert begun == [
        ("launch", 0.0),
        ("read", 1.0),
        ("read", 2.0),
        ("read", 11.5),
        ("launch", 12.5),
    ]
