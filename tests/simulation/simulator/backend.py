"""The real state file over the simulated disk; only the kernel's lock is played."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from reconciler.clock import Clock
from reconciler.statefile.local_file import LocalFile
from reconciler.statefile.lock import LockPlace
from reconciler.statefile.lock_info import decode_info, encode_info
from reconciler.statefile.private_files import (
    beside,
    directory_of,
    local_failure,
    prepare_directory,
)
from tests.simulation.simulator.memory_disk import Inode, MemoryDisk
from tests.simulation.simulator.process import Process, ProcessFiles
from tests.simulation.simulator.real_disk import RealDisk

if TYPE_CHECKING:
    from tests.simulation.simulator.judge import Judge

DIRECTORY = Path("/simulated/deployment")
STATE = DIRECTORY / "state" / "demo.json"
LOCK = STATE.with_name(STATE.name + ".lock")


def place_of(process: Process, lineage: str, judge: Judge) -> tuple[str, Path, str]:
    """Name, state and new lineage of the workspace in which ``process`` works: each new one is
    another than all that ``judge`` has seen.
    """
    name = process.elsewhere
    if not name:
        other = judge.trust.begins_anew or process.verb == "rebuild"
        turns = max(1, len(judge.lineages))
        return "demo", STATE, lineage[turns:] + lineage[:turns] if other else lineage
    return name, Path(f"/simulated/copy/state/{name}.json"), lineage[::-1]


class _HeldLock:
    def __init__(self, inode: Inode, path: Path) -> None:
        self._inode = inode
        self.path = path

    def release(self) -> None:
        self._inode.holder = None


class KernelLocks:
    """Who holds the lock, and who had it last: the kernel lets go of it when its holder dies."""

    def __init__(self, memory: MemoryDisk) -> None:
        self._memory = memory
        self.last: Process | None = None
        self.refuses = 0
        """With which error the file system says that it cannot lock; 0 where it can."""
        self.told: Callable[[Process], None] = lambda _: None

    def take(self, path: Path, process: Process, files: ProcessFiles) -> _HeldLock | None:
        self.refuse()
        locked = path
        try:
            files.close(files.open(path, os.O_RDWR | os.O_CREAT))
        except OSError as error:
            if error.errno != errno.EROFS:
                raise
            locked = self._readable(path, files)
        inode = self._memory.inode(locked)
        holder = inode.holder
        if isinstance(holder, Process) and not holder.life.over:
            return None
        self._bury_the_last(path)
        inode.holder = process
        if not process.elsewhere:
            self.last = process
        self.told(process)
        return _HeldLock(inode, locked)

    def refuse(self) -> None:
        if self.refuses:
            raise OSError(self.refuses, os.strerror(self.refuses))

    def _readable(self, path: Path, files: ProcessFiles) -> Path:
        """What ``LockPlace`` locks on a file system that became read-only."""
        try:
            files.close(files.open(path, os.O_RDONLY))
        except FileNotFoundError:
            path = path.with_name(path.name.removesuffix(".lock"))
            files.close(files.open(path, os.O_RDONLY))
        return path

    def holder(self, path: Path) -> Process | None:
        """Of the lock's file that has that name now."""
        found = self._memory.found(path)
        holder = found.holder if found else None
        return holder if isinstance(holder, Process) and not holder.life.over else None

    def _bury_the_last(self, path: Path) -> None:
        """All processes here have the pid of this one: what /proc would say of a dead one."""
        info = beside(path, path.name + ".info")
        data = self._memory.content(info)
        if data is None or self.last is None or self.last.runs:
            return
        found = decode_info(data)
        if found is not None:
            self._memory.put(info, encode_info(replace(found, process_started="1")))


class RealLocks(KernelLocks):
    """The kernel's own locks, over files of this machine."""

    def __init__(self, disk: RealDisk) -> None:
        super().__init__(disk)
        self._disk = disk
        self._holder: tuple[Process, FileLock] | None = None

    def take(self, path: Path, process: Process, files: ProcessFiles) -> Any:
        self.refuse()
        if self._holder is not None and self._holder[0].life.over:
            self._holder[1].release()  # as the kernel does for the dead
        lock = FileLock(self._disk.real(path), mode=0o600, thread_local=False)
        try:
            lock.acquire(blocking=False)
        except Timeout:
            return None
        self._bury_the_last(path)
        self.last = process
        self._holder = process, lock
        self.told(process)
        return lock

    def holder(self, path: Path) -> Process | None:
        if self._holder is None or not self._holder[1].is_locked or self._holder[0].life.over:
            return None
        return self._holder[0]


class _PlayedPlace(LockPlace):
    locks: KernelLocks
    process: Process

    def take_kernel_lock(self, timeout_seconds: float) -> Any:
        prepare_directory(self.files, directory_of(self.kernel_path), self.warnings)
        assert isinstance(self.files, ProcessFiles)
        try:
            held = self.locks.take(self.kernel_path, self.process, self.files)
        except OSError as error:
            raise local_failure("lock", self.kernel_path, error) from error
        self.locked_path = held.path if isinstance(held, _HeldLock) else self.kernel_path
        return held


class SimulatedFile(LocalFile):
    """As a process of its own opens it."""

    def __init__(
        self,
        process: Process,
        files: ProcessFiles,
        locks: KernelLocks,
        clock: Clock,
        *,
        path: Path = STATE,
        workspace: str = "demo",
    ) -> None:
        super().__init__(path, workspace, clock.now, files=files, audited=True)
        place = _PlayedPlace(path, clock.now, files, self.warnings)
        place.locks, place.process = locks, process
        self._place = place
