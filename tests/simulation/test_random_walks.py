"""Hundreds of orders of events that nobody thought of (RELIABILITY.md, "Simulator rules")."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.market.settings import CALM
from tests.markets import small_world
from tests.simulation.shop import several_offers
from tests.simulation.walk import Walk
from tests.virtual_time import run_virtual

SEEDS = 150
BATCHES = 6


@pytest.mark.parametrize("batch", range(BATCHES))
def test_whatever_happens_no_machine_is_lost_doubled_or_left_running(
    tmp_path: Path, batch: int
) -> None:
    for seed in range(batch, SEEDS, BATCHES):
        _walk(seed, tmp_path / str(seed))


def _walk(seed: int, directory: Path) -> None:
    directory.mkdir()

    async def told() -> None:
        with small_world(*several_offers(12), settings=CALM, seed=seed) as world:
            walk = Walk(seed, directory, world)
            try:
                await walk.walk()
            except BaseException as error:
                error.add_note(f"seed {seed}\n" + "\n".join(walk.log))
                raise

    run_virtual(told)
