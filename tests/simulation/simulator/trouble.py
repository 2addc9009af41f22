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
from tests.simulation.simulator.host_trouble import HostTrouble
from tests.simulation.simulator.market_conditions import MarketConditions
from tests.simulation.simulator.market_trouble import MarketTrouble
from tests.simulation.simulator.operator_trouble import OperatorTrouble
from tests.simulation.simulator.people_trouble import PeopleTrouble
from tests.simulation.simulator.process_trouble import ProcessTrouble
from tests.simulation.simulator.provider_trouble import ProviderTrouble
from tests.simulation.simulator.schedule import Step
from tests.simulation.simulator.state_trouble import StateTrouble
from tests.simulation.simulator.wire_faults import WIRE_FAULTS
from tests.simulation.simulator.wire_trouble import WireTrouble

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
        self.call_faults = frozenset(CALL_FAULTS) | {
            number for number, one in WIRE_FAULTS.items() if not one.harmless
        }
        self.ends: list[tuple[datetime, str, Callable[[], None]]] = []
        self.plans: list[tuple[datetime, str, Callable[[], object]]] = []
        """What is still to come; forgotten when there are no more faults."""
        self.timing_off_until = self.now
        self.untold: set[str] = set(STANDING)
        """Faults that the next command will meet."""
        self._sick: list[tuple[str, datetime]] = []
        self.processes = ProcessTrouble(self)
        self.disk = DiskTrouble(self)
        self.market = MarketTrouble(self)
        self.conditions = MarketConditions(self)
        self.operators = OperatorTrouble(self)
        self.wire = WireTrouble(self)
        self.states = StateTrouble(self)
        self.host = HostTrouble(self)
        self.providers = ProviderTrouble(self)
        self.people = PeopleTrouble(self)
        simulation.judge.dark = lambda process: self.unhealthy_since(process.begun)

    @property
    def now(self) -> datetime:
        return self.simulation.now

    def begin(self, step: Step, arguments: dict[str, Any]) -> None:
        self.untold.add(step.number)
        if step.kind == "fault":
            self._fault(step.number, **arguments)
            return
        (begins,) = (getattr(part, step.kind) for part in self._parts if hasattr(part, step.kind))
        begins(**arguments)

    @property
    def _parts(self) -> tuple[object, ...]:
        return (
            self.processes,
            self.disk,
            self.market,
            self.conditions,
            self.operators,
            self.states,
            self.host,
            self.providers,
            self.people,
            self.wire,
        )

    def prepare(self, process: Process) -> None:
        """A command is about to begin."""
        self.processes.prepare(process)
        self.providers.prepare(process)
        self.host.prepare(process)

    # --- calls ------------------------------------------------------------------------------

    def _fault(
        self, number: str, place: str, percent: int, minutes: int, times: int | None
    ) -> None:
        self.untold.discard(number)  # known when a call meets it
        operations, fault = CALL_FAULTS[number]
        self.fail(number, place, operations, fault, percent, minutes, times)

    def fail(
        self,
        number: str,
        place: str,
        operations: tuple[str, ...],
        fault: Fault,
        percent: int,
        minutes: int,
        times: int | None = None,
    ) -> None:
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
        if process.cut_off:
            process.cut_off = False
            return Fault(error="unavailable", done=self.chance.random() < 0.5)
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

    def then(self, ticks: int, what: str, act: Callable[[], object]) -> None:
        """As ``later``, of what does not happen once there are no more faults."""
        after = timedelta(seconds=ticks * self.simulation.schedule.tick_seconds)
        self.plans.append((self.now + after, what, act))

    def timing_is_off_for(self, ticks: int) -> None:
        """No pass that begins before then proves how fast we are, or what we have spent."""
        after = timedelta(seconds=ticks * self.simulation.schedule.tick_seconds)
        self.timing_off_until = max(self.timing_off_until, self.now + after + _STALE)

    def end_what_is_over(self) -> None:
        now = self.now
        due = [one for one in (*self.ends, *self.plans) if one[0] <= now]
        if due:
            self.ends = [one for one in self.ends if one[0] > now]
            self.plans = [one for one in self.plans if one[0] > now]
        for _, what, end in due:
            self.simulation.say(what)
            end()
        self.states.go_on()

    def end_all(self) -> None:
        for _, _, end in self.ends:
            end()
        self.ends.clear()
        self.plans.clear()
        self.states.waiting.clear()
        self.active.clear()
        self.wire.active.clear()
        self.untold.clear()
        self.processes.dooms.clear()
        self.operators.skews.clear()
        self.simulation.disk.heal()
        self.market.end_all()
        self.conditions.end_all()
        self.providers.end_all()
