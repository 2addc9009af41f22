"""Every point of a story at which the process can die, numbered, and what a death at each leaves.

A point is a call to a provider (before it arrives, and after it had its effect and before the
answer), to the file system (a write can also end half-way), to sleep, and every await that lets
somebody else go on: each step of the event loop.

A process that is killed leaves what stands on the disk and at the market at that moment, and
nothing else. So that is looked at, byte for byte, at each point of one run. From each that is not
the same as one before, the time included, the next process starts, in peace. That a death leaves
just this is checked too: at each point the process really dies once.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import field
from datetime import timedelta
from pathlib import Path
from shutil import rmtree
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

from reconciler.market.faults import Fault, Operation
from reconciler.market.machine import Machine
from reconciler.market.offer import MarketOffer
from reconciler.market.settings import MarketSettings
from reconciler.market.world import World
from reconciler.model.errors import GpuShopperError
from reconciler.model.mark import parse_mark
from reconciler.model.value import dataclass
from reconciler.operations.workspace import Workspace
from reconciler.statefile.files import Files
from reconciler.statefile.local_file import LocalFile
from reconciler.statefile.workspace_key import _new_pair
from tests.markets import small_world
from tests.simulation.disks import OneFailure, PowerCut, UnsyncedFiles
from tests.simulation.shop import Shop, several_offers
from tests.simulation.walk import Killed, Life, MortalClock
from tests.virtual_time import run_virtual

MINUTE = timedelta(minutes=1)
QUICK = MarketSettings(
    price_swing_percent=0,
    others_rent_percent=0,
    spot_life=None,
    placed_stage=timedelta(seconds=1),
    created_stage=timedelta(seconds=2),
    booting_stage=timedelta(seconds=3),
)
_CLEAN_RUNS = 2
_QUIET = 2 * MINUTE
_FAST = Path("/dev/shm")
_KEY_PAIR = _new_pair()
_CHANGES = {  # before which a loss of power leaves something of its own
    "file make_directory",
    "file open for writing",
    "file write",
    "file write, half done",
    "file sync",
    "file replace",
    "file link",
    "file remove",
    "file restrict",
    "call create_instance",
    "answer create_instance",
    "call destroy_instance",
    "answer destroy_instance",
}


class CountedLife(Life):
    """Numbers the points and names them."""

    def __init__(self) -> None:
        super().__init__()
        self.points: list[str] = []
        self.told: Callable[[str], None] = lambda _: None

    def pulse(self, _: object = None) -> Fault | None:
        return self.point("sleep")

    def step(self) -> None:
        """One that nobody notices: who dies there learns of it at the next point."""
        if not self.over:
            with suppress(Killed):
                self.point("await")

    def point(self, name: str) -> Fault | None:
        if not self.over:
            self.points.append(name)
            self.told(name)
        return super().pulse()


class _Calls(UnsyncedFiles):
    """Dies before a call, and in the middle of a write."""

    def __init__(self, life: CountedLife) -> None:
        self._life = life

    def __getattribute__(self, name: str) -> Any:
        if not name.startswith("_") and name not in ("open", "close", "write"):
            self._life.point(f"file {name}")
        return super().__getattribute__(name)

    def open(self, path: Path, flags: int) -> int:
        self._life.point("file open for writing" if flags & os.O_CREAT else "file open")
        return super().open(path, flags)

    def write(self, descriptor: int, data: memoryview) -> int:
        self._life.point("file write")
        half = super().write(descriptor, data[: len(data) // 2])
        self._life.point("file write, half done")
        return half + super().write(descriptor, data[half:])


class _FilesShop(Shop):
    """A shop whose state goes through ``files``."""

    files: Files
    audited = False

    def workspace(self, documents: str | None = None) -> Workspace:
        made = super().workspace(documents)
        path = self.directory / "state" / "demo.json"
        now, files = self.clock.now, self.files
        made.backend = LocalFile(path, "demo", now, files=files, audited=self.audited)
        return made


class NumberedShop(_FilesShop):
    """A shop that counts what its process does, and dies when its life is over."""

    def __init__(self, directory: Path, world: World) -> None:
        super().__init__(directory, world)
        life = self.life = CountedLife()
        self.files = _Calls(life)
        self.clock = self.provider._clock = MortalClock(life)
        self.provider._fault_hook = lambda call: life.point(f"call {call.operation}")
        answer = self.provider._answer

        async def answered(
            operation: Operation, fault: Fault, instance_id: str | None = None
        ) -> None:
            life.point(f"answer {operation}")
            await answer(operation, fault, instance_id)

        self.provider._answer = answered  # type: ignore[method-assign]


Act = Callable[[Shop], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Story:
    """``prepare`` happens in peace, ``act`` is where the process dies, ``again`` is what a person
    or a timer does after that, twice. ``left`` machines run in the end. ``audited``: with a trail,
    whose calls are points too.
    """

    name: str
    prepare: Act
    act: Act
    again: Act
    left: int
    audited: bool = False


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A world and a workspace as ``prepare`` left them, to be gone back to."""

    market: bytes
    state: dict[str, bytes]
    seconds: float
    documents: str


@dataclass(frozen=True, slots=True)
class Left:
    """What a process that is gone leaves behind: files, and what the market holds and was asked to
    change; what it was merely asked leaves no trace there.
    """

    files: tuple[tuple[str, bytes], ...]
    market: tuple[str, ...]

    @classmethod
    def now(cls, shop: NumberedShop) -> Left:
        places = sorted((shop.directory / "state").glob("*"))
        files = tuple((one.name, one.read_bytes()) for one in places)
        rows = shop.world._storage._connection.execute
        return cls(files, tuple(repr(rows(query).fetchall()) for query in _MARKET))


_MARKET = (
    "SELECT * FROM world",
    "SELECT * FROM offers",
    "SELECT * FROM machines",
    "SELECT * FROM fault_scripts",
    "SELECT operation, instance_id, offer_id, label, at FROM calls"
    " WHERE operation IN ('create_instance', 'destroy_instance')",
)


@dataclass(frozen=True, slots=True)
class Deaths:
    """``points`` by name, in order: at each the process died once. ``different``: how many of them
    leave something that none before left, each judged by two clean runs.
    """

    points: list[str]
    different: int


def deaths(story: Story) -> Deaths:
    """The story once as a whole, the clean runs from each thing that a death in it can leave, and a
    real death at each point. Raises AssertionError where a promise is broken.
    """
    with _fast_directory() as directory:
        begun = run_virtual(_prepare, story, directory / "state")
        place = directory / "place"  # one name for all: it stands in some of the files
        watched = run_virtual(_watched_life, story, begun, place)
        rmtree(place)
        for number, left in watched.first_with.items():
            run_virtual(_judge_left, story, left, place, f"{watched.names[number]}, {number}")
            rmtree(place)
        for number, (name, expected) in enumerate(zip(watched.names, watched.left, strict=True)):
            found = run_virtual(_left_by_death, story, begun, place, number + 1)
            assert found == expected, f"{story.name}: death at {name}, {number}: something else"
            rmtree(place)
    return Deaths(watched.names, len(watched.first_with))


def power_cuts(story: Story, *, names_kept: bool) -> tuple[list[str], int]:
    """A death of the whole host at each change: what was not synced is lost."""
    return _lives(story, names_kept)


@dataclass(slots=True)
class _Watched:
    """One whole run. ``left``: by point; ``first_with``: where each thing was first left."""

    names: list[str] = field(default_factory=list)
    left: list[Left] = field(default_factory=list)
    first_with: dict[int, _Prepared] = field(default_factory=dict)
    known: set[tuple[Left, float]] = field(default_factory=set)

    def look(self, name: str, shop: NumberedShop) -> None:
        left, seconds = Left.now(shop), shop.clock.elapsed_seconds()
        if (left, seconds) not in self.known:
            self.known.add((left, seconds))
            market = shop.world._storage._connection.serialize()
            files = dict(left.files)
            self.first_with[len(self.names)] = _Prepared(market, files, seconds, shop.documents)
        self.names.append(name)
        self.left.append(left)


async def _watched_life(story: Story, begun: _Prepared, directory: Path) -> _Watched:
    watched = _Watched()
    with small_world(*_offers(), settings=QUICK) as world:
        shop = NumberedShop(directory, world)
        shop.audited = story.audited
        await _go_back_to(begun, shop)
        shop.life.told = lambda name: watched.look(name, shop)
        with _same_chances(), _each_step(lambda: watched.look("await", shop)):
            await story.act(shop)
    return watched


@contextmanager
def _same_chances() -> Iterator[None]:
    """Lineage, nonces, SSH key and names of temporary files are the same in each life."""
    chance = random.Random(7)
    with (
        patch("reconciler.statefile.workspace_key._new_pair", lambda: _KEY_PAIR),
        patch("secrets.token_hex", lambda count: chance.randbytes(count).hex()),
        patch("secrets.randbelow", chance.randrange),
    ):
        yield


@contextmanager
def _each_step(look: Callable[[], None]) -> Iterator[None]:
    """Before each step of the running event loop."""
    loop: Any = asyncio.get_running_loop()
    call_soon = loop.call_soon

    def watched(callback: Callable[..., object], *arguments: object, context: Any = None) -> Any:
        def step() -> None:
            look()
            callback(*arguments)

        return call_soon(step, context=context)

    loop.call_soon = watched
    try:
        yield
    finally:
        del loop.call_soon


async def _judge_left(story: Story, left: _Prepared, directory: Path, where: str) -> None:
    with small_world(*_offers(), settings=QUICK) as world:
        shop = Shop(directory, world)
        await _go_back_to(left, shop)
        try:
            await _judge(story, shop)
        except Exception as error:
            error.add_note(f"{story.name}, death at point {where}")
            raise


async def _left_by_death(story: Story, begun: _Prepared, directory: Path, number: int) -> Left:
    with small_world(*_offers(), settings=QUICK) as world:
        shop = NumberedShop(directory, world)
        shop.audited = story.audited
        await _go_back_to(begun, shop)
        shop.life.points.clear()
        life = shop.life
        life.left = number
        with _same_chances(), _each_step(life.step):
            await _until_death(story.act, shop)
        assert life.over
        return Left.now(shop)


def failures(story: Story) -> list[str]:
    """The names of the file calls of the story, each of which failed in a life of its own."""
    names: list[str] = []
    with _fast_directory() as directory:
        begun = run_virtual(_prepare, story, directory / "state")
        while True:
            place = directory / str(len(names))
            disk = OneFailure(len(names) + 1)
            run_virtual(_failing_life, story, begun, place, disk)
            if not disk.failed:
                return names
            names.append(disk.failed)
            rmtree(place)


def _lives(story: Story, names_kept: bool) -> tuple[list[str], int]:
    with _fast_directory() as directory:
        begun = run_virtual(_prepare, story, directory / "state")
        whole = run_virtual(_one_life, story, begun, directory / "whole", None, names_kept)
        changes = [number for number, name in enumerate(whole.points, 1) if name in _CHANGES]
        for number in changes:
            place = directory / str(number)
            life = run_virtual(_one_life, story, begun, place, number, names_kept)
            assert life.over
            assert life.points == whole.points[:number], "the same story took another way"
            rmtree(place)
    return whole.points, len(changes)


@contextmanager
def _fast_directory() -> Iterator[Path]:
    with TemporaryDirectory(dir=_FAST if _FAST.is_dir() else None) as root:
        yield Path(root)


async def _prepare(story: Story, directory: Path) -> _Prepared:
    with small_world(*_offers(), settings=QUICK) as world:
        shop = Shop(directory.parent, world)
        await story.prepare(shop)
        files = {one.name: one.read_bytes() for one in directory.glob("*")}
        market = world._storage._connection.serialize()
        return _Prepared(market, files, shop.clock.elapsed_seconds(), shop.documents)


async def _one_life(
    story: Story, begun: _Prepared, directory: Path, number: int | None, names_kept: bool
) -> CountedLife:
    with small_world(*_offers(), settings=QUICK) as world:
        shop = NumberedShop(directory, world)
        shop.audited = story.audited
        await _go_back_to(begun, shop)
        disk = PowerCut(shop.files, directory / "state")
        shop.files = disk
        life = shop.life
        life.points.clear()
        life.left = number
        try:
            await _until_death(story.act, shop)
            if life.over:
                _fill(directory, disk.after(names_kept=names_kept))
            await _judge(story, shop)
        except Exception as error:
            died_at = life.points[-1] if life.over else "never"
            error.add_note(f"{story.name}, point {number}: {died_at}")
            raise
        return life


async def _failing_life(story: Story, begun: _Prepared, directory: Path, disk: OneFailure) -> None:
    with small_world(*_offers(), settings=QUICK) as world:
        shop = _FilesShop(directory, world)
        shop.audited = story.audited
        shop.files = UnsyncedFiles()
        await _go_back_to(begun, shop)
        shop.files = disk
        try:
            with suppress(GpuShopperError):
                await story.act(shop)
            await _judge(story, shop)
        except Exception as error:
            error.add_note(f"{story.name}, file call {disk._fail_at}: {disk.failed}")
            raise


async def _go_back_to(begun: _Prepared, shop: Shop) -> None:
    shop.world._storage._connection.deserialize(begun.market)
    shop.documents = begun.documents
    await shop.wait(timedelta(seconds=begun.seconds))
    _fill(shop.directory, begun.state)


def _fill(directory: Path, files: dict[str, bytes]) -> None:
    """What stands in the directory of the state, and nothing else."""
    rmtree(directory / "state", ignore_errors=True)
    (directory / "state").mkdir(mode=0o700, parents=True)
    for name, content in files.items():
        (directory / "state" / name).write_bytes(content)
        (directory / "state" / name).chmod(0o600)


def _offers() -> tuple[MarketOffer, ...]:
    return several_offers(8)


async def _until_death(act: Act, shop: NumberedShop) -> None:
    try:
        await act(shop)
    except BaseException:
        if not shop.life.over:
            raise
    shop.life.left = None


async def _judge(story: Story, before: Shop) -> None:
    """The next process, in peace."""
    # What the kernel and the boot id tell of a dead process, told by hand: this one lives on.
    (before.directory / "state" / "demo.json.lock.info").unlink(missing_ok=True)
    shop = _FilesShop(before.directory, before.world)
    shop.files, shop.documents = UnsyncedFiles(), before.documents
    shop.audited = story.audited
    _nothing_lost(shop)
    for _ in range(_CLEAN_RUNS):
        await shop.wait(_QUIET)
        await story.again(shop)
        _nothing_lost(shop)
    await shop.wait(_QUIET)
    _converged(story, shop)


def _nothing_lost(shop: Shop) -> None:
    """The state can be read, knows every machine, and no create was sent twice."""
    state = shop.workspace().backend.read()
    marks = [parse_mark(text) for text in (*state.instances, *state.intents)] if state else []
    known = {mark.identity for mark in marks if mark}
    lost = [one for one in shop.alive() if _identity(one) not in known]
    assert not lost, f"I1: billed and not in the state: {lost}"
    sent = Counter(one.label for one in shop.world.calls() if one.operation == "create_instance")
    assert max(sent.values(), default=0) <= 1, f"I26: sent twice: {sent}"


def _converged(story: Story, shop: Shop) -> None:
    state, alive = shop.state(), shop.alive()
    slots = [_slot(one) for one in alive]
    assert len(set(slots)) == len(slots), f"I3: two in a slot: {slots}"
    assert len(alive) == story.left, f"I18: {len(alive)} machines run, not {story.left}"
    recorded = {one.instance_id for one in state.instances.values() if one.doom is None}
    assert recorded == {one.id for one in alive}
    pending = [one.slot for one in state.intents.values() if one.blocks_slot]
    assert not pending, f"I18: unresolved: {pending}"
    left_over = [one.name for one in shop.directory.glob("state/.*")]
    assert not left_over, f"I24: {left_over}"


def _identity(machine: Machine) -> str:
    mark = parse_mark(machine.label)
    assert mark is not None, machine
    return mark.identity


def _slot(machine: Machine) -> tuple[str, int]:
    mark = parse_mark(machine.label)
    assert mark is not None, machine
    return mark.fleet, mark.index
