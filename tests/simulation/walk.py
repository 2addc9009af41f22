"""A seeded random walk: verbs, faults, preemptions and deaths in any order, judged by the ledger.

The process dies as by kill -9: at some call to a provider, to the clock or to the file system, and
from then on none of its calls has any effect. A new one goes on over the same files and market.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from reconciler.clock import LoopClock
from reconciler.market.fault_catalogue import CATALOGUE
from reconciler.market.faults import Call, Fault
from reconciler.market.machine import Machine
from reconciler.market.world import World
from reconciler.model.address import Slot
from reconciler.model.errors import GpuShopperError
from reconciler.model.mark import Mark, parse_mark, workspace_part
from reconciler.model.record import RecordedState
from reconciler.operations.workspace import Workspace
from reconciler.providers.registry import OpenedProviders
from reconciler.statefile.files import Files
from reconciler.statefile.local_file import LocalFile
from tests.markets import START
from tests.simulation.shop import NO_FLEETS, QUICKSTART, Shop
from tests.simulation.told import check_all_came_to_an_end, check_effects_are_told

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
STEPS = 9
_NODES = "    ttl: 4h\n    nodes: {}\n"
DOCUMENTS = (
    QUICKSTART,
    QUICKSTART.replace("    ttl: 4h\n", _NODES.format(3)),
    QUICKSTART.replace("    ttl: 4h\n", "    ttl: 1h\n"),
    QUICKSTART.replace("RTX4090}", "RTX4090, disk: 200GB}"),
    QUICKSTART + "    image: other\n    lifecycle: {create_before_destroy: true}\n",
    QUICKSTART + "    lifecycle: {create_before_destroy: true, ignore_changes: [disk]}\n",
    QUICKSTART + "  lab:\n    resources: {gpu: RTX4090}\n    ttl: 2h\n    nodes: 2\n",
    NO_FLEETS,
)
# A listing and a direct read that deny the same living machine are false proof (I12): the
# catalogue's one lying read is told as a story of its own.
FAULTS = sorted(set(CATALOGUE) - {"C2.14"})
_FILE_CALLS = frozenset(name for name in vars(Files) if not name.startswith("_"))


class Killed(BaseException):
    """As kill -9: nothing of ours may answer it."""


class Life:
    """Of one process; ends at the ``left``-th thing it does, if that is set."""

    def __init__(self) -> None:
        self.left: int | None = None
        self.over = False

    def pulse(self, _: object = None) -> Fault | None:
        if self.left is not None and not self.over:
            self.left -= 1
            self.over = self.left <= 0
        if self.over:
            raise Killed
        return None


class MortalClock(LoopClock):
    """Time passes for the living."""

    def __init__(self, life: Life) -> None:
        super().__init__(START)
        self._life = life

    async def sleep(self, seconds: float) -> None:
        self._life.pulse()
        await super().sleep(seconds)
        self._life.pulse()


class _MortalFiles(Files):
    def __init__(self, life: Life) -> None:
        self._life = life

    def __getattribute__(self, name: str) -> Any:
        found = super().__getattribute__(name)
        if name in _FILE_CALLS - {"close"}:
            self._life.pulse()
        return found


class MortalShop(Shop):
    """A shop whose process can die."""

    def __init__(self, directory: Path, world: World) -> None:
        self.life = Life()
        super().__init__(directory, world, self._call)
        self.clock = MortalClock(self.life)
        self.provider._clock = self.clock

    def _call(self, _: Call) -> Fault | None:
        return self.life.pulse()

    def workspace(self, documents: str | None = None) -> Workspace:
        made = super().workspace(documents)
        path = self.directory / "state" / "demo.json"
        files = _MortalFiles(self.life)
        made.backend = LocalFile(path, "demo", self.clock.now, files=files, audited=True)
        made.opened = OpenedProviders({"simulated": self.provider}, self.clock)
        return made


class Walk:
    """One seed. ``walk`` raises AssertionError where a promise is broken."""

    def __init__(self, seed: int, directory: Path, world: World) -> None:
        self.random = random.Random(seed)
        self.directory = directory
        self.world = world
        self.shop = MortalShop(directory, world)
        self.log: list[str] = []
        self.destroys_fail_until = START
        self.strangers: list[Machine] = []

    async def walk(self) -> None:
        self._place_strangers()
        moves = [
            (6, self._apply),
            (5, self._reconcile),
            (1, self._extend),
            (1, self._release),
            (1, self._destroy),
            (5, self._wait),
            (2, self._preempt),
            (6, self._fault),
            (3, self._doom_the_process),
        ]
        await self._move(self._apply)
        for _ in range(STEPS):
            (move,) = self.random.choices(
                [move for _, move in moves], [weight for weight, _ in moves]
            )
            await self._move(move)
        await self._settle()
        await self._end()

    async def _move(self, move: Callable[[], Awaitable[object]]) -> None:
        self.log.append(f"{self.shop.now:%d %H:%M:%S} {move.__name__}")
        try:
            await move()
        except GpuShopperError as error:
            self.log.append(f"    {error.what}")
        except BaseException:
            if not self.shop.life.over:
                raise
        if self.shop.life.over:
            self._be_born_again()
        self.check()

    def _be_born_again(self) -> None:
        self.log.append("    killed")
        documents = self.shop.documents
        # What the kernel and the boot id tell of a dead process, told by hand: this one lives on.
        (self.directory / "state" / "demo.json.lock.info").unlink(missing_ok=True)
        self.shop = MortalShop(self.directory, self.world)
        self.shop.documents = documents

    # --- moves ------------------------------------------------------------------------------

    async def _apply(self) -> None:
        documents = self.random.choice(DOCUMENTS)
        result = await self.shop.apply(
            documents,
            max_destroy=self.random.choice((None, 10)),
            replace=(Slot("dev", 0),) if self._chance(10) else (),
            renew=frozenset({"dev"}) if "dev:" in documents and self._chance(20) else frozenset(),
            options={"detach": self._chance(50)},
        )
        self.log.append(f"    {DOCUMENTS.index(documents)} -> {result.code!r}")

    async def _reconcile(self) -> None:
        result = await self.shop.reconcile(heal=self._chance(40))
        self.log.append(f"    -> {result.code!r}")
        passed = result.plan.now
        await self.shop.wait(MINUTE)
        if self.destroys_fail_until < passed:
            self._check_ended_before(passed)

    async def _extend(self) -> None:
        await self.shop.extend("dev", timedelta(minutes=self.random.randint(1, 90)))

    async def _release(self) -> None:
        await self.shop.release("dev")

    async def _destroy(self) -> None:
        await self.shop.destroy(*self.random.choice(((), ("fleet.dev",), ("fleet.dev[0]",))))

    async def _wait(self) -> None:
        await self.shop.wait(timedelta(seconds=self.random.randint(1, 7200)))

    async def _preempt(self) -> None:
        ours = [one for one in self.shop.alive() if one not in self.strangers]
        if ours:
            self.world.stop(self.random.choice(ours).id, self.shop.now)

    async def _fault(self) -> None:
        number = self.random.choice(FAULTS)
        operation, fault = CATALOGUE[number]
        until = self.shop.now + timedelta(seconds=self.random.randint(10, 2400))
        times = self.random.choice((1, 2, None))
        self.world.script_fault(fault, operation, times=times, until=until)
        if operation == "destroy_instance":
            self.destroys_fail_until = max(self.destroys_fail_until, until)
        self.log.append(f"    {number} x {times} until {until:%H:%M:%S}")

    async def _doom_the_process(self) -> None:
        self.shop.life.left = self.random.randint(1, 120)
        try:
            await self.random.choice((self._apply, self._reconcile, self._destroy))()
        finally:
            self.shop.life.left = None

    def _chance(self, percent: int) -> bool:
        return self.random.randrange(100) < percent

    # --- judgement --------------------------------------------------------------------------

    def _place_strangers(self) -> None:
        neighbour = Mark(workspace_part("other", "else"), "dev", 0, START, "00000000")
        for number, label in enumerate((None, "by hand", str(neighbour)), start=10):
            self.strangers.append(self.world.place_foreign(START, label, offer_id=f"o{number}"))

    def ours(self) -> list[Machine]:
        strange = {one.id for one in self.strangers}
        return [one for one in self.shop.alive() if one.id not in strange]

    def check(self) -> None:
        """What holds at every point at which no process runs."""
        recorded = LocalFile(
            self.directory / "state" / "demo.json", "demo", self.shop.clock.now
        ).read()
        alive = {one.id for one in self.shop.alive()}
        assert {one.id for one in self.strangers} <= alive, "a stranger's machine was destroyed"
        known = _known(recorded) if recorded else set()
        unknown = [one for one in self.ours() if _identity(one) not in known]
        assert not unknown, f"I1: alive and not in the state: {unknown}"
        sent = Counter(
            call.label for call in self.world.calls() if call.operation == "create_instance"
        )
        again = [label for label, count in sent.items() if count > 1]
        assert not again, f"I26: sent more than once: {again}"
        check_effects_are_told(self.directory / "state" / "demo.json", self.world)

    def _check_ended_before(self, moment: datetime) -> None:
        state = self.shop.workspace().backend.read()
        alive = {one.id for one in self.ours()}
        if state is None:
            return
        for record in state.instances.values():
            lease = state.leases.get(record.fleet)
            end = lease.ends_at if lease else None
            late = end is not None and end <= moment and record.instance_id in alive
            assert not late, f"I9: {record.slot} ended {end} and lives"

    async def _settle(self) -> None:
        """A fault-free tail: the fleets come to what is declared, one machine in a slot."""
        self.world.clear_faults()
        await self.shop.wait(HOUR)
        for _ in range(4):
            await self._move(self._tail_pass)
        state, ours = self.shop.state(), self.ours()
        slots = Counter((mark.fleet, mark.index) for mark in map(_mark, ours))
        assert not [slot for slot, count in slots.items() if count > 1], f"I3: {slots}"
        assert {one.id for one in ours} == {one.instance_id for one in state.instances.values()}
        assert not [one for one in state.intents.values() if one.blocks_slot], "I18: unresolved"

    async def _tail_pass(self) -> None:
        self.shop.documents = QUICKSTART
        self.result = await self.shop.apply(max_destroy=50)
        await self.shop.reconcile()
        await self.shop.wait(MINUTE)

    async def _end(self) -> None:
        """Nobody renews: everything of ours is gone."""
        await self.shop.wait(timedelta(hours=30))
        for _ in range(5):
            await self.shop.reconcile()
            await self.shop.wait(MINUTE)
        assert self.ours() == [], "alive after its end"
        assert self.shop.state().instances == {}
        assert {one.id for one in self.strangers} == {one.id for one in self.shop.alive()}
        check_all_came_to_an_end(self.directory / "state" / "demo.json")


def _known(state: RecordedState) -> set[str]:
    marks = (parse_mark(text) for text in (*state.instances, *state.intents))
    return {mark.identity for mark in marks if mark}


def _mark(machine: Machine) -> Mark:
    mark = parse_mark(machine.label)
    assert mark is not None, machine
    return mark


def _identity(machine: Machine) -> str:
    return _mark(machine).identity
