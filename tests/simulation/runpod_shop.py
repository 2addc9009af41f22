"""The whole trip at RunPod's face."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from reconciler.market.faces.runpod_names import pod_id
from reconciler.market.machine import Machine
from reconciler.market.offer import MarketOffer
from reconciler.market.settings import CALM, MarketSettings
from reconciler.market.world import World
from tests.faces import RunpodWire, runpod_provider
from tests.simulation.face_shop import FaceShop, face_story, quickstart

Result = TypeVar("Result")
RUNPOD_QUICKSTART = quickstart("runpod")


class RunpodShop(FaceShop):
    """One workspace whose only provider is `runpod`, over a wire that a test may spoil."""

    def __init__(self, directory: Path, world: World) -> None:
        super().__init__(directory, world)
        self.wire = RunpodWire(world, self.true_clock)
        self.rents_from("runpod", runpod_provider(self.wire, clock=self.machine))

    def id_of(self, machine: Machine) -> str:
        return pod_id(machine.id)


def runpod_story(
    directory: Path,
    tell: Callable[[RunpodShop], Awaitable[Result]],
    *offers: MarketOffer,
    settings: MarketSettings = CALM,
) -> Result:
    """Run ``tell`` on a new market in virtual time."""
    return face_story(RunpodShop, directory, tell, *offers, settings=settings)
