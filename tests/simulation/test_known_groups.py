"""The simulator's short ways through anyio end where anyio's own ways end, cancelled or not."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import anyio
import anyio.lowlevel
import pytest

from reconciler.clock import SystemClock
from tests.simulation.simulator.seeded_loop import run_seeded
from tests.virtual_time import run_virtual

Told = list[str]
_sleep = SystemClock().sleep


async def _one_fails(told: Told) -> None:
    async def fails() -> None:
        await _sleep(1)
        raise ValueError("one")

    async def is_cancelled() -> None:
        try:
            await _sleep(10)
        except anyio.get_cancelled_exc_class():
            told.append("cancelled")
            raise

    try:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(fails)
            tasks.start_soon(is_cancelled)
    except* ValueError as errors:
        told.append(str(errors.exceptions))
    told.append(f"at {anyio.current_time():.0f}")


async def _time_is_over(told: Told) -> None:
    with anyio.move_on_after(5) as scope:
        async with anyio.create_task_group() as tasks:
            for seconds in (3, 7):
                tasks.start_soon(_slept, seconds, told)
    told.append(f"{scope.cancelled_caught} at {anyio.current_time():.0f}")


async def _slept(seconds: float, told: Told) -> None:
    await _sleep(seconds)
    told.append(f"slept {seconds}")


async def _a_shield_holds(told: Told) -> None:
    with anyio.move_on_after(1) as outer:
        with anyio.CancelScope(shield=True):
            await _slept(2, told)
        told.append("behind the shield")
        await anyio.lowlevel.checkpoint()
        told.append("never")
    told.append(f"{outer.cancelled_caught} at {anyio.current_time():.0f}")


async def _a_group_is_cancelled_before_its_tasks_begin(told: Told) -> None:
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_slept, 1, told)
        tasks.cancel_scope.cancel()
    told.append(f"{tasks.cancel_scope.cancel_called} at {anyio.current_time():.0f}")


async def _who_waits_for_a_lock_is_cancelled(told: Told) -> None:
    turn = anyio.Lock()

    async def waits() -> None:
        with anyio.move_on_after(1) as scope:
            async with turn:
                told.append("never")
        told.append(f"gave up: {scope.cancelled_caught}")

    async with turn, anyio.create_task_group() as tasks:
        tasks.start_soon(waits)
        await _slept(2, told)
    async with turn:
        told.append("free again")


async def _a_call_takes_too_long(told: Told) -> None:
    try:
        with anyio.fail_after(1):
            await _sleep(2)
    except TimeoutError:
        told.append(f"too long at {anyio.current_time():.0f}")
    with anyio.CancelScope(deadline=0):
        await anyio.lowlevel.checkpoint()
        await _sleep(1)
        told.append("never")


@pytest.mark.parametrize(
    "scenario",
    [
        _one_fails,
        _time_is_over,
        _a_shield_holds,
        _a_group_is_cancelled_before_its_tasks_begin,
        _who_waits_for_a_lock_is_cancelled,
        _a_call_takes_too_long,
    ],
)
def test_whatever_is_cancelled_ends_as_in_anyio(
    scenario: Callable[[Told], Awaitable[None]],
) -> None:
    usual: Told = []
    ours: Told = []
    run_virtual(lambda: scenario(usual), limit_seconds=100)
    run_seeded(lambda: scenario(ours), seed=1, limit_seconds=100)
    assert ours == usual
    assert usual
