"""Answers that anyio need not look for where only one loop ever runs.

It asks three thousand times a run which library this is and whose task runs, and goes through that
library for each cancel scope, event and group. What it then does is its own: only the way is short.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Coroutine, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from types import coroutine
from typing import Any, Protocol

import anyio
import anyio.lowlevel
from anyio._backends import _asyncio
from anyio._core import _eventloop, _synchronization, _tasks

from tests.simulation.simulator.known_groups import (
    Group,
    checkpoint,
    checkpoint_if_cancelled,
    scope,
    shielded_checkpoint,
)

Place = tuple[Any, str, Any]


class _Pausing(Protocol):
    """An event loop."""

    def pause(self, seconds: float) -> Coroutine[Any, Any, None]: ...


@contextmanager
def known_to_anyio(loop: _Pausing) -> Iterator[None]:
    """Until it is left, ``loop`` is the one that runs wherever anyio is used."""
    sleep = _sleep_in(loop)
    places = [*_ALWAYS, (_asyncio, "_task_states", {}), (_asyncio, "sleep", sleep)]
    places.append((anyio, "sleep", sleep))
    if sys.version_info < (3, 12):  # where that is not written in C
        tasks: Any = asyncio.tasks
        places.append((_asyncio, "current_task", partial(tasks._current_tasks.get, loop)))
        places.append((tasks._all_tasks, "add", lambda _: None))  # the loop itself knows them all
    with replaced(places):
        yield


@contextmanager
def replaced(places: Iterable[Place]) -> Iterator[None]:
    """As ``patch.object`` of each (module, name, value), in a tenth of its time."""
    before = [(module, name, getattr(module, name)) for module, name, _ in places]
    try:
        for module, name, value in places:
            setattr(module, name, value)
        yield
    finally:
        for module, name, value in before:
            setattr(module, name, value)


def _sleep_in(loop: _Pausing) -> Any:
    """As ``asyncio.sleep``, mostly for no longer than a turn."""

    @coroutine
    def sleep(seconds: float) -> Any:
        if seconds > 0:
            yield from loop.pause(seconds).__await__()
        else:
            yield

    return sleep


_ALWAYS: list[Place] = [
    (_eventloop, "current_async_library", lambda: "asyncio"),
    (_tasks, "CancelScope", scope),
    (_asyncio, "CancelScope", scope),
    (anyio, "CancelScope", scope),
    (anyio, "create_task_group", Group),
    (_asyncio.AsyncIOBackend, "cancel_shielded_checkpoint", shielded_checkpoint),
    (_asyncio.AsyncIOBackend, "checkpoint_if_cancelled", checkpoint_if_cancelled),
    (anyio.lowlevel, "checkpoint", checkpoint),
    (anyio, "Event", _asyncio.Event),
    (anyio, "Lock", _asyncio.Lock),
    (anyio, "CapacityLimiter", _asyncio.CapacityLimiter),
    (_synchronization, "Event", _asyncio.Event),
]
