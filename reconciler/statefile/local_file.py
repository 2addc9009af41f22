"""The state in a file of this host: ``state/<workspace>.json`` (SPEC.md section 7).

Beside it: ``.lock`` and ``.lock.info`` (see ``lock``), its backups (see ``history``), the audit
trail (see ``audit_files``), and for a moment a temporary file.
"""

from __future__ import annotations

import hashlib
import re
from contextlib import contextmanager, nullcontext, suppress
from typing import TYPE_CHECKING

from reconciler.model.errors import GpuShopperError, StateError
from reconciler.model.value import dataclass
from reconciler.statefile.backend import Found, StateBackend
from reconciler.statefile.files import Files
from reconciler.statefile.format import RecordTexts, checksum_of, decode, encode, is_whole
from reconciler.statefile.history import History, another_state, refuse_older
from reconciler.statefile.lock import LocalLock, LockPlace, forget_holder
from reconciler.statefile.private_files import (
    check_directory,
    directory_of,
    local_failure,
    read_private,
    remove_leftovers,
    shown,
    write_private,
)
from reconciler.statefile.refusals import (
    changed_meanwhile,
    refuse_conflict,
    refuse_other_workspace,
)
from reconciler.statefile.workspace_key import WorkspaceKey

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from datetime import datetime
    from pathlib import Path

    from reconciler.model.audit import Actor
    from reconciler.model.record import RecordedState
    from reconciler.model.state_change import Backup
    from reconciler.statefile.audit_trail import AuditTrail
    from reconciler.statefile.backend import LockInfo

_WRITE = "write"
_WRITE_WAIT_SECONDS = 0.5
_SERIAL = re.compile(rb'"serial":(\d{1,15})\b')


@dataclass(frozen=True, slots=True)
class _Stored:
    """What is in the file: the checksum of its bytes, which are whole, and what they say."""

    checksum: bytes | None
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
        self._workspace = workspace
        self._now = now
        self._files = files or Files()
        self._history = History(path, self._files)
        self.key = WorkspaceKey(path, workspace, self._files, self.warnings)
        self._place = LockPlace(path, now, self._files, self.warnings)
        self._locks: list[LocalLock] = []
        self._known: _Stored | None = None
        self._texts = RecordTexts()
        self._audited = audited
        self._trail: AuditTrail | None = None
        self._actor: Actor | None = None
        self._operation = ""
        self._swept = False
        self._looked_back = False
        self._is_anothers = False
        self._kept = False

    def read(self) -> RecordedState | None:
        data = self._bytes()
        if data is None:
            self._mention_backup()
            return None
        return self._stored(data)

    def write(self, state: RecordedState, *, expected_serial: int | None) -> RecordedState:
        refuse_other_workspace(self.location, state, self._workspace)
        with self._turn():
            data = self._bytes()
            stored = None if data is None else self._stored(data)
            refuse_conflict(self.location, state, stored, expected_serial)
            serial = (state.serial if stored is None else stored.serial) + 1
            saved = state.with_(serial=serial, saved_at=self._now(), saved_by=self._operation)
            if stored is not None:
                with self._saving():
                    self._look_back(stored)
            saved = self._told(stored, saved)
            encoded = encode(saved, self._texts)
            with self._saving():
                if stored is not None and data is not None:
                    self._keep_version(data, stored, saved)
                self._put(encoded, saved)
            self._kept = self._kept or stored is None
            return saved

    def _told(self, stored: RecordedState | None, saved: RecordedState) -> RecordedState:
        """``saved`` with the anchor of the trail in which it was told first."""
        if not self._audited:
            return saved
        from reconciler.statefile.audit_trail import AuditTrail, this_actor  # reads need none

        if self._trail is None:
            self._trail = AuditTrail(self._path, self._files, self.warnings)
        operation = self._operation or _WRITE
        if self._actor is None or self._actor.operation != operation:
            self._actor = this_actor(operation)
        anchor = self._trail.tell(stored, saved, self._actor, self._now())
        return saved.with_(trail=anchor)

    def pull(self) -> bytes | None:
        data = self._bytes()
        if data is not None:
            self._stored(data)
        return data

    def find(self) -> Found:
        data = self._bytes()
        if data is None:
            return Found("", None, told_serial=self._told_serial(None))
        version = hashlib.sha256(data).hexdigest()
        try:
            state = decode(data, self.location)
            refuse_other_workspace(self.location, state, self._workspace)
        except StateError as error:
            hint = _SERIAL.search(data)
            problem = f"{error.what} ({error.why})" if error.why else error.what
            told = self._told_serial(None)
            return Found(version, None, problem, int(hint[1]) if hint else 0, told)
        return Found(version, state, told_serial=self._told_serial(state))

    def backups(self) -> tuple[Backup, ...]:
        return tuple(self._backups())

    def _backups(self) -> Iterator[Backup]:
        try:
            return self._history.backups()
        except OSError as error:
            raise local_failure("list", self._path.parent, error) from error

    def load(self, path: Path) -> RecordedState:
        data = read_private(self._files, path, self.warnings)
        if data is None:
            raise StateError(f"there is no file {shown(path)}", fix="gpu-shopper state history")
        state = decode(data, shown(path))
        refuse_other_workspace(self.location, state, self._workspace)
        return state

    def replace(self, state: RecordedState, *, found: Found) -> RecordedState:
        refuse_other_workspace(self.location, state, self._workspace)
        with self._turn():
            data = self._bytes()
            if self.find().version != found.version:
                raise changed_meanwhile(self.location)
            saved = state.with_(saved_at=self._now(), saved_by=self._operation)
            saved = self._told(found.state, saved)
            encoded = encode(saved, self._texts)
            with self._saving():
                if data is not None and found.state is not None:
                    self._history.keep(data, found.state)
                elif data is not None:
                    kept = self._history.keep_damaged(data)
                    self.warnings.append(f"what was there is kept at {shown(kept)}")
                self._put(encoded, saved)
            return saved

    def rescue(self, state: RecordedState) -> str:
        from reconciler.statefile.rescue import keep_elsewhere  # rarely needed

        self._told_serial(state)
        if self._is_anothers:
            return ""
        return keep_elsewhere(self._files, self._path, state)

    def fence(self) -> None:
        for lock in self._locks:
            if lock.held and not lock.still_ours:
                raise self._place.lost(lock.info)

    def lock(self, operation: str, *, timeout_seconds: float) -> LocalLock:
        self._operation = operation  # a later write without its lock is a part of it
        self._looked_back = self._kept = False  # each turn keeps the version before it
        return self._lock(operation, timeout_seconds)

    def _lock(self, operation: str, timeout_seconds: float) -> LocalLock:
        lock = LocalLock(self._place, operation, timeout_seconds)
        self._locks = [*(one for one in self._locks if one.held), lock]
        return lock

    def unlock(self, lock_id: str) -> LockInfo | None:
        return forget_holder(self._place, lock_id)

    def _turn(self) -> AbstractContextManager[object]:
        # Whoever lost its lock has still learnt things that must not get lost: it waits its turn.
        if any(lock.still_ours for lock in self._locks):
            return nullcontext()
        return self._lock(self._operation or _WRITE, _WRITE_WAIT_SECONDS)

    def _bytes(self) -> bytes | None:
        directory = directory_of(self._path)
        try:
            check_directory(directory, self._files.status(directory))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise local_failure("look at", directory, error) from error
        return read_private(self._files, self._path, self.warnings)

    def _stored(self, data: bytes) -> RecordedState:
        """What ``data`` says; the same bytes are decoded once."""
        known = self._known
        if known is None or known.checksum is None or not is_whole(data, known.checksum):
            self._known = known = _Stored(checksum_of(data), self._decoded(data))
        return known.state

    def _decoded(self, data: bytes) -> RecordedState:
        try:
            state = decode(data, self.location)
            refuse_other_workspace(self.location, state, self._workspace)
        except StateError as error:
            advice = self._backup_advice()
            fix = f"{error.fix}; {advice}" if error.fix else advice
            raise StateError(error.what, why=error.why, fix=fix) from None
        return state

    @contextmanager
    def _saving(self) -> Iterator[None]:
        try:
            if not self._swept:
                remove_leftovers(self._files, self._path)
                self.key.sweep()
            yield
        except OSError as error:
            raise local_failure("write", self._path, error) from error
        self._swept = True

    def _put(self, data: bytes, state: RecordedState) -> None:
        write_private(self._files, self._path, data)
        if self._trail is not None:
            self._trail.saved()
        self._known = _Stored(checksum_of(data), state)

    def _keep_version(self, data: bytes, stored: RecordedState, saved: RecordedState) -> None:
        """Once a turn, and not for a pass of the loop that only says that it was there."""
        if self._kept or (saved.decided_serial == stored.decided_serial and saved.decided_serial):
            return
        self._history.keep(data, stored)
        self._kept = True

    def _look_back(self, stored: RecordedState) -> None:
        """Once a turn: refuse to build on a state that is older than one which was here before, or
        that another one's audit trail lies beside.
        """
        if self._looked_back:
            return
        told = self._told_serial(stored)
        if self._is_anothers:
            raise another_state(self.location, stored.serial, told, self._good_backup(stored))
        newest = self._history.newest_serial(stored)
        refuse_older(
            self.location, stored.serial, newest, told, lambda: self._newest_good_serial(stored)
        )
        self._looked_back = True

    def _newest_good_serial(self, stored: RecordedState) -> int:
        good = (one.state for one in self._backups() if one.state is not None)
        return next((one.serial for one in good if one.lineage == stored.lineage), 0)

    def _told_serial(self, stored: RecordedState | None) -> int:
        """The serial that the end of the audit trail names; 0 where it proves nothing: it cannot be
        read (which stops nobody, I20), or this state could not be told in it.
        """
        self._is_anothers = False
        if not self._audited or (stored is not None and stored.trail and stored.trail.missed):
            return 0
        for _ in range(2):  # one failing call must not hide that another one's state stands here
            with suppress(OSError, GpuShopperError):
                return self._end_of_trail(stored)
        return 0

    def _end_of_trail(self, stored: RecordedState | None) -> int:
        from reconciler.statefile.audit_files import TrailFiles  # reads need none

        trail = TrailFiles(self._path, self._files, [])
        end = trail.end()
        if end.head and stored and not (stored.trail and end.holds(stored.trail)):
            another = trail.lineage() not in ("", stored.lineage)
            known = end.may_have_held(stored.trail) or trail.tells_of(stored.trail)
            self._is_anothers = another and not known
        return end.serial

    def _backup_advice(self) -> str:
        backup = self._good_backup()
        if backup is None:
            return (
                "there is no good backup beside it: bring back a copy of your own with "
                "gpu-shopper state restore FILE, or what still runs with gpu-shopper state rebuild"
            )
        return f"{_described(backup)} is there: gpu-shopper state restore {backup.serial}"

    def _mention_backup(self) -> None:
        backup = self._good_backup()
        if backup is not None:
            self.warnings.append(
                f"there is no state at {self.location}, but {_described(backup)} is beside it: "
                f"gpu-shopper state restore {backup.serial}"
            )

    def _good_backup(self, beside: RecordedState | None = None) -> RecordedState | None:
        """The newest one; of another lineage than that of ``beside``."""
        good = (one.state for one in self._backups() if one.state is not None)
        mine = (one for one in good if one.workspace == self._workspace)
        return next((one for one in mine if not beside or one.lineage != beside.lineage), None)


def _described(backup: RecordedState) -> str:
    saved = f", saved {backup.saved_at:%Y-%m-%d %H:%M:%S} UTC" if backup.saved_at else ""
    return f"a good backup with serial {backup.serial}{saved}"
