"""The state while it changes: every change durable before what depends on it, written in groups.

Changes are functions from state to state, so that one made by another process in between is kept:
on a conflict the stored state is read again and the same functions are applied to it.

Writing takes at most a fifth of the time, however large the state is: after a write the next one
waits four times as long as that one took, and holds everything that was asked for meanwhile.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import anyio.lowlevel

from reconciler.clock import SystemClock, loop_seconds
from reconciler.model.errors import GpuShopperError, StateConflict, StateError, StateLocked
from reconciler.model.value import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable

    from reconciler.model.record import RecordedState
    from reconciler.statefile.backend import StateBackend

    Change = Callable[[RecordedState], RecordedState]

_WRITE_TRIES = 120
_LOCKED_PAUSE_SECONDS = 0.5
_REST_FACTOR = 4.0
_LONGEST_REST_SECONDS = 1.0


@dataclass(slots=True)
class _Asked:
    """One change that waits for its write. ``settled``: the write that held it has ended."""

    change: Change
    announces: bool
    settled: bool = False
    error: GpuShopperError | None = None


class Journal:
    """Owns the working copy of one workspace's state. For one event loop."""

    def __init__(self, backend: StateBackend, state: RecordedState, *, stored: bool) -> None:
        """``stored``: whether ``state`` is what the backend holds; else a first write makes it."""
        self._backend = backend
        self._first = state
        self._stored = state if stored else None
        self._state = state
        self._unsure: RecordedState | None = None
        """What was being written when an error came: it may be stored all the same."""
        self._waiting: list[_Asked] = []
        self._turn = anyio.Lock()
        self._rests_until = 0.0
        self.writes = 0
        self.failure: GpuShopperError | None = None
        """Why the last write failed; None when everything asked for is stored."""

    @property
    def state(self) -> RecordedState:
        """The working copy; what is not durable yet included."""
        return self._state

    async def commit(self, change: Change) -> None:
        """Apply ``change``; durable on return. Concurrent commits share one write.

        Raises what the backend raises, to all who share the write; the change then stays waiting
        and goes with the next one. A change that changes nothing is not written.
        """
        changed = change(self._state)
        if self._stored is not None and not self._waiting and changed == self._state:
            return
        await self._durable(_Asked(change, announces=False), changed)

    async def announce(self, change: Change) -> None:
        """As ``commit``, of what is to be done next and must not be done without it.

        When it raises, ``change`` is taken back: nothing was done, so no later write may hold it.
        ``StateConflict`` where another process has written since this one last read or wrote: what
        was decided then may be done by that one already (I8).
        """
        await self._durable(_Asked(change, announces=True), change(self._state))

    async def refresh(self) -> RecordedState:
        """Read what is stored, with what still waits applied on top."""
        async with self._turn:
            self._rebase(None)
        return self._state

    async def _durable(self, asked: _Asked, changed: RecordedState) -> None:
        self._state = changed
        self._waiting.append(asked)
        # Also for one who is cancelled: what was learnt (an id) must not be lost (I28).
        with anyio.CancelScope(shield=True):
            # Others that are ready to commit get the chance to share this write.
            await anyio.lowlevel.checkpoint()
            async with self._turn:
                if not asked.settled:
                    if (rest := self._rests_until - loop_seconds()) > 0:
                        await SystemClock().sleep(rest)
                    await self._write_group()
        if asked.error is not None:
            raise asked.error

    async def _write_group(self) -> None:
        """One write for all who wait; what it comes to is told to each of them."""
        error: GpuShopperError | None = None
        begun = loop_seconds()
        try:
            await self._write()
        except GpuShopperError as raised:
            error = raised
        finally:
            ended = loop_seconds()
            self._rests_until = ended + min(_LONGEST_REST_SECONDS, _REST_FACTOR * (ended - begun))
        self.failure = error
        for asked in self._waiting:
            asked.settled, asked.error = True, error
        self._keep_waiting(lambda asked: error is not None and not asked.announces)

    async def _write(self) -> None:
        for tries_left in reversed(range(_WRITE_TRIES)):
            expected = self._stored.serial if self._stored else None
            tried = self._decided()
            try:
                self._stored = self._backend.write(tried, expected_serial=expected)
            except StateConflict as conflict:
                if not tries_left:
                    raise
                self._rebase(conflict)
                if not self._waiting:
                    return
            except StateLocked:
                if not tries_left:
                    raise
                await SystemClock().sleep(_LOCKED_PAUSE_SECONDS)
            except GpuShopperError:
                self._unsure = tried
                raise
            else:
                self.writes += 1
                self._unsure = None
                return

    def _decided(self) -> RecordedState:
        """The working copy; it carries the coming serial where more changes than a loop's visit."""
        stored, state = self._stored, self._state
        if stored is not None and not state.decided_since(stored):
            return state
        serial = (stored or state).serial + 1
        return state.with_(decided_serial=serial)

    def _rebase(self, conflict: StateConflict | None) -> None:
        """Start from what is stored. Announcements fall when somebody else has written it."""
        found = self._backend.read()
        if found is None or found.lineage != self._state.lineage:
            raise StateError(
                f"{self._backend.location}: the state was replaced while it was in use",
                fix="find out who did that; what this run knew is in its output",
            )
        moved = self._stored is None or found.serial != self._stored.serial
        ours = self._unsure is not None and _same(found, self._unsure)
        self._stored, self._unsure = found, None
        if moved and not ours:
            for asked in self._waiting:
                if asked.announces:
                    asked.settled, asked.error = True, conflict or _overtaken(self._backend)
        self._keep_waiting(lambda asked: not asked.settled or not asked.announces)

    def _keep_waiting(self, still: Callable[[_Asked], bool]) -> None:
        """The working copy anew: what is stored, and the changes that still wait."""
        self._waiting = [asked for asked in self._waiting if still(asked)]
        state = self._stored or self._first
        for asked in self._waiting:
            state = asked.change(state)
        self._state = state


def _same(found: RecordedState, tried: RecordedState) -> bool:
    """Whether a write that reported an error is what is stored after all."""
    return found == tried.with_(serial=found.serial, saved_at=found.saved_at)


def _overtaken(backend: StateBackend) -> StateConflict:
    return StateConflict(
        f"{backend.location}: someone else changed the state",
        why="what was about to be done may be done by them already",
        fix="run the command again: it starts from what is there now",
    )
