"""What goes wrong on the way to the one place of a run that is rented through a real adapter."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from reconciler.model.value import dataclass
from tests.simulation.simulator.wire_faults import BESIDE, WireFault, fresh
from tests.simulation.simulator.wire_lines import Exchange

if TYPE_CHECKING:
    from reconciler.market.faces.exchange import FaceRequest
    from tests.simulation.simulator.face_places import SimulatedWire
    from tests.simulation.simulator.trouble import Troubles

_STALE = timedelta(minutes=11)
"""As of the faults of the market: what it hid may stay unseen that long."""


@dataclass(slots=True)
class _Active:
    number: str
    fault: WireFault
    aims: tuple[str, ...]
    percent: int
    until: datetime
    times: int | None


class WireTrouble:
    """``on_the_wire`` is a kind of step."""

    def __init__(self, troubles: Troubles) -> None:
        self.troubles = troubles
        self.simulation = troubles.simulation
        self.chance = random.Random(f"wire {self.simulation.schedule.seed}")
        self.active: list[_Active] = []
        self._faults = fresh()

    def on_the_wire(
        self, number: str, aim: str, percent: int, minutes: int, times: int | None
    ) -> None:
        self.troubles.untold.discard(number)  # known when a request meets it
        fault = self._faults[number]
        until = self.simulation.now + timedelta(minutes=minutes)
        aims = fault.aims if aim == "all" else (aim,)
        self.active.append(_Active(number, fault, aims, percent, until, times))
        face = self.simulation.schedule.face
        if face is not None and not fault.harmless:
            self.troubles.sick_until(until + _STALE, [face.place])

    async def carried(self, wire: SimulatedWire, asked: FaceRequest) -> Any:
        """A request and its answer, however they travel."""
        exchange = Exchange(wire, asked, self.chance)
        found = self._met(operation_of(asked)) if self.active else None
        if found is None:
            return await exchange.back(exchange.done())
        wire.process.met.add(found.number)
        path = "/".join(asked.segments)
        self.simulation.say(f"{wire.process.name} {asked.method} {path} {found.number}")
        return await self.chance.choice(found.fault.ways)(exchange)

    def _met(self, operation: str) -> _Active | None:
        now = self.simulation.now
        for one in self.active:
            if operation not in one.aims or one.times == 0 or one.until <= now:
                continue
            if operation == BESIDE and one.fault.forges and not self._account_is_known():
                continue
            if self.chance.randrange(100) >= one.percent:
                continue
            if one.times is not None:
                one.times -= 1
            return one
        return None

    def _account_is_known(self) -> bool:
        """Nobody can tell a wrong account from the right one where neither was seen before."""
        state, face = self.simulation.judge.state(), self.simulation.schedule.face
        return bool(state and face and face.place in state.providers)


_LISTINGS = ("instances", "pods")
_OFFERS = {"bundles", "gpus", "hostnodes", "instance-types"}


def operation_of(asked: FaceRequest) -> str:
    """Which of a provider's operations a request to any of the faces carries out."""
    last, method = asked.segments[-1], asked.method
    before = asked.segments[-2] if len(asked.segments) > 1 else ""
    if last in _OFFERS:
        return "list_offers"
    if last == "launch" or before == "asks" or (method == "POST" and last in _LISTINGS):
        return "create_instance"
    if last == "terminate" or method == "DELETE":
        return "destroy_instance"
    if method == "GET" and last in _LISTINGS:
        return "list_instances"
    return "get_instance" if before in _LISTINGS else BESIDE
