"""Disks for stories: without the wait for the platter, with one call that fails, without power."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

from reconciler.model.value import dataclass
from reconciler.statefile.files import Files


class UnsyncedFiles(Files):
    """What a killed process wrote is in the kernel: only a loss of power needs the disk."""

    def sync(self, descriptor: int) -> None:
        """Nothing to wait for."""


class OneFailure(UnsyncedFiles):
    """The ``fail_at``-th call fails: a write when half of it is done, as on a disk that is full,
    and anything else as on one that is broken.
    """

    def __init__(self, fail_at: int) -> None:
        self._fail_at = fail_at
        self._count = 0
        self._name = ""

    @property
    def failed(self) -> str:
        return self._name

    def __getattribute__(self, name: str) -> Any:
        if not name.startswith("_") and name not in ("close", "failed", "write"):
            self._fail(name, errno.EIO)
        return super().__getattribute__(name)

    def write(self, descriptor: int, data: memoryview) -> int:
        if self._count + 1 == self._fail_at:
            os.write(descriptor, data[: len(data) // 2])
        self._fail("write", errno.ENOSPC)
        return os.write(descriptor, data)

    def _fail(self, name: str, code: int) -> None:
        self._count += 1
        if self._count == self._fail_at:
            self._name = name
            raise OSError(code, os.strerror(code))


@dataclass(slots=True)
class _Content:
    written: bytes = b""
    synced: bytes = b""


class PowerCut(Files):
    """Remembers what has reached the disk: the bytes of a file once it is synced, its name once
    its directory is.
    """

    def __init__(self, files: Files, directory: Path) -> None:
        """``directory`` holds what was there before, all of it on the disk."""
        self._files = files
        found = {one: one.read_bytes() for one in directory.glob("*")}
        self._names = {one: _Content(data, data) for one, data in found.items()}
        self._synced_names = dict(self._names)
        self._open: dict[int, _Content | None] = {}

    def __getattribute__(self, name: str) -> Any:
        if name.startswith("_") or name in vars(PowerCut):
            return super().__getattribute__(name)
        return getattr(self._files, name)

    def after(self, *, names_kept: bool) -> dict[str, bytes]:
        """What is found when the power is back: what was not synced is gone. A change of names that
        was not synced either came before the data of its file (``names_kept``), or is gone too.
        """
        names = self._names if names_kept else self._synced_names
        return {path.name: content.synced for path, content in names.items()}

    def open(self, path: Path, flags: int) -> int:
        descriptor = self._files.open(path, flags)
        if flags & os.O_EXCL:
            self._names[path] = _Content()
        self._open[descriptor] = None if flags & os.O_DIRECTORY else self._names.get(path)
        return descriptor

    def write(self, descriptor: int, data: memoryview) -> int:
        count = self._files.write(descriptor, data)
        content = self._open[descriptor]
        assert content is not None
        content.written += bytes(data[:count])
        return count

    def cut(self, descriptor: int, size: int) -> None:
        self._files.cut(descriptor, size)
        content = self._open[descriptor]
        assert content is not None
        content.written = content.written[:size]

    def sync(self, descriptor: int) -> None:
        self._files.sync(descriptor)
        content = self._open[descriptor]
        if content is None:
            self._synced_names = dict(self._names)
        else:
            content.synced = content.written

    def replace(self, source: Path, target: Path) -> None:
        self._files.replace(source, target)
        self._names[target] = self._names.pop(source)

    def link(self, source: Path, target: Path) -> None:
        self._files.link(source, target)
        self._names[target] = self._names[source]

    def remove(self, path: Path) -> None:
        self._files.remove(path)
        del self._names[path]
