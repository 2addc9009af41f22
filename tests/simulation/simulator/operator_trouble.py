"""What operators get wrong in a run: documents, clocks, accounts."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from tests.simulation.simulator.backend import STATE
from tests.simulation.simulator.documents import DOCUMENTS
from tests.simulation.simulator.purse import SKEW

if TYPE_CHECKING:
    from tests.simulation.simulator.trouble import Troubles


class OperatorTrouble:
    """Each public method is a kind of step."""

    def __init__(self, troubles: Troubles) -> None:
        self.troubles = troubles
        self.simulation = troubles.simulation
        self.skews: dict[str, timedelta] = {}
        """By runner, how far its wall clock is off."""
        self.reads_wrong_account = False

    def edit(self, documents: int) -> None:
        self.simulation.documents = DOCUMENTS[documents]

    def skew(self, who: str, seconds: int) -> None:
        self.skews[who] = timedelta(seconds=seconds)
        self.simulation.judge.clocks_differ |= abs(self.skews[who]) <= SKEW

    def state_lost(self) -> None:
        """The state, its backups and its trail are gone, and whoever was at work with them (C9.7).
        A person rebuilds it, now and again until every provider could be read.
        """
        simulation = self.simulation
        for process in self.troubles.processes.running():
            self.troubles.processes.kill(process)
        names = [Path(one) for one in simulation.memory.every()]
        lost = [one for one in names if one.name.startswith(STATE.name)]
        if STATE not in lost or simulation.judge.trust.doubted or simulation.judge.namesakes:
            return
        for path in lost:
            simulation.memory.remove(path)
        simulation.judge.state_was_lost(simulation.now)
        simulation.lineage = simulation.lineage[::-1]
        for ticks in (1, 3, 6):
            self.troubles.later(ticks, "the state is rebuilt", self.rebuild)

    def rebuild(self) -> None:
        if self.simulation.judge.lost_at is not None:
            self.simulation.start("rebuild", who="laptop")

    def wrong_account(self, ticks: int) -> None:
        simulation, self.reads_wrong_account = self.simulation, True
        over = simulation.now + timedelta(seconds=ticks * simulation.schedule.tick_seconds)
        self.troubles.sick_until(over, simulation.market.worlds)
        self.troubles.later(ticks, "the right account", self._right_account)

    def account_at(self, place: str) -> str | None:
        """Whose account a command sees, if not ours. Nobody can tell the wrong one from the right
        one where neither was seen before, or where that went away with the state.
        """
        judge = self.simulation.judge
        state = None if judge.trust.begins_anew else judge.state()
        told = self.reads_wrong_account and state is not None and place in state.providers
        return f"somebody else's at {place}" if told else None

    def _right_account(self) -> None:
        self.reads_wrong_account = False
