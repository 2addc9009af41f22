"""What operators get wrong in a run: documents, clocks, accounts."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

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

    def wrong_account(self, ticks: int) -> None:
        simulation, self.reads_wrong_account = self.simulation, True
        over = simulation.now + timedelta(seconds=ticks * simulation.schedule.tick_seconds)
        self.troubles.sick_until(over, simulation.market.worlds)
        self.troubles.later(ticks, "the right account", self._right_account)

    def _right_account(self) -> None:
        self.reads_wrong_account = False
