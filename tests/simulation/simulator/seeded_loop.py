"""Virtual time, and a scheduler of our own: a seed decides which of the ready tasks goes first.

Only whole steps of tasks change places; what the event loop promises about its own callbacks stays
as it is. Tasks are told apart by the order of their birth, so that one seed makes one run whatever
addresses the interpreter gives to its objects.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Coroutine
from contextvars import Context, copy_context
from heapq import heappop, heappush
from typing import Any, TypeVar

from tests.simulation.simulator.known_loop import known_to_anyio
from tests.virtual_time import VirtualDeadlock, VirtualLoop

Result = TypeVar("Result")
_RESOLUTION_SECONDS = 1e-9


_new = object.__new__


class _NumberedTask(asyncio.Task[Any]):
    __slots__ = ("number",)

    number: int

    def __repr__(self) -> str:
        """Whoever cancels is named in the reason, which nobody here reads."""
        return f"task {self.number}"


def _nothing(*_: object) -> None:
    """What a cancelled callback does."""


class _Soon:
    """A ``Handle``, as far as anybody here asks."""

    __slots__ = ("_args", "_callback", "_context")

    _callback: Callable[..., object]
    _args: tuple[Any, ...]
    _context: Context

    def cancel(self) -> None:
        self._callback = _nothing

    def cancelled(self) -> bool:
        return self._callback is _nothing


class _Timer(float):
    """When its callback is due: a ``TimerHandle``, as far as anybody here asks, that a heap can
    compare without calling us.
    """

    __slots__ = _Soon.__slots__

    _callback: Callable[..., object]
    _args: tuple[Any, ...]
    _context: Context

    def when(self) -> float:
        return float(self)

    def cancel(self) -> None:
        self._callback = _nothing

    def cancelled(self) -> bool:
        return self._callback is _nothing


class SeededLoop(VirtualLoop):
    """``switches`` counts how often a step was not the first in the queue."""

    def __init__(self, limit_seconds: float, seed: int) -> None:
        self._choice = random.Random(f"order {seed}").getrandbits
        self._born: list[_NumberedTask] = []
        self._nobodys = copy_context()
        self.switches = 0
        super().__init__(limit_seconds)

    get_debug = bool
    """False, which the interpreter asks for with every future."""

    def create_task(
        self,
        coro: Coroutine[Any, Any, Result],  # type: ignore[override]
        *,
        name: object = None,
        context: Context | None = None,
    ) -> asyncio.Task[Result]:
        task = _NumberedTask(coro, loop=self, name=name, context=context)  # type: ignore[arg-type]
        self._born.append(task)
        task.number = len(self._born)
        return task

    def _make_self_pipe(self) -> None:
        """Nobody wakes this loop from outside: no threads, no signals."""

    def _close_self_pipe(self) -> None:
        pass

    def end_all(self) -> None:
        """Cancel who is still at work, and let them put away what they have open."""
        left = [task for task in self._born if not task.done()]
        for task in left:
            task.cancel()
        if left:
            self.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        if self._asyncgens:  # type: ignore[attr-defined]
            self.run_until_complete(self.shutdown_asyncgens())
        self._born.clear()

    def call_soon(  # type: ignore[override]
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> _Soon:
        """As ever, without the questions of a loop that threads and debuggers may disturb."""
        handle: _Soon = _new(_Soon)
        handle._callback = callback
        handle._args = args
        handle._context = copy_context() if context is None else context
        self._ready.append(handle)  # type: ignore[attr-defined]
        return handle

    def call_soon_threadsafe(  # type: ignore[override]
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> _Soon:
        """There is one thread: asked where an answer that was not read to its end is put away."""
        return self.call_soon(callback, *args, context=context)

    def call_at(  # type: ignore[override]
        self,
        when: float,
        callback: Callable[..., object],
        *args: Any,
        context: Context | None = None,
    ) -> _Timer:
        timer = _Timer(when)
        timer._callback = callback
        timer._args = args
        timer._context = copy_context() if context is None else context
        heappush(self._scheduled, timer)  # type: ignore[attr-defined]
        return timer

    async def pause(self, seconds: float) -> None:
        """As ``asyncio.sleep``, for more than 0 seconds."""
        waiter: asyncio.Future[None] = asyncio.Future(loop=self)
        timer = self.call_at(self.virtual_seconds + seconds, _end, waiter, context=self._nobodys)
        try:
            await waiter
        except BaseException:
            timer.cancel()
            raise

    def _run_once(self) -> None:
        """All rounds until it is stopped, each as the standard library's: no sockets and no threads
        here, so that the kernel need not be asked a thousand times a run.
        """
        ready: Any = self._ready  # type: ignore[attr-defined]
        timers: list[_Timer] = self._scheduled  # type: ignore[attr-defined]
        while not self._stopping:  # type: ignore[attr-defined]
            if len(ready) > 1:
                self._put_in_order(ready)
            if not ready or (timers and timers[0] < self.virtual_seconds + _RESOLUTION_SECONDS):
                self._wake(ready, timers)
            for _ in range(len(ready)):
                handle = ready.popleft()
                handle._context.run(handle._callback, *handle._args)

    def _wake(self, ready: Any, timers: list[_Timer]) -> None:
        """Put what is due among the ready, after a jump to the next timer where nothing is."""
        while timers and timers[0]._callback is _nothing:
            heappop(timers)
        if not ready and not timers:
            raise VirtualDeadlock("no timer is set")
        if not ready and timers[0] > self.virtual_seconds:
            self.jump(timers[0] - self.virtual_seconds)
        due = self.virtual_seconds + _RESOLUTION_SECONDS
        while timers and timers[0] < due:
            ready.append(heappop(timers))

    def _put_in_order(self, ready: Any) -> None:
        places = [
            (task.number, place)
            for place, handle in enumerate(ready)
            if isinstance(task := getattr(handle._callback, "__self__", None), _NumberedTask)
        ]
        if len(places) < 2:
            return
        handles = [ready[place] for _, place in sorted(places)]
        self._shuffle(handles)
        for (_, place), handle in zip(places, handles, strict=True):
            self.switches += ready[place] is not handle
            ready[place] = handle

    def _shuffle(self, handles: list[Any]) -> None:
        """As ``random.shuffle`` of all versions so far, in half of its time."""
        bits = self._choice
        for last in range(len(handles) - 1, 0, -1):
            size = (last + 1).bit_length()
            chosen = bits(size)
            while chosen > last:
                chosen = bits(size)
            handles[last], handles[chosen] = handles[chosen], handles[last]


def run_seeded(
    async_fn: Callable[[], Awaitable[Result]], *, seed: int, limit_seconds: float
) -> Result:
    """Run ``async_fn()`` from virtual second 0 and return what it returns; whoever is still at work
    then is cancelled, as by ``asyncio.run``.
    """
    loop = SeededLoop(limit_seconds, seed)
    with known_to_anyio(loop):
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
