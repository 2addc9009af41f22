"""Virtual time, and a scheduler of our own: a seed decides which of the ready tasks goes first.

Only whole steps of tasks change places; what the event loop promises about its own callbacks stays
as it is. Tasks are told apart by the order of their birth, so that one seed makes one run whatever
addresses the interpreter gives to its objects.
"""

from __future__ import annotations

import asyncio
import random
from asyncio.events import Handle, TimerHandle
from collections.abc import Awaitable, Callable, Coroutine
from contextvars import Context
from heapq import heappop, heappush
from typing import Any, TypeVar

from tests.virtual_time import VirtualDeadlock, VirtualLoop

Result = TypeVar("Result")
_RESOLUTION_SECONDS = 1e-9


class _NumberedTask(asyncio.Task[Any]):
    number = 0


class SeededLoop(VirtualLoop):
    """``switches`` counts how often a step was not the first in the queue."""

    def __init__(self, limit_seconds: float, seed: int) -> None:
        self._choice = random.Random(f"order {seed}")
        self._born: list[_NumberedTask] = []
        self.switches = 0
        super().__init__(limit_seconds)
        self.set_task_factory(self._begin)  # type: ignore[arg-type]

    def _begin(
        self, loop: asyncio.AbstractEventLoop, coro: Coroutine[Any, Any, Any], **rest: Any
    ) -> _NumberedTask:
        task = _NumberedTask(coro, loop=loop, **rest)
        self._born.append(task)
        task.number = len(self._born)
        return task

    def end_all(self) -> None:
        """Cancel who is still at work, and let them put away what they have open."""
        left = [task for task in self._born if not task.done()]
        for task in left:
            task.cancel()
        if left:
            self.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        if self._asyncgens:  # type: ignore[attr-defined]
            self.run_until_complete(self.shutdown_asyncgens())

    def call_soon(  # type: ignore[override]
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> Handle:
        """As ever, without the questions of a loop that threads and debuggers may disturb."""
        handle = Handle(callback, args, self, context)
        self._ready.append(handle)  # type: ignore[attr-defined]
        return handle

    def call_at(  # type: ignore[override]
        self,
        when: float,
        callback: Callable[..., object],
        *args: Any,
        context: Context | None = None,
    ) -> TimerHandle:
        timer = TimerHandle(when, callback, args, self, context)
        heappush(self._scheduled, timer)  # type: ignore[attr-defined]
        timer._scheduled = True  # type: ignore[attr-defined]
        return timer

    async def pause(self, seconds: float) -> None:
        """As ``asyncio.sleep``, for more than 0 seconds."""
        waiter = self.create_future()
        timer = self.call_at(self.virtual_seconds + seconds, _end, waiter)
        try:
            await waiter
        except BaseException:
            timer.cancel()
            raise

    def _run_once(self) -> None:
        """One round, as the standard library's: no sockets and no threads here, so that the kernel
        need not be asked a thousand times a run.
        """
        ready: Any = self._ready  # type: ignore[attr-defined]
        if len(ready) > 1:
            self._put_in_order(ready)
        self._wake(ready, self._scheduled)  # type: ignore[attr-defined]
        for _ in range(len(ready)):
            handle = ready.popleft()
            if not handle._cancelled:
                handle._context.run(handle._callback, *handle._args)

    def _wake(self, ready: Any, timers: list[TimerHandle]) -> None:
        """Put what is due among the ready, after a jump to the next timer where nothing is."""
        while timers and timers[0].cancelled():
            heappop(timers)._scheduled = False  # type: ignore[attr-defined]
        if not ready and not timers:
            raise VirtualDeadlock("no timer is set")
        if not ready and timers[0].when() > self.virtual_seconds:
            self.jump(timers[0].when() - self.virtual_seconds)
        due = self.virtual_seconds + _RESOLUTION_SECONDS
        while timers and timers[0].when() < due:
            timer = heappop(timers)
            timer._scheduled = False  # type: ignore[attr-defined]
            ready.append(timer)

    def _put_in_order(self, ready: Any) -> None:
        places = [
            (place, task.number)
            for place, handle in enumerate(ready)
            if isinstance(task := getattr(handle._callback, "__self__", None), _NumberedTask)
        ]
        if len(places) < 2:
            return
        handles = [ready[place] for place, _ in sorted(places, key=lambda one: one[1])]
        self._choice.shuffle(handles)
        for (place, _), handle in zip(places, handles, strict=True):
            self.switches += ready[place] is not handle
            ready[place] = handle


def run_seeded(
    async_fn: Callable[[], Awaitable[Result]], *, seed: int, limit_seconds: float
) -> Result:
    """Run ``async_fn()`` from virtual second 0 and return what it returns; whoever is still at work
    then is cancelled, as by ``asyncio.run``.
    """
    loop = SeededLoop(limit_seconds, seed)
    try:
        return loop.run_until_complete(_awaited(async_fn))
    finally:
        loop.end_all()
        loop.close()


async def _awaited(async_fn: Callable[[], Awaitable[Result]]) -> Result:
    return await async_fn()


def _end(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
