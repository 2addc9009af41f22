"""An event loop for whoever waits.

asyncio and anyio are a sixth of the start of a command, and a command that only looks at what lies
on this machine waits for nothing. Such a one begins without an event loop and gets it when it first
waits: what it awaits on the way calls ``event_loop`` before it uses anyio.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import Awaitable, Callable, Coroutine, Generator, Iterable

    Call = Callable[[], Coroutine[Any, Any, None]]

Result = TypeVar("Result")


def run_at_once(
    verb: Coroutine[Any, Any, Result], in_loop: Callable[[Awaitable[Result]], Result]
) -> Result:
    """Run ``verb`` without an event loop; where it waits, ``in_loop`` runs the rest of it."""
    try:
        verb.send(None)
    except StopIteration as end:
        result: Result = end.value
        return result
    return in_loop(_Rest(verb))


def running_loop() -> AbstractEventLoop | None:
    """The event loop that the caller is inside of. Loads no event loop to tell."""
    asyncio = sys.modules.get("asyncio")
    if asyncio is None:
        return None
    try:
        loop: AbstractEventLoop = asyncio.get_running_loop()
    except RuntimeError:
        return None
    return loop


def loop_runs() -> bool:
    """Whether the caller is inside an event loop."""
    return running_loop() is not None


async def event_loop() -> None:
    """Returns inside an event loop, which begins here if none runs yet."""
    if not loop_runs():
        await _Wish()


async def give_way() -> None:
    """Let others have their turn: there are none where no event loop runs."""
    if loop_runs():
        import anyio.lowlevel

        await anyio.lowlevel.checkpoint()


async def in_time(seconds: float, call: Coroutine[Any, Any, Result]) -> Result:
    """What ``call`` returns. Raises ``TimeoutError`` when it takes longer.

    Where no event loop runs, ``seconds`` count from its first wait, and it calls ``event_loop``
    before that.
    """
    rest: Awaitable[Result] = call
    loop = running_loop()
    if loop is None:
        try:
            call.send(None)
        except StopIteration as end:
            result: Result = end.value
            return result
        await event_loop()
        rest, loop = _Rest(call), running_loop()
        assert loop is not None
    import anyio

    # As ``anyio.fail_after``, at half the cost.
    with anyio.CancelScope(deadline=loop.time() + seconds):
        return await rest
    raise TimeoutError


async def side_by_side(calls: Iterable[Call], *, at_hand: bool) -> None:
    """All of ``calls`` at once. If they are ``at_hand``, they wait for nothing and need no event
    loop: without one they follow one another.
    """
    if at_hand and not loop_runs():
        for call in calls:
            await call()
        return
    await event_loop()
    import anyio

    async with anyio.create_task_group() as tasks:
        for call in calls:
            tasks.start_soon(call)


class _Wish:
    """What a coroutine hands to ``run_at_once``."""

    def __await__(self) -> Generator[_Wish, None, None]:
        yield self


class _Rest(Generic[Result]):
    """What is left of a coroutine that has begun."""

    def __init__(self, begun: Coroutine[Any, Any, Result]) -> None:
        self._begun = begun

    def __await__(self) -> Generator[Any, Any, Result]:
        return (yield from self._begun.__await__())
