"""The whole trip at TensorDock's face."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from reconciler.market.faces.tensordock_rows import instance_id
from reconciler.market.machine import Machine
from reconciler.market.offer import MarketOffer
from reconciler.market.settings import CALM, MarketSettings
from reconciler.market.world import World
from tests.faces import TensorDockWire, tensordock_provider
from tests.simulation.face_shop import FaceShop, face_story, quickstart

Result = TypeVar("Result")
TENSORDOCK_QUICKSTART = quickstart("tensordock")


class TensorDockShop(FaceShop):
    """One workspace whose only provider is `tensordock`, over a wire that a test may spoil."""

    def __init__(self, directory: Path, world: World) -> None:
        super().__init__(directory, world)
        self.wire = TensorDockWire(world, self.clock)
        self.rents_from("tensordock", tensordock_provider(self.wire))

    def id_of(self, machine: Machine) -> str:
        return instance_id(machine.id)


def tensordock_story(
    directory: Path,
    tell: Callable[[TensorDockShop], Awaitable[Result]],
    *offers: MarketOffer,
    settings: MarketSettings = CALM,
) -> Result:
    """Run ``tell`` on a new market in virtual time."""
    return face_story(TensorDockShop, directory, tell, *offers, settings=settings)
