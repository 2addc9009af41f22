"""An event loop on virtual time: when all tasks wait, time jumps to the next timer.

Hours pass in microseconds and every run is the same. Worker threads (``anyio.to_thread``) are
waited for in real time, while virtual time stands still; sockets and subprocesses have no place
here.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Awaitable, Callable
from typing import TypeVar, TypeVarTuple

import anyio
import anyio.to_thread

Result = TypeVar("Result")
Arguments = TypeVarTuple("Arguments")

LONGEST_RUN_SECONDS = 400 * 86_400.0
_THREAD_PATIENCE_SECONDS = 20.0


class VirtualDeadlock(Exception):
    """Every task waits and no timer is set: nothing can ever happen again."""


class VirtualTimeExceeded(Exception):
    """The run reached its limit of virtual time: something sleeps and wakes for ever."""


def run_virtual(
    async_fn: Callable[[*Arguments], Awaitable[Result]],
    *args: *Arguments,
    limit_seconds: float = LONGEST_RUN_SECONDS,
) -> Result:
    """Run ``async_fn(*args)`` from virtual second 0 and return what it returns.

    Raises ``VirtualDeadlock`` or ``VirtualTimeExceeded`` where a real loop would hang.
    """

    async def watched() -> Result:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        loop.threads = anyio.to_thread.current_default_thread_limiter()
        return await async_fn(*args)

    return anyio.run(
        watched,
        backend="asyncio",
        backend_options={"loop_factory": lambda: VirtualLoop(limit_seconds)},
    )


class VirtualLoop(asyncio.SelectorEventLoop):
    """``time()`` is virtual, in seconds from 0."""

    def __init__(self, limit_seconds: float) -> None:
        self.virtual_seconds = 0.0
        self.limit_seconds = limit_seconds
        self.threads: anyio.CapacityLimiter | None = None
        super().__init__(_JumpingSelector(self))

    def time(self) -> float:
        return self.virtual_seconds

    def jump(self, seconds: float) -> None:
        self.virtual_seconds += seconds
        if self.virtual_seconds > self.limit_seconds:
            raise VirtualTimeExceeded(
                f"{self.limit_seconds:.0f} virtual seconds passed; waiting: {_waiting(self)}"
            )

    def threads_at_work(self) -> bool:
        return self.threads is not None and self.threads.borrowed_tokens > 0


class _JumpingSelector(selectors.DefaultSelector):
    """Never waits for the wall clock, except for threads."""

    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        events = super().select(0)
        if events or timeout == 0:
            return events
        if self._loop.threads_at_work():
            events = super().select(_THREAD_PATIENCE_SECONDS)
            if not events:
                raise VirtualDeadlock("a worker thread does not come back")
            return events
        if timeout is None:
            raise VirtualDeadlock(f"no timer is set; waiting: {_waiting(self._loop)}")
        self._loop.jump(timeout)
        return events


def _waiting(loop: asyncio.AbstractEventLoop) -> str:
    names = sorted(str(task.get_name()) for task in asyncio.all_tasks(loop))
    return ", ".join(names[:10]) or "nobody"
