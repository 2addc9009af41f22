"""Reading a file that a person named: never more than the limit, never a device or a pipe."""

from __future__ import annotations

import os
import stat
from typing import Final

from reconciler.documents.yaml_text import DOCUMENT_BYTES_MAX, too_large
from reconciler.model.errors import DocumentError
from reconciler.model.problem import Problem

_KINDS: Final = (
    (stat.S_ISDIR, "a directory"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a character device"),
    (stat.S_ISBLK, "a block device"),
)
# O_NONBLOCK: opening a pipe that replaced the file after the check must not wait for a writer.
_OPEN_FLAGS: Final = (
    os.O_RDONLY
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_NOCTTY", 0)
)


def read_capped(path: str | os.PathLike[str]) -> bytes:
    """The bytes of the regular file at ``path``, at most 1 MiB.

    Raises DocumentError, naming the file as given, when it is missing, not readable, larger than
    the limit (nothing is read then), or not a regular file (bad inputs 14 and 42). Follows
    symbolic links: that a link stays inside the configuration directory is the caller's to check.
    """
    file = os.fspath(path)
    try:
        _check_kind(file, os.stat(path))  # before opening: to open a device can have an effect
        descriptor = os.open(path, _OPEN_FLAGS)
        with os.fdopen(descriptor, "rb") as opened:
            status = os.fstat(opened.fileno())
            _check_kind(file, status)
            if status.st_size > DOCUMENT_BYTES_MAX:
                raise DocumentError([too_large(file, status.st_size)])
            content = opened.read(DOCUMENT_BYTES_MAX + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise DocumentError([_unreadable(file, error)]) from None
    if len(content) > DOCUMENT_BYTES_MAX:
        raise DocumentError([too_large(file, None)])
    return content


def _check_kind(file: str, status: os.stat_result) -> None:
    if stat.S_ISREG(status.st_mode):
        return
    kind = next((name for test, name in _KINDS if test(status.st_mode)), "not a regular file")
    message = f"this is {kind}; a document must be a regular file"
    raise DocumentError([Problem(file, 0, 0, message, "name a file, or - for standard input")])


def _unreadable(file: str, error: Exception) -> Problem:
    if isinstance(error, FileNotFoundError):
        return Problem(file, 0, 0, "there is no such file", "check the name and the directory")
    if isinstance(error, PermissionError):
        return Problem(file, 0, 0, "reading is not permitted", "check the file's owner and mode")
    reason = error.strerror if isinstance(error, OSError) else "a NUL character in its name"
    return Problem(file, 0, 0, f"the file cannot be read: {reason}", "check the path")
