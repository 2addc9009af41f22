"""What goes wrong with the processes of a run: they die, stand still, and lose their lock."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.exit_code import ExitCode
from tests.simulation.simulator.backend import STATE

if TYPE_CHECKING:
    from tests.simulation.simulator.process import Process
    from tests.simulation.simulator.trouble import Troubles


class ProcessTrouble:
    """Each public method without a process as argument is a kind of step."""

    def __init__(self, troubles: Troubles) -> None:
        self.troubles = troubles
        self.simulation = troubles.simulation
        self.dooms: list[int] = []
        """After how many things that it does the next process dies."""

    def prepare(self, process: Process) -> None:
        if self.dooms:
            process.life.left = self.dooms.pop(0)

    def running(self) -> list[Process]:
        return [one for one in self.simulation.processes if one.runs]

    def kill_at(self, left: int) -> None:
        running = [one for one in self.running() if one.life.left is None]
        if running:
            running[0].life.left = left
            running[0].met.add("C10.1")
        else:
            self.dooms.append(left)

    def kill_now(self) -> None:
        for process in self.running()[:1]:
            self.kill(process)

    def kill(self, process: Process) -> None:
        process.life.over = True
        process.life.thaw()
        process.met |= self.troubles.untold
        if process.task is not None:
            process.task.cancel()

    def kill_holder(self) -> None:
        holder = self.simulation.locks.holder(STATE.with_name(STATE.name + ".lock"))
        if holder is not None:
            self.kill(holder)

    def interrupt(self) -> None:
        for process in self.running()[:1]:
            process.interruption.request(ExitCode.INTERRUPTED)
            process.met.add("C10.2")

    def freeze(self, ticks: int) -> None:
        for process in self.running()[:1]:
            process.life.freeze()
            process.met.add("C10.3")
            self.troubles.later(ticks, "thaw", process.life.thaw)

    def take_over(self, ticks: int) -> None:
        """The holder stands still, and somebody removes the lock's files by hand."""
        memory = self.simulation.memory
        self.freeze(ticks)
        for ending in (".lock", ".lock.info"):
            path = STATE.with_name(STATE.name + ending)
            if str(path) in memory.every():
                memory.remove(path)
        self.simulation.start("reconcile", who="laptop")
