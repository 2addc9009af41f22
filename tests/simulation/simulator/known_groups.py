"""anyio's cancel scopes and task groups, in a third of their steps.

A run opens six hundred scopes and a hundred tasks, and nearly all of them end as they began: nobody
cancels them. What does nothing then is left out here; whatever is cancelled goes anyio's own way.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Coroutine, Iterator
from types import TracebackType, coroutine
from typing import Any, Self

from anyio._backends import _asyncio
from anyio._backends._asyncio import CancelScope, TaskGroup, TaskState

_new = object.__new__


def _current() -> Any:
    """As anyio sees it, who asks its module for what this loop has put there."""
    return _asyncio.current_task()  # type: ignore[attr-defined]


class _Scope(CancelScope):
    __slots__ = ()

    def __enter__(self) -> Self:
        if self._active or self._cancel_called:
            return super().__enter__()
        host: Any = _current()
        self._host_task = host
        self._tasks.add(host)
        state = _asyncio._task_states.get(host)
        if state is None:
            _asyncio._task_states[host] = TaskState(None, self)
        else:
            parent = self._parent_scope = state.cancel_scope
            state.cancel_scope = self
            if parent is not None:
                parent._child_scopes.add(self)
                parent._tasks.discard(host)
        if self._deadline != math.inf:
            self._timeout()
        self._active = True
        self._cancelling_at_enter = host.cancelling()
        if self._cancel_called:  # its deadline was over before
            self._deliver_cancellation(self)
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> bool:
        host: Any = self._host_task
        state = _asyncio._task_states.get(host)
        inside = self._active and _current() is host
        if not inside or self._cancel_called or self._pending_uncancellations:
            return super().__exit__(exc_type, exc_val, exc_tb)
        if state is None or state.cancel_scope is not self:
            return super().__exit__(exc_type, exc_val, exc_tb)
        self._active = False
        if self._timeout_handle is not None:
            self._timeout_handle.cancel()
            self._timeout_handle = None
        self._tasks.remove(host)
        parent = state.cancel_scope = self._parent_scope
        if parent is not None:
            parent._child_scopes.remove(self)
            parent._tasks.add(host)
            _go_on_cancelling(parent)
        self._host_task = None
        return False


def scope(*, deadline: float = math.inf, shield: bool = False) -> CancelScope:
    """As ``CancelScope``, whose deadlines are numbers here."""
    made: CancelScope = _new(_Scope)
    made._deadline = deadline
    made._shield = shield
    made._parent_scope = None
    made._child_scopes = set()
    made._cancel_called = False
    made._cancel_reason = None
    made._cancelled_caught = False
    made._active = False
    made._timeout_handle = None
    made._cancel_handle = None
    made._tasks = set()
    made._host_task = None
    made._cancelling_at_enter = 0
    made._pending_uncancellations = 0
    return made


def _go_on_cancelling(seen: CancelScope | None) -> None:
    """As ``_restart_cancellation_in_parent``, in the scopes from ``seen`` on."""
    while seen is not None and not seen._cancel_called:
        seen = None if seen._shield else seen._parent_scope
    if seen is not None and seen._cancel_handle is None:
        seen._deliver_cancellation(seen)


@coroutine
def shielded_checkpoint() -> Iterator[None]:
    """As ``cancel_shielded_checkpoint``: a task that is in no scope meanwhile is not cancelled."""
    task: Any = _current()
    state = _asyncio._task_states.get(task)
    left = None if state is None else state.cancel_scope
    if left is None:
        yield
        return
    left._tasks.discard(task)
    try:
        yield
    finally:
        left._tasks.add(task)
        _go_on_cancelling(left)


@coroutine
def checkpoint() -> Iterator[None]:
    """As anyio's, which asks first in which library this is."""
    yield


@coroutine
def checkpoint_if_cancelled() -> Iterator[None]:
    """As anyio's."""
    state = _asyncio._task_states.get(_current())
    seen = None if state is None else state.cancel_scope
    while seen is not None:
        if seen._cancel_called:
            yield
        else:
            seen = None if seen._shield else seen._parent_scope


class Group(TaskGroup):
    """Its tasks are in the group's own scope: nobody keeps the handle of one to cancel it alone."""

    def start_soon(  # type: ignore[misc,override]
        self, func: Callable[..., Coroutine[Any, Any, Any]], *args: Any, name: object = None
    ) -> None:
        within = self.cancel_scope
        if not within._active:
            raise RuntimeError("this task group is not active")
        task = asyncio.get_running_loop().create_task(func(*args))
        _asyncio._task_states[task] = TaskState(None, within)
        within._tasks.add(task)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        within = _asyncio._task_states.pop(task).cancel_scope
        assert within is not None
        within._tasks.remove(task)
        self._tasks.remove(task)
        waiter = self._on_completed_fut
        if waiter is not None and not self._tasks and not waiter.done():
            waiter.set_result(None)
        error = asyncio.CancelledError() if task.cancelled() else task.exception()
        if error is None:
            return
        if not isinstance(error, asyncio.CancelledError):
            self._exceptions.append(error)
        if not self.cancel_scope._effectively_cancelled:
            self.cancel_scope.cancel()
