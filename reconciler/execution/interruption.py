"""The wish to stop: nothing new is started, what is in flight is finished and saved. Said twice:
nothing is waited for any more, and only what is known is saved.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import anyio

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.clock import Clock
    from reconciler.model.exit_code import ExitCode


class Interruption:
    """Asked by a signal, obeyed between steps. Made inside the event loop."""

    def __init__(self) -> None:
        self._event = anyio.Event()
        self._in_flight: set[anyio.CancelScope] = set()
        self.leaving = False
        self.code: ExitCode | None = None

    @property
    def requested(self) -> bool:
        return self.code is not None

    def request(self, code: ExitCode) -> None:
        """Ask to stop; the first code wins."""
        if self.code is None:
            self.code = code
            self._event.set()

    def leave(self) -> None:
        """Ask to leave at once: no call that is in flight is waited for any more."""
        self.leaving = True
        for scope in self._in_flight:
            scope.cancel()

    @contextmanager
    def in_flight(self) -> Iterator[None]:
        """For a call that may have its effect by now: it is finished whatever is cancelled around
        it, and given up only by ``leave``. What was given up ends this block without an error.
        """
        with anyio.CancelScope(shield=True) as scope:
            self._in_flight.add(scope)
            try:
                if self.leaving:
                    scope.cancel()
                yield
            finally:
                self._in_flight.discard(scope)

    async def wait(self) -> None:
        """Until somebody asks to stop."""
        await self._event.wait()

    async def sleep(self, clock: Clock, seconds: float) -> None:
        """Sleep ``seconds`` of ``clock``'s time, or until somebody asks to stop."""
        if self.requested:
            return
        async with anyio.create_task_group() as tasks:

            async def wake() -> None:
                await self.wait()
                tasks.cancel_scope.cancel()

            tasks.start_soon(wake)
            await clock.sleep(seconds)
            tasks.cancel_scope.cancel()
