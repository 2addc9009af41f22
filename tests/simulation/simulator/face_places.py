"""Places of a run that are rented through a real adapter: it speaks HTTP, in memory, to the face of
the same market, in virtual time.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from reconciler.market.errors import NoSuchMachine
from reconciler.market.faces import lambda_rows, runpod_names, tensordock_rows
from reconciler.market.faces.exchange import FaceAnswer, FaceRequest
from reconciler.market.faults import Call, Fault
from reconciler.market.ledger import living
from reconciler.model.value import dataclass
from reconciler.planning.gpu_check import MARKER
from reconciler.transport.ssh_login import Login
from tests.faces import (
    FaceWire,
    LambdaWire,
    RunpodWire,
    TensorDockWire,
    VastWire,
    lambda_provider,
    runpod_provider,
    tensordock_provider,
    vast_provider,
)
from tests.simulation.simulator.places import PLACES

if TYPE_CHECKING:
    from reconciler.market.world import World
    from reconciler.model.instance import SshEndpoint
    from reconciler.providers.base import Provider
    from tests.simulation.simulator.book import Book
    from tests.simulation.simulator.process import Process

ONE_IN = 16
"""Of so many schedules one has such a place."""
_LEAST_WAY = timedelta(milliseconds=20)
Hook = Callable[[Call], Fault | None]
Carry = Callable[["SimulatedWire", FaceRequest], Any]


@dataclass(frozen=True, slots=True)
class Kind:
    """A real provider. ``ledger_id``: the market's number of a machine that it calls so."""

    wire: Callable[..., FaceWire]
    adapter: Callable[..., Provider]
    ledger_id: Callable[[str], str | None]


KINDS = {
    "vastai": Kind(VastWire, vast_provider, str),
    "runpod": Kind(RunpodWire, runpod_provider, runpod_names.machine_id),
    "tensordock": Kind(TensorDockWire, tensordock_provider, tensordock_rows.machine_id),
    "lambda": Kind(LambdaWire, lambda_provider, lambda_rows.machine_id),
}


@dataclass(frozen=True, slots=True)
class Rented:
    """Which place of a run is rented through which real adapter."""

    place: str
    provider: str

    def __str__(self) -> str:
        return f"{self.place} is {self.provider}"


def drawn_face(seed: int) -> Rented | None:
    """By the seed alone, so that every other schedule is what it was without such places."""
    chance = random.Random(f"face {seed}")
    if chance.randrange(ONE_IN):
        return None
    place = chance.choice(PLACES).name
    return Rented(place, chance.choice(list(KINDS)))


class SimulatedWire(FaceWire):
    """The wire of one process to the face. ``hook`` is asked about every call that arrives there,
    ``carry`` decides how a request and its answer travel.
    """

    process: Process
    hook: Hook
    carry: Carry

    async def handle_async_request(self, request: Any) -> Any:
        asked = FaceRequest.of(
            request.method, request.url.raw_path.decode(), request.headers, request.content
        )
        await self.clock.sleep(self.latency.total_seconds() / 2)
        return await self.carry(self, asked)

    def done(self, asked: FaceRequest, forced: Fault | None = None) -> FaceAnswer:
        """What the provider answers. ``forced``: what becomes of the call whatever the hook says,
        which hears of it all the same.
        """
        world: Book = self.world  # type: ignore[assignment]
        world.hook = self.hook if forced is None else lambda call: (self.hook(call), forced)[1]
        try:
            return self.face.handle_at(world, asked, self.clock.now())
        finally:
            world.hook = None


class FacePlace:
    """One place of one run: the face itself, which counts the calls of all processes."""

    def __init__(self, rented: Rented, world: World) -> None:
        self.rented = rented
        self.world = world
        self.kind = KINDS[rented.provider]
        self._face = self.kind.wire(world, None).face

    def adapter(self, process: Process, hook: Hook, carry: Carry, account: str | None) -> Provider:
        """As ``process`` opens it. ``account``: what it is told of itself, if not the truth."""
        way = max(_LEAST_WAY, self.world.settings.call_latency)
        wire = SimulatedWire(self.world, process.true_clock, latency=way, face=self._face)
        wire.process, wire.hook, wire.carry = process, hook, carry
        made = self.kind.adapter(wire, name=self.rented.place, clock=process.clock)
        if account is not None:
            made._account = account  # type: ignore[attr-defined]
        return made

    def named(self, place: str, instance_id: str) -> str:
        """What the market calls a machine that the provider at ``place`` calls so."""
        if place != self.rented.place:
            return instance_id
        return self.kind.ledger_id(instance_id) or ""

    def looked_into(self, endpoint: SshEndpoint, now: datetime) -> Login:
        """What a login at this address comes to."""
        for machine in living(self.world, now):
            if machine.ssh_host != endpoint.host:
                continue
            try:
                inside = self.world.gpus_inside(machine.id, now)
            except NoSuchMachine:
                break
            line = f"NVIDIA {inside.gpu}, {inside.gpu_memory_bytes // 2**20} MiB, 550.54.14\n"
            return Login("done", f"{MARKER}\n{line * inside.gpu_count}CUDA Version : 12.4\n")
        return Login("unreachable", why="Connection timed out")
