"""What goes wrong in a run: begun by steps of the schedule, ended when its time is over."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from reconciler.market.errors import MarketError, NoSuchMachine
from reconciler.market.faults import Call, Fault
from reconciler.market.machine import Machine
from reconciler.model.exit_code import ExitCode
from reconciler.model.mark import Mark, workspace_part
from reconciler.model.value import dataclass
from tests.markets import START
from tests.simulation.simulator.backend import STATE
from tests.simulation.simulator.catalogue import CALL_FAULTS, EVERYWHERE, STANDING
from tests.simulation.simulator.documents import DOCUMENTS
from tests.simulation.simulator.purse import SKEW
from tests.simulation.simulator.schedule import Step

if TYPE_CHECKING:
    from tests.simulation.simulator.process import Process
    from tests.simulation.simulator.simulation import Simulation

_STALE = timedelta(minutes=11)
"""A machine hidden for ten minutes may still be unlisted that long after its fault is over."""


@dataclass(slots=True)
class _Active:
    number: str
    place: str
    fault: Fault
    operations: tuple[str, ...]
    percent: int
    until: datetime
    times: int | None


class Troubles:
    """Of one simulation."""

    def __init__(self, simulation: Simulation) -> None:
        self.simulation = simulation
        self.chance = random.Random(f"trouble {simulation.schedule.seed}")
        self.active: list[_Active] = []
        self.call_faults = frozenset(CALL_FAULTS)
        self.ends: list[tuple[datetime, str, Callable[[], None]]] = []
        self.skews: dict[str, timedelta] = {}
        self.untold: set[str] = set(STANDING)
        """Faults that the next command will meet."""
        self.wrong_account = False
        self.dooms: list[int] = []
        self._sick: list[tuple[str, datetime]] = []
        self._relabelled: list[tuple[str, str, str | None]] = []

    @property
    def now(self) -> datetime:
        return self.simulation.now

    def begin(self, step: Step, arguments: dict[str, Any]) -> None:
        self.untold.add(step.number)
        if step.kind == "fault":
            self._fault(step.number, **arguments)
        else:
            getattr(self, f"_{step.kind}")(**arguments)

    # --- calls ------------------------------------------------------------------------------

    def _fault(
        self, number: str, place: str, percent: int, minutes: int, times: int | None
    ) -> None:
        self.untold.discard(number)  # known when a call meets it
        operations, fault = CALL_FAULTS[number]
        until = self.now + timedelta(minutes=minutes)
        self.active.append(_Active(number, place, fault, operations, percent, until, times))
        places = list(self.simulation.market.worlds) if place == EVERYWHERE else [place]
        self._sick += [(one, until + _STALE) for one in places]

    def of_call(self, process: Process, place: str, call: Call) -> Fault | None:
        for one in self.active:
            if one.place not in (place, EVERYWHERE) or call.operation not in one.operations:
                continue
            if one.times == 0 or one.until <= self.now or self.chance.randrange(100) >= one.percent:
                continue
            if one.times is not None:
                one.times -= 1
            process.met.add(one.number)
            return one.fault
        return None

    def unhealthy_since(self, moment: datetime) -> set[str]:
        return {place for place, until in self._sick if until >= moment}

    # --- processes --------------------------------------------------------------------------

    def prepare(self, process: Process) -> None:
        if self.dooms:
            process.life.left = self.dooms.pop(0)

    def _running(self) -> list[Process]:
        return [one for one in self.simulation.processes if one.runs]

    def _kill_at(self, left: int) -> None:
        running = [one for one in self._running() if one.life.left is None]
        if running:
            running[0].life.left = left
            running[0].met.add("C10.1")
        else:
            self.dooms.append(left)

    def _kill_now(self) -> None:
        for process in self._running()[:1]:
            self._kill(process)

    def _kill(self, process: Process) -> None:
        process.life.over = True
        process.life.thaw()
        process.met |= self.untold
        if process.task is not None:
            process.task.cancel()

    def _kill_holder(self) -> None:
        holder = self.simulation.locks.holder(STATE.with_name(STATE.name + ".lock"))
        if holder is not None:
            self._kill(holder)

    def _interrupt(self) -> None:
        for process in self._running()[:1]:
            process.interruption.request(ExitCode.INTERRUPTED)
            process.met.add("C10.2")

    def _freeze(self, ticks: int) -> None:
        for process in self._running()[:1]:
            process.life.freeze()
            process.met.add("C10.3")
            self._later(ticks, "thaw", process.life.thaw)

    def _take_over(self, ticks: int) -> None:
        """The holder stands still, and somebody removes the lock's files by hand."""
        memory = self.simulation.memory
        self._freeze(ticks)
        for ending in (".lock", ".lock.info"):
            path = STATE.with_name(STATE.name + ending)
            if str(path) in memory.every():
                memory.remove(path)
        self.simulation.start("reconcile", who="laptop")

    # --- the disk ---------------------------------------------------------------------------

    def _disk_full(self, ticks: int) -> None:
        self._disk("full", ticks)

    def _disk_read_only(self, ticks: int) -> None:
        self._disk("read_only", ticks)

    def _disk_sync_fails(self, ticks: int) -> None:
        self._disk("broken_sync", ticks)

    def _disk(self, what: str, ticks: int) -> None:
        disk = self.simulation.disk
        setattr(disk, what, True)
        self._later(ticks, f"{what} is over", lambda: setattr(disk, what, False))

    def _disk_fails_once(self, after: int) -> None:
        self.simulation.disk.fails_in = after

    def _power_cut(self, names_kept: bool) -> None:
        simulation = self.simulation
        for process in self._running():
            self._kill(process)
        before, platter = simulation.memory.content(STATE), simulation.memory.on_platter(STATE)
        simulation.memory.cut_power(names_kept=names_kept)
        simulation.judge.power_came_back(before, platter)

    # --- people and machines ----------------------------------------------------------------

    def place_strangers(self) -> None:
        neighbour = Mark(workspace_part("other", "else"), "dev", 0, START, "00000000")
        for number, place in enumerate(self.simulation.market.worlds):
            label = (None, "by hand", str(neighbour))[number]
            self._stranger_at(place, label)

    def _stranger(self, label: str) -> None:
        self._stranger_at(self.chance.choice(list(self.simulation.market.worlds)), label)

    def _stranger_at(self, place: str, label: str | None) -> None:
        world = self.simulation.market.worlds[place]
        try:
            machine = world.place_foreign(self.now, label)
        except MarketError:
            return  # sold out
        self.simulation.judge.strangers.add((place, machine.id))

    def _known(self, which: int) -> tuple[str, Machine] | None:
        """One of the machines that the state knows and that live."""
        state = self.simulation.judge.state()
        recorded = (
            {(one.provider, one.instance_id) for one in state.instances.values()}
            if state
            else set()
        )
        found = [
            (place, one)
            for place, one in self.simulation.market.billed(self.now)
            if (place, one.id) in recorded
        ]
        return found[which % len(found)] if found else None

    def _preempt(self, which: int) -> None:
        found = self._known(which)
        if found:
            with suppress(NoSuchMachine):  # nobody sees it yet
                self.simulation.market.worlds[found[0]].stop(found[1].id, self.now)

    def _person_destroys(self, which: int) -> None:
        found = self._known(which)
        if found:
            self.simulation.judge.ended_by_others.add((found[0], found[1].id))
            with suppress(NoSuchMachine):
                self.simulation.market.worlds[found[0]].destroy(found[1].id, self.now)

    def _rate_rises(self, which: int, percent: int) -> None:
        found = self._known(which)
        if found:
            self.simulation.market.raise_rate(found[0], found[1], percent, self.now)

    def _prices_move(self, place: str, percent: int) -> None:
        self.simulation.market.worlds[place].move_prices(percent)

    def _relabel(self, which: int, label: str) -> None:
        found = self._known(which)
        if found:
            place, machine = found
            self._relabelled.append((place, machine.id, machine.label))
            self.simulation.market.worlds[place].relabel(machine.id, label)

    def _clone(self, which: int) -> None:
        found = self._known(which)
        if found:
            self._copy_at(found[0], found[1].label)

    def _forge(self, place: str) -> None:
        """A machine under a mark of our lineage that no intent ever had."""
        mark = Mark(self.simulation.judge.part, "dev", 0, START + timedelta(hours=1), "forged00")
        self._copy_at(place, str(mark))

    def _copy_at(self, place: str, label: str | None) -> None:
        try:
            copy = self.simulation.market.worlds[place].place_foreign(self.now, label)
        except MarketError:
            return
        self.simulation.judge.copies.add((place, copy.id))

    def _edit(self, documents: int) -> None:
        self.simulation.documents = DOCUMENTS[documents]

    def _skew(self, who: str, seconds: int) -> None:
        self.skews[who] = timedelta(seconds=seconds)
        self.simulation.judge.clocks_differ |= abs(self.skews[who]) <= SKEW

    def _wrong_account(self, ticks: int) -> None:
        self.wrong_account = True
        over = self.now + timedelta(seconds=ticks * self.simulation.schedule.tick_seconds)
        self._sick += [(place, over) for place in self.simulation.market.worlds]
        self._later(ticks, "the right account", lambda: setattr(self, "wrong_account", False))

    # --- ends -------------------------------------------------------------------------------

    def _later(self, ticks: int, what: str, end: Callable[[], None]) -> None:
        after = timedelta(seconds=ticks * self.simulation.schedule.tick_seconds)
        self.ends.append((self.now + after, what, end))

    def end_what_is_over(self) -> None:
        due = [one for one in self.ends if one[0] <= self.now]
        self.ends = [one for one in self.ends if one[0] > self.now]
        for _, what, end in due:
            self.simulation.say(what)
            end()

    def end_all(self) -> None:
        for _, _, end in self.ends:
            end()
        self.ends.clear()
        self.active.clear()
        self.skews.clear()
        self.dooms.clear()
        self.untold.clear()
        self.simulation.disk.heal()
        for place, machine_id, label in reversed(self._relabelled):
            self.simulation.market.worlds[place].relabel(machine_id, label)
