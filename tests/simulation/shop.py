"""The real operations on a market in memory, in virtual time: one value to drive a whole story."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

from reconciler.clock import LoopClock
from reconciler.documents.loader import load_text
from reconciler.execution.interruption import Interruption
from reconciler.market.faults import FaultHook
from reconciler.market.ledger import living
from reconciler.market.machine import Machine
from reconciler.market.offer import MarketOffer
from reconciler.market.settings import CALM, MarketSettings
from reconciler.market.world import World
from reconciler.model.address import parse_address
from reconciler.model.fleet import DesiredState
from reconciler.model.hand_over import SshFiles
from reconciler.model.instance import SshEndpoint
from reconciler.model.plan import Mode, Plan, PlanRequest
from reconciler.model.progress import SlotProgress
from reconciler.model.record import RecordedState
from reconciler.operations.apply import apply_fleets
from reconciler.operations.lease_verbs import extend_lease, release_fleet
from reconciler.operations.plan import plan_fleets
from reconciler.operations.reconcile import reconcile_once
from reconciler.operations.run import RunOptions, RunResult
from reconciler.operations.workspace import Workspace
from reconciler.planning.gpu_check import MARKER
from reconciler.providers.registry import OpenedProviders
from reconciler.providers.simulated.provider import SimulatedProvider
from reconciler.statefile.local_file import LocalFile
from reconciler.transport.ssh_login import Login
from tests.canaries import PLANTED
from tests.markets import START, market_offer, small_world
from tests.virtual_time import run_virtual

Result = TypeVar("Result")

QUICKSTART = """
version: 1
workspace: demo
providers: {simulated: {}}
fleets:
  dev:
    resources: {gpu: RTX4090}
    ttl: 4h
"""
NO_FLEETS = """
version: 1
workspace: demo
providers: {simulated: {}}
fleets: {}
"""


def several_offers(count: int = 6, **changes: Any) -> tuple[MarketOffer, ...]:
    """Like offers on different hosts, each a little dearer than the one before."""
    return tuple(
        market_offer(f"o{number}", base_microusd=400_000 + 5_000 * number, **changes)
        for number in range(1, count + 1)
    )


@lru_cache(maxsize=256)
def _read(documents: str) -> DesiredState:
    """Read once for all verbs: a tenth of the time of a story went into its own documents."""
    return load_text("fleets.yaml", documents.encode())


class Shop:
    """One workspace over one market. Use it inside ``story``."""

    def __init__(self, directory: Path, world: World, fault_hook: FaultHook | None = None) -> None:
        self.directory = directory
        self.world = world
        self.clock = LoopClock(START)
        self.provider = SimulatedProvider("simulated", world, self.clock, fault_hook)
        self.interruption = Interruption()
        self.progress: list[SlotProgress] = []
        self.plans: list[Plan] = []
        self.documents = QUICKSTART
        self.environ: dict[str, str] = dict(PLANTED)

    @property
    def now(self) -> datetime:
        return self.clock.now()

    def workspace(self, documents: str | None = None) -> Workspace:
        text = self.documents if documents is None else documents
        desired = _read(text)
        path = self.directory / "state" / "demo.json"
        return Workspace(
            directory=self.directory,
            name="demo",
            desired=desired,
            documents_error=None,
            backend=LocalFile(path, "demo", self.clock.now, audited=True),
            opened=self.opened(),
            environ=self.environ,
            ssh=self.log_in,
        )

    async def log_in(
        self, endpoint: SshEndpoint, alias: str, files: SshFiles, command: str, seconds: float
    ) -> Login:
        """What a login comes to: no subprocess has a place in virtual time."""
        await self.clock.sleep(1)
        return self.driver_at(self.world, endpoint)

    def driver_at(self, world: World, endpoint: SshEndpoint) -> Login:
        """What the driver says of the machine of ``world`` that has this address."""
        machine = next(one for one in living(world, self.now) if one.ssh_host == endpoint.host)
        inside = world.gpus_inside(machine.id, self.now)
        line = f"NVIDIA {inside.gpu}, {inside.gpu_memory_bytes // 2**20} MiB, 550.54.14\n"
        cuda = f"CUDA Version : {inside.cuda}\n" if inside.cuda else ""
        return Login("done", f"{MARKER}\n{line * inside.gpu_count}{cuda}")

    def opened(self) -> OpenedProviders:
        """What the workspace rents from."""
        return OpenedProviders({"simulated": self.provider}, self.clock)

    def options(self, **changes: Any) -> RunOptions:
        fields: dict[str, Any] = {
            "progress": self.progress.append,
            "show": self.plans.append,
            "interruption": self.interruption,
        }
        return RunOptions(**{**fields, **changes})

    async def plan(self, documents: str | None = None, **request: Any) -> Plan:
        return await plan_fleets(self.workspace(documents), _request(Mode.APPLY, request))

    async def apply(
        self, documents: str | None = None, *, options: dict[str, Any] | None = None, **request: Any
    ) -> RunResult:
        """Apply ``documents`` (kept for later verbs), approved without asking."""
        if documents is not None:
            self.documents = documents
        wanted = _request(Mode.APPLY, request)
        return await apply_fleets(self.workspace(), wanted, self.options(**(options or {})))

    async def destroy(self, *targets: str, **options: Any) -> RunResult:
        wanted = PlanRequest(
            Mode.DESTROY, targets=tuple(parse_address(one) for one in targets), fused=False
        )
        return await apply_fleets(self.workspace(), wanted, self.options(**options))

    async def reconcile(self, documents: str | None = None, **request: Any) -> RunResult:
        """One pass of the loop over ``documents``, which are not applied by it."""
        wanted = _request(Mode.LOOP, request)
        options = self.options(wait=False)
        return await reconcile_once(self.workspace(documents), wanted, options)

    async def extend(self, fleet: str, by: timedelta) -> datetime:
        moved = await extend_lease(self.workspace(), fleet, by, lock_timeout_seconds=0)
        return moved.after

    async def release(self, fleet: str) -> RunResult:
        return await release_fleet(self.workspace(), fleet, self.options())

    async def wait(self, duration: timedelta) -> None:
        await self.clock.sleep(duration.total_seconds())

    def state(self) -> RecordedState:
        found = self.workspace().backend.read()
        assert found is not None
        return found

    def alive(self) -> tuple[Machine, ...]:
        """What the market bills now: the truth."""
        return living(self.world, self.now)

    def sent(self, operation: str) -> int:
        """How many calls of one kind reached the market."""
        return sum(1 for call in self.world.calls() if call.operation == operation)


def _request(mode: Mode, changes: dict[str, Any]) -> PlanRequest:
    targets = tuple(parse_address(text) for text in changes.pop("targets", ()))
    return PlanRequest(mode, targets=targets, **changes)


def story(
    directory: Path,
    tell: Callable[[Shop], Awaitable[Result]],
    *offers: MarketOffer,
    settings: MarketSettings = CALM,
    fault_hook: FaultHook | None = None,
) -> Result:
    """Run ``tell`` on a new market in virtual time."""

    async def told() -> Result:
        with small_world(*(offers or several_offers()), settings=settings) as world:
            return await tell(Shop(directory, world, fault_hook))

    return run_virtual(told)
