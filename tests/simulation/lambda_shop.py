"""The whole trip at Lambda's face."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from reconciler.market.faces.lambda_rows import instance_id
from reconciler.market.machine import Machine
from reconciler.market.offer import MarketOffer
from reconciler.market.settings import CALM, MarketSettings
from reconciler.market.world import World
from tests.faces import LambdaWire, lambda_provider
from tests.simulation.face_shop import FaceShop, face_story, quickstart

Result = TypeVar("Result")
LAMBDA_QUICKSTART = quickstart("lambda")


class LambdaShop(FaceShop):
    """One workspace whose only provider is `lambda`, over a wire that a test may spoil."""

    def __init__(self, directory: Path, world: World) -> None:
        super().__init__(directory, world)
        self.wire = LambdaWire(world, self.true_clock)
        self.rents_from("lambda", lambda_provider(self.wire, clock=self.machine))

    def id_of(self, machine: Machine) -> str:
        return instance_id(machine.id)


def lambda_story(
    directory: Path,
    tell: Callable[[LambdaShop], Awaitable[Result]],
    *offers: MarketOffer,
    settings: MarketSettings = CALM,
) -> Result:
    """Run ``tell`` on a new market in virtual time."""
    return face_story(LambdaShop, directory, tell, *offers, settings=settings)
