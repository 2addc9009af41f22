"""What people do in a run beside what they mean to: all at once, in the wrong place, too late."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from reconciler.market.errors import NoSuchMachine

if TYPE_CHECKING:
    from tests.simulation.simulator.trouble import Troubles

ELSEWHERE = ("demo", "other")
"""Names of the workspace in a directory that has no state: a copy of ours, and another one."""


class PeopleTrouble:
    """Each public method is a kind of step."""

    def __init__(self, troubles: Troubles) -> None:
        self.troubles = troubles
        self.simulation = troubles.simulation

    def contention(self, ticks: int) -> None:
        """Everybody at once, again and again."""
        for turn in range(ticks):
            self.troubles.then(turn, "everybody at once", self._all_at_once)
        self._all_at_once()

    def _all_at_once(self) -> None:
        for who, verb in (("laptop", "apply"), ("ci", "apply"), ("cron", "reconcile")):
            self.simulation.start(verb, who=who)

    def wrong_place(self, name: str, verb: str) -> None:
        """A command in another directory, where a state of its own would be."""
        if name != "demo" or self.simulation.judge.trust.makes_namesakes():
            self.simulation.start(verb, who="laptop", elsewhere=name)

    def old_plan(self, ticks: int) -> None:
        self.simulation.start("save", who="ci")
        late = partial(self.simulation.start, "apply_saved", who="ci")
        self.troubles.then(ticks, "a plan from before", late)

    def bad_branch(self, documents: int, ticks: int) -> None:
        """Merged by mistake, and applied by a pipeline without a question, again and again."""
        apply = partial(self.simulation.start, "apply", who="ci", documents=documents)
        for turn in range(1, ticks + 1):
            self.troubles.then(turn, "the pipeline applies", apply)
        apply()

    def console(self, place: str) -> None:
        """Somebody tidies up at a provider, by hand: all that is ours there is destroyed."""
        simulation = self.simulation
        judge = simulation.judge
        for name, machine in simulation.market.billed(simulation.now):
            key = (name, machine.id)
            others = key in judge.strangers or key in judge.copies
            if name == place and not others and machine.label not in judge.neighbours:
                judge.ended_by_others.add(key)
                with suppress(NoSuchMachine):
                    simulation.market.worlds[place].destroy(machine.id, simulation.now)
