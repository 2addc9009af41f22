"""What a lease protects stays: also from a command whose plan is older than the protection (I4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.reason import DestroyReason

if TYPE_CHECKING:
    from tests.simulation.simulator.judge import Judge
    from tests.simulation.simulator.process import Process

_HELD_BACK = (DestroyReason.UNDECLARED, DestroyReason.SCALED_DOWN, DestroyReason.DRIFTED)
"""Of a machine that does its work. One that failed before it was handed over is nobody's yet."""


class Protection:
    """Of one judge."""

    def __init__(self, judge: Judge) -> None:
        self._judge = judge
        self._when_taken: dict[Process, tuple[frozenset[str], frozenset[str]]] = {}
        """By process: the fleets that were protected, and the marks that were doomed already."""

    def taken(self, process: Process) -> None:
        state = self._judge.state()
        leases = state.leases.values() if state else ()
        fleets = frozenset(one.fleet for one in leases if one.prevent_destroy)
        if state is not None and fleets:
            doomed = frozenset(m for m, one in state.instances.items() if one.doom is not None)
            self._when_taken[process] = fleets, doomed

    def destroyed(self, process: Process, place: str, instance_id: str) -> None:
        fleets, doomed = self._when_taken.get(process, (frozenset(), frozenset()))
        state = self._judge.state()
        if not fleets or state is None:
            return
        for mark, one in state.instances.items():
            if (one.provider, one.instance_id) != (place, instance_id) or one.fleet not in fleets:
                continue
            lease = state.leases.get(one.fleet)
            held = lease is not None and lease.prevent_destroy and mark not in doomed
            wrong = held and one.doom is not None and one.doom.reason in _HELD_BACK
            self._judge.require("I4", not wrong, f"{one.slot} is protected and was destroyed")
