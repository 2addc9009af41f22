"""What goes wrong with the hosts of a run: descriptors, locks, terminals, sleep, time zones."""

from __future__ import annotations

import errno
import os
import time
from datetime import timedelta
from typing import TYPE_CHECKING

from tests.simulation.simulator.backend import STATE
from tests.simulation.simulator.terminal import Terminal

if TYPE_CHECKING:
    from tests.simulation.simulator.process import Process
    from tests.simulation.simulator.trouble import Troubles

LOCK_ERRORS = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS)
OUTPUT_ERRORS = (errno.EPIPE, errno.ENOSPC, errno.EIO)


class HostTrouble:
    """Each public method with arguments from a schedule is a kind of step."""

    def __init__(self, troubles: Troubles) -> None:
        self.troubles = troubles
        self.simulation = troubles.simulation
        self.output_fails = 0
        """With which error every new command's output does."""
        self.paused = False
        """The machine of all runners stands still: nobody begins anything."""
        self.wall_behind = self.boot_behind = timedelta(0)
        """How long its clocks stood still, and were not set since."""
        self.linked = False
        self._zone: str | None = None
        self._zone_is_set = False

    def prepare(self, process: Process) -> None:
        if self.output_fails:
            process.terminal = process.terminal or Terminal()
            process.terminal.refuses = self.output_fails
        if self.boot_behind:
            self._set_back(process)

    # --- kinds of steps ---------------------------------------------------------------------

    def out_of_descriptors(self, ticks: int) -> None:
        self._while(ticks, "out_of_descriptors", True, False)

    def trail_full(self, ticks: int) -> None:
        self._while(ticks, "trail_full", True, False)

    def full_here(self, ticks: int) -> None:
        """The disk of the state is full; that of temporary files is not."""
        self._while(ticks, "full_below", str(STATE.parent), "")
        self.troubles.then(ticks, "who has a rescued state", self.troubles.states.bring_back)

    def _while(self, ticks: int, what: str, begin: object, end: object) -> None:
        disk = self.simulation.disk
        setattr(disk, what, begin)
        self.troubles.later(ticks, f"{what} is over", lambda: setattr(disk, what, end))

    def locks_fail(self, code: int, ticks: int) -> None:
        self.simulation.locks.refuses = code
        self.troubles.later(ticks, "locks work again", self._locks_work)

    def _locks_work(self) -> None:
        self.simulation.locks.refuses = 0

    def state_link(self, ticks: int) -> None:
        memory, directory = self.simulation.memory, STATE.parent
        if str(directory) not in memory.every() or self.linked:
            return
        self.linked = True
        memory.lead_elsewhere(directory)
        self.troubles.later(ticks, "the directory is one again", self._unlink)

    def _unlink(self) -> None:
        self.linked = False
        self.simulation.memory.lead_back(STATE.parent)

    def output_closes(self, code: int, ticks: int) -> None:
        """Of whoever is at work, in the middle of it, and of those that begin meanwhile."""
        self.output_fails = code
        for process in self.troubles.processes.running():
            process.met.add("C10.13")
            self.prepare(process)
        self.troubles.later(ticks, "outputs work again", self._output_works)

    def _output_works(self) -> None:
        self.output_fails = 0

    def laptop_sleeps(self, ticks: int) -> None:
        """Its commands stand still; their connections are dead when it wakes up."""
        asleep = [one for one in self.troubles.processes.running() if one.name == "laptop"]
        for process in asleep:
            process.life.freeze()
            process.met.add("C10.17")
            process.cut_off = True
            self.troubles.later(ticks, "the laptop wakes up", process.life.thaw)

    def machine_paused(self, ticks: int, behind: int) -> None:
        """The virtual machine of all runners stands still, and so do both of its clocks; some time
        after it goes on, a time server sets the wall clock.
        """
        if self.paused or self.wall_behind:
            return
        self.paused = True
        for process in self.troubles.processes.running():
            process.life.freeze()
            process.met.add("C12.10")
            self.troubles.later(ticks, "a process goes on", process.life.thaw)
        lost = timedelta(seconds=ticks * self.simulation.schedule.tick_seconds)
        self.troubles.timing_is_off_for(ticks + behind)
        judge = self.simulation.judge
        judge.stood_still = max(judge.stood_still, lost)
        self.troubles.later(ticks, "the machine goes on", lambda: self._go_on(lost))
        self.troubles.later(ticks + behind, "its clock is set", self._catch_up)

    def _go_on(self, lost: timedelta) -> None:
        self.paused = False
        self.wall_behind = lost
        self.boot_behind += lost
        for process in self.troubles.processes.running():
            self._set_back(process)

    def _catch_up(self) -> None:
        self.wall_behind = timedelta(0)

    def _set_back(self, process: Process) -> None:
        process.clock.stood_still(self.wall_behind, self.boot_behind)
        if self.wall_behind:
            process.skew = -self.wall_behind

    def time_zone(self, zone: str) -> None:
        if not self._zone_is_set:
            self._zone, self._zone_is_set = os.environ.get("TZ"), True
        os.environ["TZ"] = zone
        time.tzset()

    def put_away(self) -> None:
        """The time zone is this process's own, and outlives the run."""
        if not self._zone_is_set:
            return
        if self._zone is None:
            del os.environ["TZ"]
        else:
            os.environ["TZ"] = self._zone
        time.tzset()
