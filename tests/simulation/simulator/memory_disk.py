"""A file system in memory that can fail, fill up and lose its power.

A file is an inode with what was written and what has reached the platter; a directory entry has
reached it once its directory was synced. After a loss of power only that is left.
"""

from __future__ import annotations

import errno
import os
import stat
from itertools import count
from pathlib import Path

from reconciler.statefile.files import Files

_FIRST_DESCRIPTOR = 1000
_NO_SUCH_FILE = os.strerror(errno.ENOENT)
_OWNER = os.geteuid()


class Inode:
    """One file or directory."""

    def __init__(self, number: int, mode: int, changed: int) -> None:
        self.number = number
        self.mode = mode
        self.data = b""
        self.synced = b""
        self.changed = changed
        self.holder: object | None = None
        """Who has the kernel's lock on it."""
        self._told: os.stat_result | None = None
        self._told_of = (0, 0, 0)

    def status(self) -> os.stat_result:
        size = len(self.data)
        if self._told is None or self._told_of != (self.mode, size, self.changed):
            self._told_of = self.mode, size, self.changed
            times = (self.changed // 10**9,) * 3
            fields = (self.mode, self.number, 1, 1, _OWNER, _OWNER, size, *times)
            self._told = os.stat_result(fields, {"st_mtime_ns": self.changed})
        return self._told


class MemoryDisk(Files):
    """All names of one machine, below and beside the state's directory."""

    def __init__(self) -> None:
        self._numbers = count(1)
        self._changes = count(1)
        self._descriptors = count(_FIRST_DESCRIPTOR)
        self._names: dict[str, Inode] = {}
        self._synced_names: dict[str, Inode] = {}
        self._open: dict[int, tuple[Inode, bool]] = {}
        self._positions: dict[int, int] = {}
        self.versions: dict[str, int] = {}
        """How often each name was given new content."""

    # --- what a judge may look at -----------------------------------------------------------

    def content(self, path: Path) -> bytes | None:
        found = self._names.get(str(path))
        return None if found is None else found.data

    def on_platter(self, path: Path) -> bytes | None:
        found = self._synced_names.get(str(path))
        return None if found is None else found.synced

    def every(self) -> dict[str, Inode]:
        return dict(self._names)

    def has(self, path: Path) -> bool:
        return str(path) in self._names

    def found(self, path: Path) -> Inode | None:
        return self._names.get(str(path))

    def inode(self, path: Path) -> Inode:
        return self._names[str(path)]

    def cut_power(self, *, names_kept: bool) -> None:
        """What was not synced is gone. A change of names that was not synced either came before
        the data of its file (``names_kept``), or is gone too.
        """
        self._names = dict(self._names if names_kept else self._synced_names)
        for inode in self._names.values():
            inode.data = inode.synced
            inode.holder = None
        self._synced_names = dict(self._names)
        self._open.clear()

    def put(self, path: Path, data: bytes) -> None:
        """As from outside: by a person, or a cosmic ray."""
        inode = self._names[str(path)]
        inode.data = inode.synced = data

    def place(self, path: Path, data: bytes) -> None:
        """A file of its own, as somebody's copy puts it there."""
        self._names.pop(str(path), None)
        inode = self._made(path, stat.S_IFREG | 0o600)
        inode.data = inode.synced = data
        self._synced_names[str(path)] = inode

    def take_away(self, path: Path) -> None:
        """As ``place``: somebody removed it, and no loss of power brings it back."""
        self.remove(path)
        self._synced_names.pop(str(path), None)

    def lead_elsewhere(self, path: Path) -> None:
        """The directory is moved, and a link put in its place."""
        self._names[str(path)].mode = stat.S_IFLNK | 0o700

    def lead_back(self, path: Path) -> None:
        self._names[str(path)].mode = stat.S_IFDIR | 0o700

    # --- the calls --------------------------------------------------------------------------

    def status(self, path: Path) -> os.stat_result:
        found = self._names.get(str(path))
        return (found or self._found(path)).status()

    def names(self, directory: Path) -> list[str]:
        self._found(directory)
        start = f"{directory}/"
        inside = [name[len(start) :] for name in self._names if name.startswith(start)]
        return [name for name in inside if "/" not in name]

    def open(self, path: Path, flags: int) -> int:
        inode = self._names.get(str(path))
        if inode is None and not flags & os.O_CREAT:
            raise FileNotFoundError(errno.ENOENT, _NO_SUCH_FILE, str(path))
        if inode is not None and flags & os.O_EXCL:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
        if inode is None:
            inode = self._made(path, stat.S_IFREG | 0o600)
        if flags & os.O_TRUNC:
            inode.data = b""
        descriptor = next(self._descriptors)
        self._open[descriptor] = inode, bool(flags & os.O_APPEND)
        self._positions[descriptor] = 0
        return descriptor

    def status_of_open(self, descriptor: int) -> os.stat_result:
        return self._of(descriptor).status()

    def read(self, descriptor: int) -> bytes:
        inode = self._of(descriptor)
        start, self._positions[descriptor] = self._positions[descriptor], len(inode.data)
        return inode.data[start:]

    def read_from(self, descriptor: int, offset: int) -> bytes:
        self._positions[descriptor] = offset
        return self.read(descriptor)

    def write(self, descriptor: int, data: memoryview) -> int:
        inode, appends = self._open[descriptor]
        place = len(inode.data) if appends else self._positions[descriptor]
        if place == len(inode.data):
            whole, written = data.obj, inode.data + data
            # Written in one go it is its writer's own value, which is known wherever it goes.
            inode.data = whole if type(whole) is bytes and whole == written else written
        elif not place and len(data) >= len(inode.data):
            inode.data = bytes(data)
        else:
            inode.data = inode.data[:place] + bytes(data) + inode.data[place + len(data) :]
        self._positions[descriptor] = place + len(data)
        inode.changed = next(self._changes)
        return len(data)

    def cut(self, descriptor: int, size: int) -> None:
        inode = self._of(descriptor)
        inode.data = inode.data[:size]
        inode.changed = next(self._changes)

    def sync(self, descriptor: int) -> None:
        inode = self._of(descriptor)
        inode.synced = inode.data
        if stat.S_ISDIR(inode.mode):
            self._synced_names = dict(self._names)

    def close(self, descriptor: int) -> None:
        self._open.pop(descriptor, None)
        self._positions.pop(descriptor, None)

    def restrict(self, descriptor: int, mode: int) -> None:
        inode = self._of(descriptor)
        inode.mode = stat.S_IFMT(inode.mode) | mode

    def replace(self, source: Path, target: Path) -> None:
        name = str(target)
        self._names[name] = self._found(source)
        del self._names[str(source)]
        self.versions[name] = self.versions.get(name, 0) + 1

    def link(self, source: Path, target: Path) -> None:
        if str(target) in self._names:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target))
        self._names[str(target)] = self._found(source)

    def remove(self, path: Path) -> None:
        self._found(path)
        del self._names[str(path)]

    def make_directory(self, path: Path) -> None:
        for one in reversed((path, *path.parents)):
            if str(one) not in self._names:
                self._made(one, stat.S_IFDIR | 0o700)

    def _made(self, path: Path, mode: int) -> Inode:
        inode = Inode(next(self._numbers), mode, next(self._changes))
        self._names[str(path)] = inode
        return inode

    def _found(self, path: Path) -> Inode:
        found = self._names.get(str(path))
        if found is None:
            raise FileNotFoundError(errno.ENOENT, _NO_SUCH_FILE, str(path))
        return found

    def _of(self, descriptor: int) -> Inode:
        found = self._open.get(descriptor)
        if found is None:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        return found[0]
