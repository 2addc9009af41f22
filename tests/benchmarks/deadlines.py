"""How late things are sent: a destroy after its lease end, a create after the rate allows it."""

from __future__ import annotations

import resource
import subprocess
import tempfile
from collections import deque
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from statistics import median
from time import process_time
from typing import TYPE_CHECKING

from reconciler.clock import process_seconds
from reconciler.market.faults import Fault
from reconciler.market.ledger import living
from reconciler.market.settings import MarketSettings
from reconciler.market.units import moment
from reconciler.market.world import World
from reconciler.model.exit_code import ExitCode
from reconciler.model.mark import parse_mark
from reconciler.model.value import dataclass
from reconciler.statefile.local_file import LocalFile
from tests.benchmarks.measure import Cost
from tests.benchmarks.workspaces import COMMAND, MARKET, running
from tests.markets import market_offer
from tests.simulation.shop import QUICKSTART, Shop, story

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from reconciler.market.faults import Call
    from reconciler.market.machine import Machine

_LEAD = timedelta(seconds=5)
_LONGEST_SECONDS = 120.0
_CREATES = 500
_RATE = 20


@dataclass(frozen=True, slots=True)
class Lateness:
    """Seconds from the lease end to the arrival of the destroy at the market, over all machines."""

    first: float
    median: float
    last: float
    cost: Cost

    def __str__(self) -> str:
        return f"first {self.first:.2f} s, median {self.median:.2f} s, last {self.last:.2f} s"


def expiry_to_destroy(directory: Path, *, fleets: int, nodes_each: int) -> Lateness:
    """The installed loop, all leases ending at one moment, in wall time. The cost is that of the
    loop from its start until the last destroy was sent.

    Raises ``RuntimeError`` when some are not sent within two minutes.
    """
    running(directory, fleets=fleets, nodes_each=nodes_each)
    with World.open(directory / MARKET) as world:
        clock = world.clock()
        state = LocalFile(directory / "state/bench.json", "bench", clock.now).read()
        assert state is not None
        ends = {name: lease.ends_at for name, lease in state.leases.items()}
        end = min(one for one in ends.values() if one is not None)
        world.advance(end - clock.now() - _LEAD)
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        loop = subprocess.Popen(
            [COMMAND, "reconcile", "--interval", "60s"],
            cwd=directory,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            _wait_for_all(world, fleets * nodes_each, loop)
        finally:
            loop.terminate()
            loop.wait()
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = used.ru_utime + used.ru_stime - before.ru_utime - before.ru_stime
        late = sorted(_late(one, ends) for one in world.all_machines())
    return Lateness(late[0], median(late), late[-1], Cost(cpu, None, None, 1))


def _wait_for_all(world: World, count: int, loop: subprocess.Popen[bytes]) -> None:
    begun = process_seconds()
    while sum(one.destroy_asked is not None for one in world.all_machines()) < count:
        if process_seconds() - begun > _LONGEST_SECONDS:
            left = len(living(world, world.clock().now()))
            raise RuntimeError(f"{left} machines outlive their end")
        with suppress(subprocess.TimeoutExpired):
            raise RuntimeError(f"the loop ended with {loop.wait(0.5)}")


def _late(machine: Machine, ends: Mapping[str, datetime | None]) -> float:
    mark = parse_mark(machine.label)
    assert mark is not None
    assert machine.destroy_asked is not None
    end = ends[mark.fleet]
    assert end is not None
    return (moment(machine.destroy_asked) - end).total_seconds()


@dataclass(frozen=True, slots=True)
class Pace:
    """``ratio``: the time that the creates took, over the least that the rate and one latency
    allow. ``refused``: how many the provider turned away for coming too early.
    """

    ratio: float
    refused: int
    cost: Cost

    def __str__(self) -> str:
        return f"{self.ratio:.3f} of the bound, {self.refused} refused"


def paced_creates(latency: timedelta) -> Pace:
    """500 creates at a provider that takes 20 requests a second and refuses the rest, in virtual
    time; the cost is the processor time of all of it.
    """
    interval = timedelta(seconds=1) / _RATE
    arrived: list[Call] = []
    refused: list[Call] = []
    window: deque[Call] = deque(maxlen=_RATE)

    def door(call: Call) -> Fault | None:
        if call.operation != "create_instance":
            return None
        early = len(window) == _RATE and call.at - window[0].at < timedelta(milliseconds=999)
        window.append(call)
        (refused if early else arrived).append(call)
        return Fault(error="rate-limited", done=False) if early else None

    async def told(shop: Shop) -> None:
        shop.provider.capabilities = replace(
            shop.provider.capabilities,
            parallel_calls=4,
            create_interval=interval,
            read_interval=interval,
        )
        documents = QUICKSTART.replace("    ttl: 4h", f"    ttl: 4h\n    nodes: {_CREATES}")
        result = await shop.apply(documents, options={"detach": True})
        if result.code is not ExitCode.DONE or len(shop.alive()) != _CREATES:
            raise RuntimeError(f"apply ended with {result.code!r}")

    settings = MarketSettings(
        price_swing_percent=0, others_rent_percent=0, spot_life=None, call_latency=latency
    )
    begun = process_time()
    with tempfile.TemporaryDirectory() as place:
        offer = market_offer("o1", stock=_CREATES)
        story(Path(place), told, offer, settings=settings, fault_hook=door)
    cost = Cost(process_time() - begun, None, None, 1)
    bound = (_CREATES - 1) * interval + latency
    took = arrived[-1].at - arrived[0].at + latency
    return Pace(took / bound, len(refused), cost)
