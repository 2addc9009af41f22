"""The wish to stop: nothing new is started, what is in flight is finished and saved."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio

if TYPE_CHECKING:
    from reconciler.clock import Clock
    from reconciler.model.exit_code import ExitCode


class Interruption:
    """Asked by a signal, obeyed between steps. Made inside the event loop."""

    def __init__(self) -> None:
        self._event = anyio.Event()
        self.code: ExitCode | None = None

    @property
    def requested(self) -> bool:
        return self.code is not None

    def request(self, code: ExitCode) -> None:
        """Ask to stop; the first code wins."""
        if self.code is None:
            self.code = code
            self._event.set()

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
