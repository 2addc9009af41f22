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
    from types import TracebackType
    from typing import Self

    from reconciler.model.record import RecordedState


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
    def lock(self, operation: str, *, timeout_seconds: float) -> StateLock:
        """The lock for ``operation``, waited for that long when it is entered (0: not at all)."""

    @abstractmethod
    def unlock(self, lock_id: str) -> LockInfo | None:
        """Forget a holder that is dead, by the id that its lock showed; return who it was.

        None when nothing was locked. Raises ``StateLocked`` when the holder lives or the id is
        another one.
        """
