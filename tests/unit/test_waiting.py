"""A verb begins without an event loop and goes on in one where it first waits."""

from __future__ import annotations

from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import anyio
import pytest

from reconciler.clock import PacedClock
from reconciler.conformance.virtual_time import run_virtual
from reconciler.inventory.observe import list_everything
from reconciler.model.observation import Complete, Unknown
from reconciler.providers.base import ProviderCapabilities
from reconciler.waiting import event_loop, in_time, loop_runs, run_at_once, side_by_side

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable

Result = TypeVar("Result")
NOW = datetime(2026, 11, 1, tzinfo=UTC)
CLOCK = PacedClock(NOW, NOW, 1)


def in_virtual_loop(rest: Awaitable[Result]) -> Result:
    async def go_on() -> Result:
        return await rest

    return run_virtual(go_on)


def never(rest: Awaitable[Result]) -> Result:
    raise AssertionError("it waits")


@asynccontextmanager
async def opened(log: list[str]) -> AsyncIterator[None]:
    log.append("opened")
    try:
        yield
    finally:
        log.append("closed")


def test_what_waits_for_nothing_sees_no_event_loop() -> None:
    log: list[str] = []

    async def verb() -> str:
        async with opened(log):
            await side_by_side([partial(say, "a", log), partial(say, "b", log)], at_hand=True)
            return await in_time(1, answer(0))

    assert run_at_once(verb(), never) == "answer"
    assert log == ["opened", "a", "b", "closed"]


async def say(word: str, log: list[str]) -> None:
    assert not loop_runs()
    log.append(word)


async def answer(seconds: float) -> str:
    await CLOCK.sleep(seconds)
    return "answer"


def test_what_waits_goes_on_from_there_inside_a_loop() -> None:
    log: list[str] = []

    async def verb() -> float:
        async with opened(log):
            assert not loop_runs()
            await event_loop()
            begun = anyio.current_time()
            await side_by_side([partial(CLOCK.sleep, 5), partial(CLOCK.sleep, 5)], at_hand=True)
            await event_loop()
            return anyio.current_time() - begun

    assert run_at_once(verb(), in_virtual_loop) == 5
    assert log == ["opened", "closed"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
@pytest.mark.parametrize("waits", [False, True])
def test_an_error_closes_what_was_opened(error: type[BaseException], waits: bool) -> None:
    log: list[str] = []

    async def verb() -> None:
        async with opened(log):
            if waits:
                await event_loop()
            raise error

    with pytest.raises(error):
        run_at_once(verb(), in_virtual_loop)
    assert log == ["opened", "closed"]


@pytest.mark.parametrize("looped", [False, True])
def test_a_deadline_holds_for_a_call_that_began_without_a_loop(looped: bool) -> None:
    async def verb() -> str:
        if looped:
            await event_loop()
        return await in_time(10, answer(9)) + await in_time(10, answer(11))

    with pytest.raises(TimeoutError):
        run_at_once(verb(), in_virtual_loop)


class Hand:
    """A provider in this process whose listing waits ``seconds``."""

    capabilities = ProviderCapabilities(call_deadline=timedelta(seconds=10), at_hand=True)

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    async def list_instances(self) -> Complete:
        await answer(self._seconds)
        return Complete("hand", "account", NOW, ())


def test_a_provider_at_hand_that_hangs_is_unknown_as_any_other() -> None:
    providers = {"a": Hand(0), "b": Hand(60), "c": Hand(9)}
    found = run_at_once(list_everything(providers, CLOCK), in_virtual_loop)  # type: ignore[arg-type]
    assert {name: type(one) for name, one in found.items()} == {
        "a": Complete,
        "b": Unknown,
        "c": Complete,
    }
