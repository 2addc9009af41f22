"""The whole trip at a provider's face: the same market and verbs, the real adapter in between."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from reconciler.clock import LoopClock, SystemClock
from reconciler.inventory.kept_offers import KeptOffers
from reconciler.market.machine import Machine
from reconciler.market.offer import MarketOffer
from reconciler.market.settings import CALM, MarketSettings
from reconciler.market.world import World
from reconciler.operations.workspace import Workspace
from reconciler.providers.base import Provider
from reconciler.providers.registry import OpenedProviders
from reconciler.statefile.local_file import LocalFile
from tests.faces import Change, FaceWire
from tests.markets import START, small_world
from tests.simulation.shop import QUICKSTART, Shop, several_offers
from tests.virtual_time import run_virtual

Result = TypeVar("Result")
AnyShop = TypeVar("AnyShop", bound="FaceShop")


def quickstart(provider: str) -> str:
    """The documents of the quick start, for this provider."""
    return QUICKSTART.replace("simulated", provider)


class FaceShop(Shop):
    """One workspace whose only provider is a real one, over a wire that a test may spoil."""

    wire: FaceWire
    adapter: Provider

    def __init__(self, directory: Path, world: World) -> None:
        super().__init__(directory, world)
        self.true_clock = LoopClock(START)
        """What the provider goes by."""
        self.wall = LoopClock(START)
        """This machine's wall clock, which a test may let jump."""
        self.boot_id = "boot-1"
        self.trust_clock = False
        self.keeps_offers = False
        """As the installed command does; most stories are told without."""
        self.boot_seconds_lost = 0.0
        self.machine = SystemClock(
            self.wall.now, lambda: self.wall.elapsed_seconds() - self.boot_seconds_lost
        )

    def rents_from(self, name: str, adapter: Provider) -> None:
        self.documents = quickstart(name)
        self.adapter = adapter

    def opened(self) -> OpenedProviders:
        return OpenedProviders({self.adapter.name: self.adapter}, self.machine)

    def workspace(self, documents: str | None = None) -> Workspace:
        """As a process that begins now opens it."""
        self.machine.settle(self.wall.now())
        self.machine._heard.clear()
        made = super().workspace(documents)
        path = self.directory / "state" / "demo.json"
        made.backend = LocalFile(path, "demo", self.machine.now, audited=True)
        made.boot_id, made.trust_clock = self.boot_id, self.trust_clock
        if self.keeps_offers:
            made.kept_offers = KeptOffers(self.directory / "offers.json")
        return made

    def id_of(self, machine: Machine) -> str:
        """What the provider calls a machine of the market."""
        return machine.id

    def spoil(self, change: Change | None) -> None:
        """Let answers be changed on their way back; None: no longer."""
        self.wire.change = change


def face_story(
    shop: Callable[[Path, World], AnyShop],
    directory: Path,
    tell: Callable[[AnyShop], Awaitable[Result]],
    *offers: MarketOffer,
    settings: MarketSettings = CALM,
) -> Result:
    """Run ``tell`` on a new market in virtual time."""

    async def told() -> Result:
        with small_world(*(offers or several_offers()), settings=settings) as world:
            return await tell(shop(directory, world))

    return run_virtual(told)
