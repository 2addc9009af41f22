"""What a place that keeps the state of one workspace must do.

Small on purpose: one conformance suite (``tests/contract/test_state_backend.py``) runs against
every backend.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from reconciler.model.value import dataclass

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path
    from types import TracebackType
    from typing import Self

    from reconciler.model.record import RecordedState
    from reconciler.model.state_change import Backup
    from reconciler.statefile.workspace_key import WorkspaceKey


@dataclass(frozen=True, slots=True)
class LockInfo:
    """Who holds a lock, since when and for what.

    ``boot_id`` and ``process_started`` tell a living process from a later one with the same pid;
    both are empty where the system does not say. ``created`` is None when it cannot be read. Text
    in it was written by another process: escape it before printing.
    """

    id: str
    operation: str
    who: str
    version: str
    created: datetime | None
    path: str
    host: str
    pid: int
    boot_id: str = ""
    process_started: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """What stands where the state belongs, usable or not, as ``replace`` has to find it again.

    ``state`` is None where nothing is, or nothing usable; ``problem`` says what is wrong with it.
    """

    version: str
    state: RecordedState | None
    problem: str = ""
    serial_hint: int = 0
    """The serial that a damaged state seems to have had; 0 where none can be made out."""
    told_serial: int = 0
    """The newest serial that the audit trail tells of; 0 where none is known."""


class StateLock(ABC):
    """One holder's turn, as a context manager; it can be entered once.

    Entering raises ``StateLocked`` (exit 4) when another holder does not let go in time.
    """

    info: LockInfo

    @property
    @abstractmethod
    def held(self) -> bool:
        """Whether this object holds the lock now."""

    @abstractmethod
    def __enter__(self) -> Self: ...

    @abstractmethod
    def release(self) -> None:
        """Let go. Repeating it does nothing; leaving the ``with`` block calls it."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()


class StateBackend(ABC):
    """Keeps one workspace's state: old or new, never half, and never silently none."""

    location: str
    """Where the state is, for messages; already escaped."""

    warnings: list[str]
    """What a person should be told: repaired permissions, dead holders. Grows; one line each."""

    key: WorkspaceKey
    """The SSH key that opens the workspace's machines."""

    @abstractmethod
    def read(self) -> RecordedState | None:
        """The state as stored; None only when there is none.

        Raises ``StateError`` for anything that is there and cannot be used.
        """

    @abstractmethod
    def write(self, state: RecordedState, *, expected_serial: int | None) -> RecordedState:
        """Compare-and-swap: store ``state`` under the next serial and return it as stored.

        ``expected_serial`` is the serial that must be stored now, with the same lineage; None
        means that no state may be there. Otherwise ``StateConflict`` is raised and nothing is
        written. ``StateLocked`` is raised while another holder has the lock. Durable on return.
        After any other error either the old or the new state is stored, whole: read to know.
        """

    @abstractmethod
    def pull(self) -> bytes | None:
        """The bytes that are stored, once they have been found good; None where nothing is.

        Raises ``StateError`` like ``read``.
        """

    @abstractmethod
    def find(self) -> Found:
        """What is stored, for a command that is to put something else in its place. Raises
        ``StateError`` only for a place that is not safe to use.
        """

    @abstractmethod
    def backups(self) -> tuple[Backup, ...]:
        """Older versions, the newest first. Of bounded number: each turn at the lock that decides
        something keeps the version before it, and the oldest ones go.
        """

    @abstractmethod
    def load(self, path: Path) -> RecordedState:
        """A state in a file of one's own: a backup, a rescue file. Raises ``StateError`` unless it
        is a good state of this workspace in a file that nobody else decides.
        """

    @abstractmethod
    def replace(self, state: RecordedState, *, found: Found) -> RecordedState:
        """Store ``state``, with the serial it carries, in the place of ``found``, which is kept.

        Holds for damaged ones too. Raises ``StateConflict`` when something else is there by now.
        """

    @abstractmethod
    def rescue(self, state: RecordedState) -> str:
        """After a write that failed: keep ``state`` in another place that can be written.

        Returns where (escaped), for ``load``; "" when there is no such place, or when ``state`` is
        another one than belongs here: nothing was saved in it. Never raises.
        """

    @abstractmethod
    def fence(self) -> None:
        """Raise ``StateLocked`` when a lock that this object took is no longer its own.

        To be called just before each call that changes something at a provider: a process that was
        stopped for long learns here that another one has taken its turn. Nothing happens while no
        lock is held.
        """

    @abstractmethod
    def lock(self, operation: str, *, timeout_seconds: float) -> StateLock:
        """The lock for ``operation``, waited for that long when it is entered (0: not at all)."""

    @abstractmethod
    def unlock(self, lock_id: str) -> LockInfo | None:
        """Forget a holder that is dead, by the id that its lock showed; return who it was.

        None when nothing was locked. Raises ``StateLocked`` when the holder lives or the id is
        another one.
        """
