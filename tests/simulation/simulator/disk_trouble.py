"""What goes wrong with the disk of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.simulation.simulator.backend import STATE

if TYPE_CHECKING:
    from tests.simulation.simulator.trouble import Troubles


class DiskTrouble:
    """Each public method is a kind of step."""

    def __init__(self, troubles: Troubles) -> None:
        self.troubles = troubles
        self.simulation = troubles.simulation

    def disk_full(self, ticks: int) -> None:
        self._disk("full", ticks)

    def disk_read_only(self, ticks: int) -> None:
        self._disk("read_only", ticks)

    def disk_sync_fails(self, ticks: int) -> None:
        self._disk("broken_sync", ticks)

    def _disk(self, what: str, ticks: int) -> None:
        disk = self.simulation.disk
        setattr(disk, what, True)
        self.troubles.later(ticks, f"{what} is over", lambda: setattr(disk, what, False))

    def disk_fails_once(self, after: int) -> None:
        self.simulation.disk.fails_in = after

    def power_cut(self, names_kept: bool) -> None:
        simulation = self.simulation
        for process in self.troubles.processes.running():
            self.troubles.processes.kill(process)
        before, platter = simulation.memory.content(STATE), simulation.memory.on_platter(STATE)
        simulation.memory.cut_power(names_kept=names_kept)
        simulation.judge.power_came_back(before, platter)
