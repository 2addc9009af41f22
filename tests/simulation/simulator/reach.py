"""Reachable or dead (I29): who may log in is durable before a machine is bought, and a command that
looked into one and was not let in neither hands it over nor keeps it.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import TYPE_CHECKING

from reconciler.model.hand_over import DEFAULT_READY_ATTEMPTS, DEFAULT_READY_TIMEOUT
from reconciler.model.mark import parse_mark
from tests.simulation.simulator.logins import has_key
from tests.simulation.simulator.places import LOGGED_IN

if TYPE_CHECKING:
    from reconciler.model.outcome import SlotOutcome
    from reconciler.operations.run import RunResult
    from tests.simulation.simulator.judge import Judge
    from tests.simulation.simulator.process import Process

_WORD_ALONE = "by its provider's word alone"


class Reach:
    """Of one judge. The documents of a run leave `ready` at its defaults."""

    def __init__(self, judge: Judge) -> None:
        self._judge = judge

    def bought(self, label: str) -> None:
        """A create was sent: the private key that opens it is on the platter."""
        judge = self._judge
        mark = parse_mark(label)
        durable = judge.memory.on_platter(judge.private_key) is not None
        judge.require("I29", mark and durable, f"{label} was bought, and its key can be lost")

    def looked_into(self, process: Process, result: RunResult, now: datetime) -> None:
        """What a command says of machines that never let anybody in."""
        for one in result.outcomes:
            if one.action == "ready" and one.mark and self._is_sealed(one.mark):
                self._told(process, one, now)
        bought = Counter(one.slot for one in result.outcomes if one.action == "create" and one.done)
        for slot, times in bought.items():
            said = f"{process.name} bought {times} machines for {slot}"
            self._judge.require("I29", times <= DEFAULT_READY_ATTEMPTS, said)

    def _is_sealed(self, mark: str) -> bool:
        """It was made without any key, at a place where one logs in."""
        judge = self._judge
        for place in LOGGED_IN:
            if place == judge.by_face:
                continue  # it keeps what was ordered in words of its own
            world = judge.market.worlds[place]
            for one in world.machines():
                if judge.label_of(place, one) == mark and (place, one.id) not in judge.copies:
                    return not has_key(world, one)
        return False

    def _told(self, process: Process, told: SlotOutcome, now: datetime) -> None:
        state = self._judge.state()
        record = state.instances.get(told.mark) if state else None
        if told.done:
            old = record is None or now >= record.created_at + DEFAULT_READY_TIMEOUT
            said = f"{process.name} hands {told.mark} over: {told.detail}"
            self._judge.require("I29", old and _WORD_ALONE in told.detail, said)
        elif told.detail.startswith("ssh: "):
            looked_at_later = "the next run looks again" in told.detail
            doomed = record is None or record.doom is not None
            said = f"{process.name} keeps {told.mark}: {told.detail}"
            self._judge.require("I29", doomed or looked_at_later, said)
