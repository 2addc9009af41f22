"""The whole trip at Vast.ai's face: the same market and verbs, the real adapter in between."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from reconciler.market.offer import MarketOffer
from reconciler.market.settings import CALM, MarketSettings
from reconciler.market.world import World
from reconciler.providers.registry import OpenedProviders
from tests.faces import Change, VastWire, vast_provider
from tests.markets import small_world
from tests.simulation.shop import QUICKSTART, Shop, several_offers
from tests.virtual_time import run_virtual

Result = TypeVar("Result")
VAST_QUICKSTART = QUICKSTART.replace("simulated", "vastai")


class VastShop(Shop):
    """One workspace whose only provider is `vastai`, over a wire that a test may spoil."""

    def __init__(self, directory: Path, world: World) -> None:
        super().__init__(directory, world)
        self.documents = VAST_QUICKSTART
        self.wire = VastWire(world, self.clock)
        self.adapter = vast_provider(self.wire)

    def opened(self) -> OpenedProviders:
        return OpenedProviders({"vastai": self.adapter}, self.clock)

    def spoil(self, change: Change | None) -> None:
        """Let answers be changed on their way back; None: no longer."""
        self.wire.change = change


def vast_story(
    directory: Path,
    tell: Callable[[VastShop], Awaitable[Result]],
    *offers: MarketOffer,
    settings: MarketSettings = CALM,
) -> Result:
    """Run ``tell`` on a new market in virtual time."""

    async def told() -> Result:
        with small_world(*(offers or several_offers()), settings=settings) as world:
            return await tell(VastShop(directory, world))

    return run_virtual(told)
