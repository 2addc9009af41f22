"""The same disk for true: a directory of this machine in the place of ``/simulated``."""

from __future__ import annotations

import os
from pathlib import Path

from tests.simulation.disks import UnsyncedFiles
from tests.simulation.simulator.memory_disk import Inode, MemoryDisk

_PREFIX = "/simulated"


class RealDisk(MemoryDisk, UnsyncedFiles):
    """What a judge asks of a ``MemoryDisk``, answered by the kernel. It loses no power."""

    def __init__(self, root: Path) -> None:
        super().__init__()
        self.root = root

    def real(self, path: Path) -> Path:
        """Where ``path`` is in truth."""
        text = str(path)
        if text.startswith(_PREFIX):
            return self.root / text[len(_PREFIX) + 1 :]
        elsewhere = self.root / "elsewhere" / text.lstrip("/")  # where a rescue goes
        for one in reversed(elsewhere.relative_to(self.root).parents):
            (self.root / one).mkdir(mode=0o700, exist_ok=True)
        return elsewhere

    def content(self, path: Path) -> bytes | None:
        try:
            return self.real(path).read_bytes()
        except FileNotFoundError:
            return None

    def has(self, path: Path) -> bool:
        return os.path.lexists(self.real(path))

    def on_platter(self, path: Path) -> bytes | None:
        return self.content(path)

    def every(self) -> dict[str, Inode]:
        found = {}
        for one in self.root.rglob("*"):
            if one.is_symlink():
                continue
            inode = Inode(0, one.lstat().st_mode, 0)
            found[f"{_PREFIX}/{one.relative_to(self.root)}"] = inode
        return found

    def cut_power(self, *, names_kept: bool) -> None:
        """Only the processes die: what they wrote is in the kernel."""

    def put(self, path: Path, data: bytes) -> None:
        self.real(path).write_bytes(data)

    def place(self, path: Path, data: bytes) -> None:
        real = self.real(path)
        real.unlink(missing_ok=True)
        real.touch(0o600)
        real.write_bytes(data)

    def lead_elsewhere(self, path: Path) -> None:
        moved = self.real(path).rename(self.root / "moved")
        self.real(path).symlink_to(moved)

    def lead_back(self, path: Path) -> None:
        self.real(path).unlink()
        (self.root / "moved").rename(self.real(path))

    def status(self, path: Path) -> os.stat_result:
        return UnsyncedFiles.status(self, self.real(path))

    def names(self, directory: Path) -> list[str]:
        return UnsyncedFiles.names(self, self.real(directory))

    def open(self, path: Path, flags: int) -> int:
        return UnsyncedFiles.open(self, self.real(path), flags)

    def replace(self, source: Path, target: Path) -> None:
        UnsyncedFiles.replace(self, self.real(source), self.real(target))

    def link(self, source: Path, target: Path) -> None:
        UnsyncedFiles.link(self, self.real(source), self.real(target))

    def remove(self, path: Path) -> None:
        UnsyncedFiles.remove(self, self.real(path))

    def make_directory(self, path: Path) -> None:
        UnsyncedFiles.make_directory(self, self.real(path))

    status_of_open = UnsyncedFiles.status_of_open
    read = UnsyncedFiles.read
    read_from = UnsyncedFiles.read_from
    write = UnsyncedFiles.write
    cut = UnsyncedFiles.cut
    sync = UnsyncedFiles.sync
    close = UnsyncedFiles.close
    restrict = UnsyncedFiles.restrict
