"""One holder at a time on this host: a kernel lock on ``<state>.lock``.

The kernel frees it when its holder dies, kill -9 included. ``<state>.lock.info`` beside it says
who holds it. A side-car without a kernel lock is a holder that did not say goodbye: it is passed
over with a warning when it is proven dead, else a person decides (RELIABILITY.md C11.1, bad
inputs 43, 44, 60).
"""

from __future__ import annotations

import errno
import os
import secrets
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol, Self

from reconciler import __version__
from reconciler.model.errors import StateLocked
from reconciler.model.text import printable
from reconciler.statefile.backend import LockInfo, StateLock
from reconciler.statefile.lock_info import decode_info, describe, encode_info
from reconciler.statefile.private_files import (
    beside,
    check_private,
    local_failure,
    prepare_directory,
    read_private,
    remove_leftovers,
    shown,
    write_private,
)
from reconciler.statefile.process_identity import (
    Life,
    ProcessIdentity,
    life_of,
    this_process,
    user_name,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

    from reconciler.statefile.files import Files

_POLL_SECONDS = 0.1


class KernelLock(Protocol):
    """Held until ``release``, or until this process ends."""

    def release(self) -> None: ...


class ReadOnlyLock:
    """The same kernel lock as ``FileLock``'s, taken without the right to write."""

    def __init__(self, files: Files, descriptor: int) -> None:
        self._files = files
        self._descriptor = descriptor

    @classmethod
    def taken(cls, files: Files, path: Path) -> ReadOnlyLock | None:
        """None when someone else holds it. Raises ``OSError``, also where no lock's file is."""
        import fcntl

        descriptor = files.open(path, os.O_RDONLY | os.O_NONBLOCK)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BaseException as error:
            files.close(descriptor)
            if isinstance(error, BlockingIOError):
                return None
            raise
        return cls(files, descriptor)

    def release(self) -> None:
        self._files.close(self._descriptor)


class LockPlace:
    """Where the lock of one state file lives, and what can be read there."""

    def __init__(
        self, state: Path, now: Callable[[], datetime], files: Files, warnings: list[str]
    ) -> None:
        self.state = state
        self.now = now
        self.files = files
        self.warnings = warnings
        self.kernel_path = beside(state, state.name + ".lock")
        self.info_path = beside(state, state.name + ".lock.info")
        self.locked_path = self.kernel_path
        """What the kernel's lock was last taken on."""

    def holder(self) -> LockInfo | None:
        """Who the side-car names; None when there is none. It proves nothing by itself."""
        data = read_private(self.files, self.info_path, self.warnings)
        return None if data is None else decode_info(data)

    def epoch(self) -> tuple[object, ...]:
        """What is different when another process has taken the lock since: the lock's file, and
        the side-car, which every holder writes anew. Raises ``OSError``.
        """
        kernel = self._status_of_locked()
        try:
            info = self.files.status(self.info_path)
        except FileNotFoundError:  # a full disk kept its holder from saying who it is
            return (kernel.st_dev, kernel.st_ino)
        return (kernel.st_dev, kernel.st_ino, info.st_ino, info.st_mtime_ns)

    def _status_of_locked(self) -> os.stat_result:
        """Of the lock's file; of what stands in for it as long as there is none."""
        try:
            return self.files.status(self.kernel_path)
        except FileNotFoundError:
            pass
        if self.locked_path == self.kernel_path:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(self.kernel_path))
        return self.files.status(self.locked_path)

    def lost(self, lock: LockInfo) -> StateLocked:
        """The error for a holder whose turn was taken from it."""
        holder = self.holder()
        by = describe(holder, self.now()) if holder and holder.id != lock.id else "someone"
        return StateLocked(
            f"the lock of {shown(self.state)} is no longer ours: {by} took it over",
            why="this process was stopped, or the lock's file was removed, while it was at work",
            fix="nothing more is sent from here; run the command again",
        )

    def take_kernel_lock(self, timeout_seconds: float) -> KernelLock | None:
        """The lock, held; None when someone else kept it for all that time.

        A link, or a file of someone else, under the lock's name is refused (``StateError``).
        A file system that became read-only still locks: what has ended must be destroyed.
        """
        from filelock import FileLock, Timeout

        self.locked_path = self.kernel_path
        prepare_directory(self.files, self.kernel_path.parent, self.warnings)
        check_private(self.files, self.kernel_path)
        lock = FileLock(self.kernel_path, mode=0o600, thread_local=False, fallback_to_soft=False)
        try:
            lock.acquire(timeout_seconds, poll_interval=_POLL_SECONDS, blocking=timeout_seconds > 0)
        except Timeout:
            return None
        except OSError as error:
            if error.errno == errno.EROFS:
                return self._take_unwritable()
            raise local_failure("lock", self.kernel_path, error) from error
        return lock

    def _take_unwritable(self) -> KernelLock | None:
        """The lock on a file that can only be read; None at once when someone else holds it.

        Where nobody ever locked, the state's own file stands in: whoever may write would make the
        lock's file, and this turn ends when there is one.
        """
        try:
            with suppress(FileNotFoundError):
                return ReadOnlyLock.taken(self.files, self.kernel_path)
            self.locked_path = self.state
            return ReadOnlyLock.taken(self.files, self.state)
        except OSError as error:
            raise local_failure("lock", self.kernel_path, error) from error

    def refused(self, holder: LockInfo | None, why: str) -> StateLocked:
        """The error that names the holder, as far as one is known."""
        if holder is None:
            return StateLocked(
                f"{shown(self.state)} is locked by a process that has not said yet who it is",
                why=why,
                fix="wait for it with -lock-timeout=5m",
            )
        return StateLocked(
            f"{shown(self.state)} is locked: {describe(holder, self.now())}",
            why=why,
            fix="wait for it with -lock-timeout=5m; if that process is dead for sure: "
            f"gpu-shopper state unlock {printable(holder.id)}",
        )


class LocalLock(StateLock):
    """A turn at one local state file."""

    def __init__(self, place: LockPlace, operation: str, timeout_seconds: float) -> None:
        self._place = place
        self._timeout_seconds = timeout_seconds
        self._kernel_lock: KernelLock | None = None
        self._epoch: tuple[object, ...] = ()
        self.info = _info_of_this_process(place, operation)

    @property
    def held(self) -> bool:
        return self._kernel_lock is not None

    @property
    def still_ours(self) -> bool:
        """False when the lock was let go, or when another process took it all the same: its file
        was removed or replaced while this one was stopped (RELIABILITY.md I8).
        """
        try:
            return self.held and self._place.epoch() == self._epoch
        except OSError:
            return False

    def __enter__(self) -> Self:
        place = self._place
        kernel_lock = place.take_kernel_lock(self._timeout_seconds)
        if kernel_lock is None:
            raise place.refused(place.holder(), _waited(self._timeout_seconds))
        try:
            self._pass_over_the_dead()
            self._say_who()
            self._epoch = place.epoch()
        except OSError as error:
            self._give_up(kernel_lock)
            raise local_failure("look at", place.kernel_path, error) from error
        except BaseException:
            kernel_lock.release()
            raise
        self._kernel_lock = kernel_lock
        return self

    def _give_up(self, kernel_lock: KernelLock) -> None:
        with suppress(OSError):
            self._place.files.remove(self._place.info_path)
        kernel_lock.release()

    def release(self) -> None:
        kernel_lock, self._kernel_lock = self._kernel_lock, None
        if kernel_lock is None:
            return
        try:
            # Before the kernel lock goes: afterwards it could be the next holder's.
            if self._is_not_taken():
                self._place.files.remove(self._place.info_path)
        except OSError as error:
            failure = local_failure("remove", self._place.info_path, error)
            self._place.warnings.append(f"{failure.what} (the lock itself is free)")
        finally:
            kernel_lock.release()

    def _is_not_taken(self) -> bool:
        """Whether the side-car may be removed: it is, unless it is plainly that of another one."""
        try:
            return self._place.epoch() == self._epoch
        except FileNotFoundError:
            return False
        except OSError:
            return True

    def _pass_over_the_dead(self) -> None:
        place = self._place
        left = place.holder()
        if left is None:
            return
        life = _life(left)
        if life is not Life.DEAD:
            raise place.refused(left, f"it does not hold the kernel lock, but {_evidence(life)}")
        place.warnings.append(
            f"{describe(left, place.now())} died without letting go of {shown(place.state)}: "
            "its lock was taken over"
        )

    def _say_who(self) -> None:
        """For people and for the next process. The kernel lock alone is what protects, so a full
        disk must not keep a destroy from being sent.
        """
        path = self._place.info_path
        try:
            remove_leftovers(self._place.files, path)
            write_private(self._place.files, path, encode_info(self.info))
        except OSError as error:
            with suppress(OSError):
                self._place.files.remove(path)
            failure = local_failure("write", path, error)
            self._place.warnings.append(f"{failure.what} (locked all the same, without a name)")


def forget_holder(place: LockPlace, lock_id: str) -> LockInfo | None:
    """Remove the side-car of a holder that is not alive; see ``StateBackend.unlock``."""
    kernel_lock = place.take_kernel_lock(0)
    if kernel_lock is None:
        raise place.refused(place.holder(), "that process is alive and holds the kernel lock")
    try:
        holder = place.holder()
        if holder is None:
            return None
        _refuse_to_forget(place, holder, lock_id)
        place.files.remove(place.info_path)
        return holder
    except OSError as error:
        raise local_failure("remove", place.info_path, error) from error
    finally:
        kernel_lock.release()


def _refuse_to_forget(place: LockPlace, holder: LockInfo, lock_id: str) -> None:
    if lock_id != holder.id:
        raise place.refused(
            holder, f"the lock has the id {printable(holder.id)}, not {printable(lock_id)}"
        )
    if _life(holder) is Life.ALIVE:
        raise place.refused(holder, "that process is alive on this host")


def _info_of_this_process(place: LockPlace, operation: str) -> LockInfo:
    process = this_process()
    return LockInfo(
        id=secrets.token_hex(8),
        operation=operation,
        who=f"{user_name()}@{process.host}",
        version=__version__,
        created=place.now(),
        path=str(place.state),
        host=process.host,
        pid=process.pid,
        boot_id=process.boot_id,
        process_started=process.started,
    )


def _life(info: LockInfo) -> Life:
    return life_of(ProcessIdentity(info.host, info.pid, info.boot_id, info.process_started))


def _evidence(life: Life) -> str:
    if life is Life.ALIVE:
        return "that process is alive on this host"
    return "nothing proves from here that the process is dead"


def _waited(timeout_seconds: float) -> str:
    if timeout_seconds > 0:
        return f"it was not freed within {timeout_seconds:g} seconds"
    return "one command at a time may change a workspace"
