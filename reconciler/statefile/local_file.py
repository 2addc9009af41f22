"""The state in a file of this host: ``state/<workspace>.json`` (SPEC.md section 7).

Beside it: ``.lock`` and ``.lock.info`` (see ``lock``), ``.backup`` (the version before the first
write of the last command that wrote), the audit trail (see ``audit_files``), and for a moment a
temporary file.
"""

from __future__ import annotations

import errno
import hashlib
from contextlib import nullcontext, suppress
from typing import TYPE_CHECKING

from reconciler.model.errors import GpuShopperError, StateConflict, StateError
from reconciler.model.text import printable
from reconciler.model.value import dataclass
from reconciler.statefile.backend import StateBackend
from reconciler.statefile.files import Files
from reconciler.statefile.format import decode, encode
from reconciler.statefile.lock import LocalLock, LockPlace, forget_holder
from reconciler.statefile.private_files import (
    check_directory,
    local_failure,
    read_private,
    remove_leftovers,
    shown,
    write_private,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from datetime import datetime
    from pathlib import Path

    from reconciler.model.audit import Actor
    from reconciler.model.record import RecordedState
    from reconciler.statefile.audit_trail import AuditTrail
    from reconciler.statefile.backend import LockInfo

_WRITE = "write"
_WRITE_WAIT_SECONDS = 0.5
_NO_HARD_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)


@dataclass(frozen=True, slots=True)
class _Stored:
    """What is in the file: the digest of its bytes, and what they say."""

    digest: bytes
    state: RecordedState


class LocalFile(StateBackend):
    """The state of ``workspace`` at ``path``; ``now`` dates what is written.

    ``audited``: what each write changes is told in the audit trail beside it, before the write.

    A write happens under the lock: the one that is held through this object, else one taken for
    that write alone. Nothing is created before the first lock or write.
    """

    def __init__(
        self,
        path: Path,
        workspace: str,
        now: Callable[[], datetime],
        *,
        files: Files | None = None,
        audited: bool = False,
    ) -> None:
        self.location = shown(path)
        self.warnings: list[str] = []
        self._path = path
        self._backup = path.with_name(path.name + ".backup")
        self._workspace = workspace
        self._now = now
        self._files = files or Files()
        self._place = LockPlace(path, now, self._files, self.warnings)
        self._locks: list[LocalLock] = []
        self._known: _Stored | None = None
        self._wrote = False
        self._audited = audited
        self._trail: AuditTrail | None = None
        self._actor: Actor | None = None
        self._operation = _WRITE

    def read(self) -> RecordedState | None:
        data = self._bytes()
        if data is None:
            self._mention_backup()
            return None
        return self._stored(data)

    def write(self, state: RecordedState, *, expected_serial: int | None) -> RecordedState:
        self._refuse_other_workspace(state)
        with self._turn():
            data = self._bytes()
            stored = None if data is None else self._stored(data)
            self._refuse_conflict(state, stored, expected_serial)
            serial = (state.serial if stored is None else stored.serial) + 1
            saved = state.with_(serial=serial, saved_at=self._now())
            if self._audited:
                saved = self._told(stored, saved)
            self._save(saved, data)
            if self._trail is not None:
                self._trail.saved()
            return saved

    def _told(self, stored: RecordedState | None, saved: RecordedState) -> RecordedState:
        """``saved`` with the anchor of the trail in which it was told first."""
        from reconciler.statefile.audit_trail import AuditTrail, this_actor  # reads need none

        if self._trail is None:
            self._trail = AuditTrail(self._path, self._files, self.warnings)
        if self._actor is None or self._actor.operation != self._operation:
            self._actor = this_actor(self._operation)
        anchor = self._trail.tell(stored, saved, self._actor, self._now())
        return saved.with_(trail=anchor)

    def lock(self, operation: str, *, timeout_seconds: float) -> LocalLock:
        if operation != _WRITE:
            self._operation = operation  # a later write without its lock is a part of it
        lock = LocalLock(self._place, operation, timeout_seconds)
        self._locks = [*(one for one in self._locks if one.held), lock]
        return lock

    def unlock(self, lock_id: str) -> LockInfo | None:
        return forget_holder(self._place, lock_id)

    def _turn(self) -> AbstractContextManager[object]:
        if any(lock.held for lock in self._locks):
            return nullcontext()
        return self.lock(_WRITE, timeout_seconds=_WRITE_WAIT_SECONDS)

    def _bytes(self) -> bytes | None:
        directory = self._path.parent
        try:
            check_directory(directory, self._files.status(directory))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise local_failure("look at", directory, error) from error
        return read_private(self._files, self._path, self.warnings)

    def _stored(self, data: bytes) -> RecordedState:
        """What ``data`` says; the same bytes are decoded once."""
        digest = hashlib.sha256(data).digest()
        if self._known is None or self._known.digest != digest:
            self._known = _Stored(digest, self._decoded(data))
        return self._known.state

    def _decoded(self, data: bytes) -> RecordedState:
        try:
            state = decode(data, self.location)
            self._refuse_other_workspace(state)
        except StateError as error:
            advice = self._backup_advice()
            fix = f"{error.fix}; {advice}" if error.fix else advice
            raise StateError(error.what, why=error.why, fix=fix) from None
        return state

    def _save(self, state: RecordedState, previous: bytes | None) -> None:
        data = encode(state)
        try:
            if not self._wrote:
                remove_leftovers(self._files, self._path)
                if previous is not None:
                    self._keep_backup(previous)
            write_private(self._files, self._path, data)
        except OSError as error:
            raise local_failure("write", self._path, error) from error
        self._wrote = True
        self._known = _Stored(hashlib.sha256(data).digest(), state)

    def _keep_backup(self, previous: bytes) -> None:
        # While the old backup is away the state itself is whole: it was read a moment ago.
        with suppress(FileNotFoundError):
            self._files.remove(self._backup)
        try:
            self._files.link(self._path, self._backup)
        except OSError as error:
            if error.errno not in _NO_HARD_LINKS:
                raise
            write_private(self._files, self._backup, previous)

    def _good_backup(self) -> RecordedState | None:
        try:
            data = read_private(self._files, self._backup, self.warnings)
            return None if data is None else decode(data, shown(self._backup))
        except GpuShopperError:
            return None

    def _backup_advice(self) -> str:
        backup = self._good_backup()
        if backup is None:
            return (
                f"there is no good backup at {shown(self._backup)}: restore the file from a copy "
                "of your own, and never start afresh while machines may run"
            )
        return f"{_described(backup)} is at {shown(self._backup)}: look at it, then copy it back"

    def _mention_backup(self) -> None:
        backup = self._good_backup()
        if backup is not None:
            self.warnings.append(
                f"there is no state at {self.location}, but {_described(backup)} "
                f"is at {shown(self._backup)}"
            )

    def _refuse_other_workspace(self, state: RecordedState) -> None:
        if state.workspace != self._workspace:
            raise StateError(
                f"{self.location}: the state is of workspace {printable(state.workspace)}, "
                f"the documents are of {printable(self._workspace)}",
                why="machines of one would be taken for machines of the other",
                fix="run it in the right directory, or put the workspace's name right",
            )

    def _refuse_conflict(
        self, state: RecordedState, stored: RecordedState | None, expected_serial: int | None
    ) -> None:
        wanted = None if expected_serial is None else (expected_serial, state.lineage)
        found = None if stored is None else (stored.serial, stored.lineage)
        if wanted != found:
            raise StateConflict(
                f"{self.location}: someone else changed the state: expected "
                f"{_version(wanted)}, found {_version(found)}",
                why="writing now would undo their changes; nothing was written",
                fix="run the command again: it starts from what is there now",
            )


def _described(backup: RecordedState) -> str:
    saved = f", saved {backup.saved_at:%Y-%m-%d %H:%M:%S} UTC" if backup.saved_at else ""
    return f"a good backup with serial {backup.serial}{saved},"


def _version(version: tuple[int, str] | None) -> str:
    if version is None:
        return "none"
    serial, lineage = version
    return f"serial {serial} of lineage {printable(lineage, 40)}"
