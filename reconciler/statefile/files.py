"""Every call that the state file makes to the file system, one method each.

The one place where a test can make the N-th call fail, and see that the state is still old or
new (RELIABILITY.md, I7).
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_READ_BYTES = 1 << 20


class Files:
    """The calls of ``os``, as they are: each may raise ``OSError``."""

    def status(self, path: Path) -> os.stat_result:
        """Of the name itself: a link is not followed."""
        return os.lstat(path)

    def names(self, directory: Path) -> list[str]:
        return os.listdir(directory)

    def open(self, path: Path, flags: int) -> int:
        """A descriptor that child processes do not inherit; links refused; new files 0600."""
        return os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)

    def status_of_open(self, descriptor: int) -> os.stat_result:
        return os.fstat(descriptor)

    def read(self, descriptor: int) -> bytes:
        """Everything up to the end."""
        chunks = []
        while chunk := os.read(descriptor, _READ_BYTES):
            chunks.append(chunk)
        return b"".join(chunks)

    def read_from(self, descriptor: int, offset: int) -> bytes:
        """Everything from ``offset`` up to the end."""
        os.lseek(descriptor, offset, os.SEEK_SET)
        return self.read(descriptor)

    def write(self, descriptor: int, data: memoryview) -> int:
        """Bytes written, which may be fewer than given."""
        return os.write(descriptor, data)

    def cut(self, descriptor: int, size: int) -> None:
        """Take back what stands after the first ``size`` bytes."""
        os.ftruncate(descriptor, size)

    def sync(self, descriptor: int) -> None:
        os.fsync(descriptor)

    def close(self, descriptor: int) -> None:
        os.close(descriptor)

    def restrict(self, descriptor: int, mode: int) -> None:
        os.fchmod(descriptor, mode)

    def replace(self, source: Path, target: Path) -> None:
        os.replace(source, target)

    def link(self, source: Path, target: Path) -> None:
        os.link(source, target)

    def remove(self, path: Path) -> None:
        os.unlink(path)

    def make_directory(self, path: Path) -> None:
        """With what leads to it; 0700. No error when it is there."""
        os.makedirs(path, mode=0o700, exist_ok=True)
