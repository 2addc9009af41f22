"""What goes wrong at the providers of a run, and what other people do there."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING

from reconciler.market.errors import MarketError, NoSuchMachine
from reconciler.market.machine import Machine
from reconciler.model.mark import Mark, workspace_part
from tests.markets import START

if TYPE_CHECKING:
    from tests.simulation.simulator.trouble import Troubles


class MarketTrouble:
    """Each public method is a kind of step, but those that take no arguments."""

    def __init__(self, troubles: Troubles) -> None:
        self.troubles = troubles
        self.simulation = troubles.simulation
        self._relabelled: list[tuple[str, str, str | None]] = []

    def place_strangers(self) -> None:
        neighbour = Mark(workspace_part("other", "else"), "dev", 0, START, "00000000")
        for number, place in enumerate(self.simulation.market.worlds):
            label = (None, "by hand", str(neighbour))[number]
            self.stranger_at(place, label)

    def stranger(self, label: str) -> None:
        self.stranger_at(self.troubles.chance.choice(list(self.simulation.market.worlds)), label)

    def stranger_at(self, place: str, label: str | None) -> None:
        world = self.simulation.market.worlds[place]
        try:
            machine = world.place_foreign(self.simulation.now, label)
        except MarketError:
            return  # sold out
        self.simulation.judge.strangers.add((place, machine.id))

    def known(self, which: int) -> tuple[str, Machine] | None:
        """One of the machines that the state knows and that live."""
        state = self.simulation.judge.state()
        recorded = (
            {(one.provider, one.instance_id) for one in state.instances.values()}
            if state
            else set()
        )
        found = [
            (place, one)
            for place, one in self.simulation.market.billed(self.simulation.now)
            if (place, one.id) in recorded
        ]
        return found[which % len(found)] if found else None

    def preempt(self, which: int) -> None:
        found = self.known(which)
        if found:
            with suppress(NoSuchMachine):  # nobody sees it yet
                self.simulation.market.worlds[found[0]].stop(found[1].id, self.simulation.now)

    def person_destroys(self, which: int) -> None:
        found = self.known(which)
        if found:
            self.simulation.judge.ended_by_others.add((found[0], found[1].id))
            with suppress(NoSuchMachine):
                self.simulation.market.worlds[found[0]].destroy(found[1].id, self.simulation.now)

    def rate_rises(self, which: int, percent: int) -> None:
        found = self.known(which)
        if found:
            self.simulation.market.raise_rate(found[0], found[1], percent, self.simulation.now)

    def prices_move(self, place: str, percent: int) -> None:
        self.simulation.market.worlds[place].move_prices(percent)

    def relabel(self, which: int, label: str) -> None:
        found = self.known(which)
        if found:
            place, machine = found
            self._relabelled.append((place, machine.id, machine.label))
            self.simulation.judge.relabelled.add((place, machine.id))
            self.simulation.market.worlds[place].relabel(machine.id, label)

    def clone(self, which: int) -> None:
        found = self.known(which)
        if found:
            self._copy_at(found[0], found[1].label)

    def forge(self, place: str) -> None:
        """A machine under a mark of our lineage that no intent ever had."""
        mark = Mark(self.simulation.judge.part, "dev", 0, START + timedelta(hours=1), "forged00")
        self._copy_at(place, str(mark))

    def _copy_at(self, place: str, label: str | None) -> None:
        try:
            copy = self.simulation.market.worlds[place].place_foreign(self.simulation.now, label)
        except MarketError:
            return
        self.simulation.judge.copies.add((place, copy.id))

    def end_all(self) -> None:
        for place, machine_id, label in reversed(self._relabelled):
            self.simulation.market.worlds[place].relabel(machine_id, label)
