"""One command, from its start to its end or to its death, and how it reaches the world."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Callable, Coroutine
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio

from reconciler.clock import LoopClock, SystemClock
from reconciler.execution.context import ExecutionContext
from reconciler.execution.interruption import Interruption
from reconciler.market.faults import Call, Fault
from reconciler.market.world import World
from reconciler.model.hand_over import SshFiles
from reconciler.model.mark import NONCE_ALPHABET, NONCE_LENGTH
from reconciler.model.observation import Complete, Partial
from reconciler.model.record import RecordedState
from reconciler.operations.workspace import Workspace
from reconciler.providers.simulated.provider import SimulatedProvider
from reconciler.statefile.files import Files
from tests.markets import START
from tests.simulation.simulator.memory_disk import MemoryDisk
from tests.simulation.simulator.places import Place
from tests.simulation.simulator.seeded_loop import SeededLoop
from tests.simulation.walk import Killed

if TYPE_CHECKING:
    from tests.simulation.simulator.terminal import Terminal

_SCATTER = 1_000_003_000_019  # shares no divisor with 36


class Life:
    """Of one process. It ends at the ``left``-th thing that it does, or when somebody ends it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.left: int | None = None
        self.over = False
        self._thaws: anyio.Event | None = None

    @property
    def frozen(self) -> bool:
        return self._thaws is not None

    def pulse(self) -> None:
        if self.left is not None and not self.over:
            self.left -= 1
            self.over = self.left <= 0
        if self.over:
            raise Killed

    def freeze(self) -> None:
        """SIGSTOP: nothing more is begun until ``thaw``."""
        self._thaws = self._thaws or anyio.Event()

    def thaw(self) -> None:
        thaws, self._thaws = self._thaws, None
        if thaws is not None:
            thaws.set()

    async def wait_while_frozen(self) -> None:
        while self._thaws is not None and not self.over:
            await self._thaws.wait()


class LoopTime:
    """What the running loop says, asked of itself: as ``LoopClock``, in a fifth of the time."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, SeededLoop)
        self._loop = loop
        self._told = 0.0, START

    def seconds(self) -> float:
        return self._loop.virtual_seconds

    def now(self) -> datetime:
        seconds = self._loop.virtual_seconds
        if self._told[0] != seconds:
            self._told = seconds, START + timedelta(seconds=seconds)
        return self._told[1]

    async def sleep(self, seconds: float, life: Life) -> None:
        """One thing that a process does, and its going on."""
        life.pulse()
        if seconds > 0:
            await self._loop.pause(seconds)
        if life.frozen:
            await life.wait_while_frozen()
        life.pulse()


class WorldClock(LoopClock):
    """The true time, for the living."""

    def __init__(self, life: Life) -> None:
        super().__init__(START)
        self._time = LoopTime()
        self._life = life

    def now(self) -> datetime:
        return self._time.now()

    def elapsed_seconds(self) -> float:
        return self._time.seconds()

    def sleep(self, seconds: float) -> Coroutine[Any, Any, None]:
        return self._time.sleep(seconds, self._life)


class ProcessClock(SystemClock):
    """The clocks of a host whose wall clock is ``skew`` off; its boot clock is right."""

    def __init__(self, life: Life, skew: timedelta) -> None:
        true = self._true = LoopTime()
        super().__init__(wall=lambda: true.now() + skew, boot_seconds=true.seconds)
        self._life = life
        self._told: tuple[float, datetime] | None = None

    def now(self) -> datetime:
        """Asked several times at one moment, it counts once."""
        boot, told = self._boot_seconds(), self._told
        if told is None or told[0] != boot:
            told = self._told = boot, super().now()
        return told[1]

    def settle(self, now: datetime) -> timedelta:
        moved = super().settle(now)
        self._told = None
        return moved

    def sleep(self, seconds: float) -> Coroutine[Any, Any, None]:
        return self._true.sleep(seconds, self._life)

    def stood_still(self, wall: timedelta, boot: timedelta) -> None:
        """Its virtual machine did, and what it shows is that much behind."""
        true, shown, lost = self._true, self._wall, boot.total_seconds()
        self._wall = lambda: shown() - wall
        self._boot_seconds = lambda: true.seconds() - lost
        self._settled, self._settled_at = self._wall(), self._boot_seconds()
        self._told = None


class Branch(SimulatedProvider):
    """A provider as a process sees it: it answers in the true time, the process counts its own."""

    def __init__(
        self,
        place: Place,
        world: World,
        clocks: tuple[WorldClock, ProcessClock],
        hook: Callable[[Call], Fault | None],
    ) -> None:
        self._true, self._host = clocks
        super().__init__(place.name, world, self._true, hook)
        self.capabilities = place.capabilities(self.capabilities)
        self._way_seconds = max(1e-3, world.settings.call_latency.total_seconds() / 2)

    def _travel(self) -> Coroutine[Any, Any, None]:
        """One turn of the scheduler for each way of a call, as long as the market says."""
        return self._true.sleep(self._way_seconds)

    async def list_instances(self) -> Complete | Partial:
        off = self._host.now() - self._true.now()
        listing = await super().list_instances()
        self._host.hear(self.name, self._true.now())
        return replace(listing, started_at=listing.started_at + off) if off else listing


class Disk:
    """The file system under all processes, and what is wrong with it now."""

    def __init__(self, files: MemoryDisk) -> None:
        self.files = files
        self.full = False
        self.read_only = False
        self.broken_sync = False
        self.fails_in: int | None = None
        self.failed: list[str] = []
        self.failed_once = 0

    @property
    def opens_badly(self) -> bool:
        return False

    def refuse_open(self, path: Path, flags: int) -> None:
        """Raises ``OSError`` for what cannot be opened, where ``opens_badly``."""

    @property
    def takes_nothing(self) -> bool:
        """It can be read as ever, and keeps nothing: a pass has no excuse."""
        return self.full or self.read_only or self.broken_sync

    def heal(self) -> None:
        self.full = self.read_only = self.broken_sync = False
        self.fails_in = None

    def has(self, path: Path) -> bool:
        return self.files.has(path)

    def touch(self, name: str) -> None:
        """Before each call: the N-th of them fails, if that was asked for."""
        if self.fails_in is not None:
            self.fails_in -= 1
            if self.fails_in <= 0:
                self.fails_in = None
                self.failed_once += 1
                self._fail(name, errno.EIO)

    def change(self, name: str) -> None:
        self.touch(name)
        if self.read_only:
            self._fail(name, errno.EROFS)

    def grow(self, name: str) -> None:
        self.change(name)
        if self.full:
            self._fail(name, errno.ENOSPC)

    def sync(self) -> None:
        self.touch("sync")
        if self.broken_sync:
            self._fail("sync", errno.EIO)

    def _fail(self, name: str, code: int) -> None:
        self.failed.append(name)
        raise OSError(code, os.strerror(code))


class ProcessFiles(Files):
    """The calls of one process: none has an effect once it is dead."""

    def __init__(self, disk: Disk, life: Life) -> None:
        self._disk = disk
        self._files = disk.files
        self._pulse = life.pulse
        self.replaced: Callable[[Path], None] = lambda _: None
        """Told of each file that has new content."""

    def status(self, path: Path) -> os.stat_result:
        self._pulse()
        if self._disk.fails_in is not None:
            self._disk.touch("status")
        return self._files.status(path)

    def names(self, directory: Path) -> list[str]:
        self._pulse()
        self._disk.touch("names")
        return self._files.names(directory)

    def open(self, path: Path, flags: int) -> int:
        self._pulse()
        if self._disk.opens_badly:
            self._disk.refuse_open(path, flags)
        if flags & os.O_CREAT and not self._disk.has(path):
            self._disk.grow("open")
        elif flags & (os.O_WRONLY | os.O_RDWR):
            self._disk.change("open")
        else:
            self._disk.touch("open")
        return self._files.open(path, flags)

    def status_of_open(self, descriptor: int) -> os.stat_result:
        self._pulse()
        return self._files.status_of_open(descriptor)

    def read(self, descriptor: int) -> bytes:
        self._pulse()
        self._disk.touch("read")
        return self._files.read(descriptor)

    def read_from(self, descriptor: int, offset: int) -> bytes:
        self._pulse()
        self._disk.touch("read")
        return self._files.read_from(descriptor, offset)

    def write(self, descriptor: int, data: memoryview) -> int:
        self._pulse()
        half = self._files.write(descriptor, data[: len(data) // 2])
        self._disk.grow("write")
        self._pulse()
        return half + self._files.write(descriptor, data[half:])

    def cut(self, descriptor: int, size: int) -> None:
        self._pulse()
        self._disk.change("cut")
        self._files.cut(descriptor, size)

    def sync(self, descriptor: int) -> None:
        self._pulse()
        self._disk.sync()
        self._files.sync(descriptor)

    def close(self, descriptor: int) -> None:
        self._files.close(descriptor)

    def restrict(self, descriptor: int, mode: int) -> None:
        self._pulse()
        self._disk.change("restrict")
        self._files.restrict(descriptor, mode)

    def replace(self, source: Path, target: Path) -> None:
        self._pulse()
        self._disk.change("replace")
        self._files.replace(source, target)
        self.replaced(target)

    def link(self, source: Path, target: Path) -> None:
        self._pulse()
        self._disk.change("link")
        self._files.link(source, target)

    def remove(self, path: Path) -> None:
        self._pulse()
        self._disk.change("remove")
        self._files.remove(path)

    def make_directory(self, path: Path) -> None:
        self._pulse()
        self._disk.grow("make_directory")
        self._files.make_directory(path)


class SimulatedWorkspace(Workspace):
    """A workspace whose random choices come from the run's own counter."""

    new_nonce: Callable[[], str]
    lineage: str
    files: Disk
    shelf: list[bytes]
    """Saved plans."""

    def fresh_state(self) -> RecordedState:
        return super().fresh_state().with_(lineage=self.lineage)

    def ssh_files(self) -> SshFiles:
        """As they lie on the simulated disk."""
        key = self.backend.key
        there = self.files.has(key.private_path)
        return SshFiles(str(key.private_path) if there else "", str(key.known_hosts))

    def context(self, *args: Any, **kwargs: Any) -> ExecutionContext:
        made = super().context(*args, **kwargs)
        made.new_nonce = self.new_nonce
        return made


def numbered(number: int) -> str:
    """A nonce for each number, so that no order of marks is the order of their births."""
    rest = number * _SCATTER % len(NONCE_ALPHABET) ** NONCE_LENGTH
    digits = []
    for _ in range(NONCE_LENGTH):
        rest, digit = divmod(rest, len(NONCE_ALPHABET))
        digits.append(NONCE_ALPHABET[digit])
    return "".join(digits)


class Process:
    """A command at work. ``task`` ends when it has answered, or some time after its death."""

    def __init__(self, name: str, verb: str, skew: timedelta) -> None:
        self.name = name
        self.verb = verb
        self.life = Life(name)
        self.skew = skew
        self.clock = ProcessClock(self.life, skew)
        self.true_clock = WorldClock(self.life)
        self.interruption = Interruption()
        self.begun = self.true_clock.now()
        self.task: asyncio.Task[None] | None = None
        self.failures_before = 0
        self.met: set[str] = set()
        """Numbers of the faults that it met."""
        self.terminal: Terminal | None = None
        """Where it prints; None where nobody looks."""
        self.elsewhere = ""
        """The workspace in another directory, where it was begun by mistake."""
        self.cut_off = False
        """Its connections died: the next call comes to nothing that it could know."""

    @property
    def runs(self) -> bool:
        return not self.life.over and self.task is not None and not self.task.done()
