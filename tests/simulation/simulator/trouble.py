"""What goes wrong in a run: begun by steps of the schedule, ended when its time is over."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from reconciler.market.faults import Call, Fault
from reconciler.model.value import dataclass
from tests.simulation.simulator.catalogue import CALL_FAULTS, EVERYWHERE, STANDING
from tests.simulation.simulator.disk_trouble import DiskTrouble
from tests.simulation.simulator.market_conditions import MarketConditions
from tests.simulation.simulator.market_trouble import MarketTrouble
from tests.simulation.simulator.operator_trouble import OperatorTrouble
from tests.simulation.simulator.process_trouble import ProcessTrouble
from tests.simulation.simulator.schedule import Step

if TYPE_CHECKING:
    from tests.simulation.simulator.process import Process
    from tests.simulation.simulator.simulation import Simulation

_STALE = timedelta(minutes=11)
"""A machine hidden for ten minutes may still be unlisted that long after its fault is over."""


@dataclass(slots=True)
class _Active:
    number: str
    place: str
    fault: Fault
    operations: tuple[str, ...]
    percent: int
    until: datetime
    times: int | None


class Troubles:
    """Of one simulation."""

    def __init__(self, simulation: Simulation) -> None:
        self.simulation = simulation
        self.chance = random.Random(f"trouble {simulation.schedule.seed}")
        self.active: list[_Active] = []
        self.call_faults = frozenset(CALL_FAULTS)
        self.ends: list[tuple[datetime, str, Callable[[], None]]] = []
        self.untold: set[str] = set(STANDING)
        """Faults that the next command will meet."""
        self._sick: list[tuple[str, datetime]] = []
        self.processes = ProcessTrouble(self)
        self.disk = DiskTrouble(self)
        self.market = MarketTrouble(self)
        self.conditions = MarketConditions(self)
        self.operators = OperatorTrouble(self)

    @property
    def now(self) -> datetime:
        return self.simulation.now

    def begin(self, step: Step, arguments: dict[str, Any]) -> None:
        self.untold.add(step.number)
        if step.kind == "fault":
            self._fault(step.number, **arguments)
            return
        parts = (self.processes, self.disk, self.market, self.conditions, self.operators)
        (begins,) = (getattr(part, step.kind) for part in parts if hasattr(part, step.kind))
        begins(**arguments)

    # --- calls ------------------------------------------------------------------------------

    def _fault(
        self, number: str, place: str, percent: int, minutes: int, times: int | None
    ) -> None:
        self.untold.discard(number)  # known when a call meets it
        operations, fault = CALL_FAULTS[number]
        until = self.now + timedelta(minutes=minutes)
        self.active.append(_Active(number, place, fault, operations, percent, until, times))
        places = list(self.simulation.market.worlds) if place == EVERYWHERE else [place]
        self.sick_until(until + _STALE, places)

    def sell_nothing(self, number: str, place: str, minutes: int) -> None:
        """Every order is refused."""
        until = self.now + timedelta(minutes=minutes)
        refused = Fault(error="refused")
        self.active.append(_Active(number, place, refused, ("create_instance",), 100, until, None))

    def of_call(self, process: Process, place: str, call: Call) -> Fault | None:
        for one in self.active:
            if one.place not in (place, EVERYWHERE) or call.operation not in one.operations:
                continue
            if one.times == 0 or one.until <= self.now or self.chance.randrange(100) >= one.percent:
                continue
            if one.times is not None:
                one.times -= 1
            process.met.add(one.number)
            return one.fault
        return None

    def sick_until(self, moment: datetime, places: Iterable[str]) -> None:
        """What these places say until then proves nothing about a pass over them."""
        self._sick += [(place, moment) for place in places]

    def unhealthy_since(self, moment: datetime) -> set[str]:
        return {place for place, until in self._sick if until >= moment}

    # --- ends -------------------------------------------------------------------------------

    def later(self, ticks: int, what: str, end: Callable[[], None]) -> None:
        after = timedelta(seconds=ticks * self.simulation.schedule.tick_seconds)
        self.ends.append((self.now + after, what, end))

    def end_what_is_over(self) -> None:
        due = [one for one in self.ends if one[0] <= self.now]
        self.ends = [one for one in self.ends if one[0] > self.now]
        for _, what, end in due:
            self.simulation.say(what)
            end()

    def end_all(self) -> None:
        for _, _, end in self.ends:
            end()
        self.ends.clear()
        self.active.clear()
        self.untold.clear()
        self.processes.dooms.clear()
        self.operators.skews.clear()
        self.simulation.disk.heal()
        self.market.end_all()
        self.conditions.end_all()
