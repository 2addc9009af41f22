"""What must be true once there are no more faults: all that is declared runs, and later nothing."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING

from tests.simulation.simulator.broken import Broken

if TYPE_CHECKING:
    from datetime import datetime

    from reconciler.model.record import InstanceRecord
    from tests.simulation.simulator.judge import Judge

_SOON = timedelta(minutes=10)


class Convergence:
    """Of one judge."""

    def __init__(self, judge: Judge) -> None:
        self._judge = judge

    def converged(self, now: datetime, wanted: set[tuple[str, int]]) -> None:
        state = self._judge.state()
        self._judge.require("I18", state is not None, "nothing is recorded")
        assert state is not None
        slots = Counter((mark.fleet, mark.index) for _, mark in self._judge.parsed(now))
        # A pass that died had adopted it; under our mark and as declared it is as good as ours.
        adopted = [
            one
            for one in state.instances.values()
            if (one.provider, one.instance_id) in self._judge.copies and one.doom is None
        ]
        slots.update((one.fleet, one.index) for one in adopted)
        doubled = [slot for slot, count in slots.items() if count > 1]
        self._judge.require("I3", not doubled, f"two in one slot: {doubled}")
        # Held by a record whose id names somebody else's machine now: nobody is sure of it (C2.13).
        held = {(one.fleet, one.index) for one in state.instances.values() if self._is_reused(one)}
        agree = set(slots) - held == wanted - held
        self._judge.require("I18", agree, f"runs {sorted(slots)}, not {sorted(wanted)}")
        recorded = {
            (one.provider, one.instance_id)
            for one in state.instances.values()
            if not self._is_reused(one)
        }
        living = {(place, one.id) for place, one in self._judge.market.billed(now)}
        unproven = recorded - living
        self._judge.require("I18", not unproven, f"recorded, and does not run: {unproven}")
        blocked = [one.mark for one in state.intents.values() if one.blocks_slot]
        self._judge.require("I18", not blocked, f"unresolved: {blocked}")

    def has_converged(self, now: datetime, wanted: set[tuple[str, int]]) -> bool:
        """And nothing is left to learn, or to end: machines that were found are known to be ready,
        and none that was let go comes to its end just now.
        """
        try:
            self.converged(now, wanted)
        except Broken:
            return False
        state = self._judge.state()
        if state is None:
            return False
        soon = now + _SOON
        ending = [one for one in state.let_go.values() if one.ends_at and one.ends_at <= soon]
        return not ending and all(one.ready_at for one in state.instances.values())

    def state_is_empty(self) -> bool:
        state = self._judge.state()
        return state is None or all(map(self._is_reused, state.instances.values()))

    def _is_reused(self, record: InstanceRecord) -> bool:
        """Its id names somebody else's machine now (C2.13): no listing will ever lack it, and each
        run says so (exit 11) until a person lets the record go.
        """
        return record.instance_id in self._judge.market.worlds[record.provider].known_as

    def all_gone(self, now: datetime) -> None:
        left = [mark for _, mark in self._judge.ours(now)]
        self._judge.require("I1", not left, f"nobody renewed, and still billed: {left}")
        state = self._judge.state()
        every = state.instances.items() if state else ()
        kept = [mark for mark, one in every if not self._is_reused(one)]
        self._judge.require("I18", not kept, f"nothing runs, and still recorded: {kept}")
