"""The whole trip at Vast.ai's face: the same market and verbs, the real adapter in between."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from reconciler.market.offer import MarketOffer
from reconciler.market.settings import CALM, MarketSettings
from reconciler.market.world import World
from tests.faces import VastWire, vast_provider
from tests.simulation.face_shop import FaceShop, face_story, quickstart

Result = TypeVar("Result")
VAST_QUICKSTART = quickstart("vastai")


class VastShop(FaceShop):
    """One workspace whose only provider is `vastai`, over a wire that a test may spoil."""

    wire: VastWire

    def __init__(self, directory: Path, world: World) -> None:
        super().__init__(directory, world)
        self.wire = VastWire(world, self.true_clock)
        self.rents_from("vastai", vast_provider(self.wire, clock=self.machine))


def vast_story(
    directory: Path,
    tell: Callable[[VastShop], Awaitable[Result]],
    *offers: MarketOffer,
    settings: MarketSettings = CALM,
) -> Result:
    """Run ``tell`` on a new market in virtual time."""
    return face_story(VastShop, directory, tell, *offers, settings=settings)
