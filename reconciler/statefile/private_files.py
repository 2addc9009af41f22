"""Files that are ours alone: read without being led elsewhere, replaced as a whole.

Regular, owned by us, 0600, in a directory of ours that is 0700; no link is followed
(RELIABILITY.md I7, I24, bad input 59).
"""

from __future__ import annotations

import errno
import os
import secrets
import stat
from contextlib import suppress
from functools import lru_cache
from typing import TYPE_CHECKING

from reconciler.model.errors import GpuShopperError, StateError
from reconciler.model.text import printable

if TYPE_CHECKING:
    from pathlib import Path

    from reconciler.statefile.files import Files

_WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH
_OPEN_TO_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_PATH_SHOWN = 400
_KINDS = {
    stat.S_IFLNK: "a symbolic link",
    stat.S_IFDIR: "a directory",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}
_FIXES = {
    errno.ENOSPC: "free some disk space and run the command again",
    errno.EDQUOT: "free some of your disk quota and run the command again",
    errno.EROFS: "make the file system writable, or name another place under state.path",
    errno.EACCES: "give yourself access to it, or name another place under state.path",
    errno.EPERM: "give yourself access to it, or name another place under state.path",
    errno.EIO: "check the disk; the file is as it was before, or as it should be now",
    errno.ENOSYS: "the file system cannot lock: keep the state on a local disk",
    errno.ENOLCK: "the file system cannot lock: keep the state on a local disk",
    errno.EOPNOTSUPP: "the file system cannot lock: keep the state on a local disk",
    errno.EMFILE: "raise its limit of open files (ulimit -n) and run the command again",
}


@lru_cache(maxsize=64)
def beside(path: Path, name: str) -> Path:
    """``path.with_name(name)``, for names that are asked for again and again."""
    return path.with_name(name)


@lru_cache(maxsize=64)
def directory_of(path: Path) -> Path:
    """``path.parent``, which is a new path each time, with its text to be made anew."""
    return path.parent


def shown(path: Path) -> str:
    """``path`` for a message."""
    return printable(str(path), _PATH_SHOWN)


def local_failure(action: str, path: Path, error: OSError) -> GpuShopperError:
    """The error (exit 1) for a local file operation that the system refused."""
    reason = error.strerror or type(error).__name__
    mode = ""
    with suppress(OSError):
        mode = f", mode {stat.S_IMODE(os.lstat(path.parent).st_mode):04o} of its directory"
    return GpuShopperError(
        f"cannot {action} {shown(path)}: {reason}",
        why=f"the system said {errno.errorcode.get(error.errno or 0, 'no code')}{mode}",
        fix=_FIXES.get(error.errno or 0, "see the reason above, then run the command again"),
    )


def read_private(files: Files, path: Path, warnings: list[str]) -> bytes | None:
    """The bytes at ``path``, None when nothing has that name.

    A file that others may read is tightened to 0600 and adds a warning. Raises ``StateError``
    for a link, anything but a regular file, another owner, or a file that others may write, and
    ``GpuShopperError`` when it cannot be read.
    """
    try:
        _refuse_unsafe(path, files.status(path))
        return _read(files, path, warnings)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise local_failure("read", path, error) from error


def check_private(files: Files, path: Path) -> None:
    """Raise ``StateError`` if something unsafe has that name; nothing there is safe."""
    try:
        _refuse_unsafe(path, files.status(path))
    except FileNotFoundError:
        return
    except OSError as error:
        raise local_failure("look at", path, error) from error


def open_private(files: Files, path: Path, flags: int, warnings: list[str]) -> int:
    """A descriptor of the file at ``path``, which is ours alone; close it.

    Made, where ``flags`` say so, with mode 0600. Raises ``StateError`` as ``read_private`` does,
    and ``OSError``.
    """
    with suppress(FileNotFoundError):
        _refuse_unsafe(path, files.status(path))
    descriptor = files.open(path, flags | os.O_NONBLOCK)
    try:
        _tighten(files, descriptor, path, warnings)
    except BaseException:
        files.close(descriptor)
        raise
    return descriptor


def write_all(files: Files, descriptor: int, data: bytes) -> None:
    """Every byte of ``data``, synced. Raises ``OSError``, after which some may be there."""
    rest = memoryview(data)
    while rest:
        rest = rest[files.write(descriptor, rest) :]
    files.sync(descriptor)


def write_private(files: Files, path: Path, data: bytes) -> None:
    """Put ``data`` at ``path``: the old bytes or the new ones, never half, durable on return.

    Raises ``OSError``, with no temporary file left behind.
    """
    temporary = path.with_name(f"{_temporary_prefix(path)}{secrets.token_hex(4)}")
    try:
        _write_new(files, temporary, data)
        files.replace(temporary, path)
    except BaseException:
        with suppress(OSError):
            files.remove(temporary)
        raise
    sync_directory(files, directory_of(path))


def remove_leftovers(files: Files, path: Path) -> None:
    """Delete temporary files that a killed writer of ``path`` left. Hold the lock.

    Raises ``OSError``.
    """
    prefix = _temporary_prefix(path)
    for name in files.names(directory_of(path)):
        if name.startswith(prefix):
            files.remove(path.with_name(name))


def prepare_directory(files: Files, directory: Path, warnings: list[str]) -> None:
    """Make ``directory`` if need be, and make it 0700; a warning if others could write in it.

    Raises ``StateError`` for a link, anything but a directory, or one of another user (root's is
    trusted while nobody else may write in it); ``GpuShopperError`` when it cannot be made.
    """
    try:
        found = _made(files, directory)
    except OSError as error:
        raise local_failure("make the directory", directory, error) from error
    check_directory(directory, found)
    if found.st_uid == os.geteuid() and found.st_mode & _OPEN_TO_OTHERS:
        _close_directory(files, directory, found, warnings)


def check_directory(directory: Path, found: os.stat_result) -> None:
    """Raise ``StateError`` unless nobody else decides what stands in ``directory``."""
    if not stat.S_ISDIR(found.st_mode):
        raise _unsafe(directory, found, f"it is {kind_of(found)}, not a directory")
    if found.st_uid not in (os.geteuid(), 0):
        raise _unsafe(directory, found, "it belongs to another user")
    if found.st_uid != os.geteuid() and found.st_mode & _WRITABLE_BY_OTHERS:
        raise _unsafe(directory, found, "others may write in it")


def sync_directory(files: Files, directory: Path) -> None:
    """Make renames in ``directory`` durable. Raises ``OSError``."""
    descriptor = files.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        files.sync(descriptor)
    finally:
        files.close(descriptor)


def _made(files: Files, directory: Path) -> os.stat_result:
    try:
        return files.status(directory)
    except FileNotFoundError:
        files.make_directory(directory)
        sync_directory(files, directory.parent)
        return files.status(directory)


def _temporary_prefix(path: Path) -> str:
    return f".{path.name}.tmp-"


def _write_new(files: Files, path: Path, data: bytes) -> None:
    descriptor = files.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    try:
        write_all(files, descriptor, data)
    finally:
        files.close(descriptor)


def _read(files: Files, path: Path, warnings: list[str]) -> bytes:
    descriptor = files.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        _tighten(files, descriptor, path, warnings)
        return files.read(descriptor)
    finally:
        files.close(descriptor)


def _tighten(files: Files, descriptor: int, path: Path, warnings: list[str]) -> None:
    found = files.status_of_open(descriptor)
    _refuse_unsafe(path, found)
    mode = stat.S_IMODE(found.st_mode)
    if mode & _OPEN_TO_OTHERS:
        files.restrict(descriptor, 0o600)
        warnings.append(f"{shown(path)} could be read by others (mode {mode:04o}): now 0600")


def _close_directory(
    files: Files, directory: Path, found: os.stat_result, warnings: list[str]
) -> None:
    try:
        descriptor = files.open(directory, os.O_RDONLY | os.O_DIRECTORY)
        try:
            files.restrict(descriptor, 0o700)
        finally:
            files.close(descriptor)
    except OSError as error:
        raise local_failure("close to others the directory", directory, error) from error
    # Merely readable is what a fresh clone has, and told nothing: the files inside are 0600.
    if found.st_mode & _WRITABLE_BY_OTHERS:
        mode = stat.S_IMODE(found.st_mode)
        warnings.append(f"others could write in {shown(directory)} (mode {mode:04o}): now 0700")


def _refuse_unsafe(path: Path, found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise _unsafe(path, found, f"it is {kind_of(found)}, not a regular file")
    if found.st_uid != os.geteuid():
        raise _unsafe(path, found, "it belongs to another user")
    if found.st_mode & _WRITABLE_BY_OTHERS:
        raise _unsafe(path, found, "others may write it")


def kind_of(found: os.stat_result) -> str:
    """What stands there, in words: "a named pipe"."""
    return _KINDS.get(stat.S_IFMT(found.st_mode), "a regular file")


def _unsafe(path: Path, found: os.stat_result, why: str) -> StateError:
    return StateError(
        f"{shown(path)} (mode {stat.S_IMODE(found.st_mode):04o}) is not safe to use: {why}",
        why="what stands there could be chosen or changed by somebody else",
        fix="look at it; if it is yours, make it a plain file of yours with mode 0600 "
        "in a directory of yours with mode 0700",
    )
