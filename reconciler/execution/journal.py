"""The state while it changes: every change durable before what depends on it, written in groups.

Changes are functions from state to state, so that one made by another process in between is kept:
on a conflict the stored state is read again and the same functions are applied to it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import anyio.lowlevel

from reconciler.clock import SystemClock
from reconciler.model.errors import GpuShopperError, StateConflict, StateError, StateLocked

if TYPE_CHECKING:
    from collections.abc import Callable

    from reconciler.model.record import RecordedState
    from reconciler.statefile.backend import StateBackend

_WRITE_TRIES = 120
_LOCKED_PAUSE_SECONDS = 0.5


class Journal:
    """Owns the working copy of one workspace's state. For one event loop."""

    def __init__(self, backend: StateBackend, state: RecordedState, *, stored: bool) -> None:
        """``stored``: whether ``state`` is what the backend holds; else a first write makes it."""
        self._backend = backend
        self._stored = state if stored else None
        self._state = state
        self._waiting: list[Callable[[RecordedState], RecordedState]] = []
        self._asked = 0
        self._durable = 0
        self._turn = anyio.Lock()
        self.writes = 0
        self.failure: GpuShopperError | None = None
        """Why the last write failed; None when everything asked for is stored."""

    @property
    def state(self) -> RecordedState:
        """The working copy; what is not durable yet included."""
        return self._state

    async def commit(self, change: Callable[[RecordedState], RecordedState]) -> None:
        """Apply ``change``; durable on return. Concurrent commits share one write.

        Raises what the backend raises; the change then stays waiting and goes with the next write.
        A change that changes nothing is not written.
        """
        changed = change(self._state)
        if changed == self._state and self._stored is not None and not self._waiting:
            return
        self._state = changed
        self._waiting.append(change)
        self._asked += 1
        mine = self._asked
        # Also for one who is cancelled: what was learnt (an id) must not be lost (I28).
        with anyio.CancelScope(shield=True):
            # Others that are ready to commit get the chance to share this write.
            await anyio.lowlevel.checkpoint()
            async with self._turn:
                if self._durable < mine:
                    await self._try_to_write()

    async def _try_to_write(self) -> None:
        try:
            await self._write()
        except GpuShopperError as error:
            self.failure = error
            raise
        self.failure = None

    async def refresh(self) -> RecordedState:
        """Read what is stored, with what still waits applied on top."""
        async with self._turn:
            self._rebase()
        return self._state

    async def _write(self) -> None:
        for tries_left in reversed(range(_WRITE_TRIES)):
            covered = self._asked
            expected = self._stored.serial if self._stored else None
            try:
                self._stored = self._backend.write(self._decided(), expected_serial=expected)
            except StateConflict:
                if not tries_left:
                    raise
                self._rebase()
            except StateLocked:
                if not tries_left:
                    raise
                await SystemClock().sleep(_LOCKED_PAUSE_SECONDS)
            else:
                self.writes += 1
                self._durable = covered
                self._waiting = []
                self._state = self._stored
                return

    def _decided(self) -> RecordedState:
        """The working copy; it carries the coming serial where more changes than a loop's visit."""
        stored, state = self._stored, self._state
        if stored is not None and stored.beside_the_loop == state.beside_the_loop:
            return state
        serial = (stored or state).serial + 1
        return state.with_(decided_serial=serial)

    def _rebase(self) -> None:
        found = self._backend.read()
        if found is None or found.lineage != self._state.lineage:
            raise StateError(
                f"{self._backend.location}: the state was replaced while it was in use",
                fix="find out who did that; what this run knew is in its output",
            )
        self._stored = found
        self._state = found
        for change in self._waiting:
            self._state = change(self._state)
