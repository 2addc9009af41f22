from __future__ import annotations

import stat
from datetime import timedelta
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest

from reconciler.clock import LoopClock, wall_now
from reconciler.market.errors import MarketError
from reconciler.market.world import World
from reconciler.providers.simulated.provider import open_market
from tests.markets import START, small_world
from tests.virtual_time import run_virtual

HOUR = timedelta(hours=1)


def test_a_sleeper_notices_that_somebody_advanced_the_market(tmp_path: Path) -> None:
    path = tmp_path / "market.sqlite"
    loop = LoopClock(START)

    async def advance_later(other: World) -> None:
        await loop.sleep(5)
        other.advance(2 * HOUR)

    async def sleeper(world: World, other: World) -> float:
        async with anyio.create_task_group() as group:
            group.start_soon(advance_later, other)
            await world.clock().sleep(3600)
        return loop.elapsed_seconds()

    with small_world(path=path) as world, World.open(path) as other:
        assert 5 <= run_virtual(sleeper, world, other) <= 7


def test_who_shares_a_market_sees_an_advance_in_the_next_turn_of_its_event_loop(
    tmp_path: Path,
) -> None:
    path = tmp_path / "market.sqlite"

    async def look(world: World, other: World) -> None:
        before = world.clock().now()
        other.advance(2 * HOUR)
        assert world.clock().now() - before < HOUR, "one moment within one turn"
        await anyio.lowlevel.checkpoint()
        assert world.clock().now() - before >= 2 * HOUR
        world.advance(2 * HOUR)
        assert world.clock().now() - before >= 4 * HOUR, "its own at once"
        other.advance(2 * HOUR)

    with small_world(path=path) as world, World.open(path) as other:
        start = world.clock().now()
        run_virtual(look, world, other)
        assert world.clock().now() - start >= 6 * HOUR, "and where no loop runs, each time"


def test_sleeping_for_no_time_returns_at_once() -> None:
    with small_world() as world:
        run_virtual(world.clock().sleep, -1.0)


def test_open_market_makes_private_directories_and_a_market_that_starts_now(
    tmp_path: Path,
) -> None:
    path = tmp_path / "state" / "deep" / "market.sqlite"
    before = wall_now()
    with open_market(path, seed=5) as world:
        assert before <= world.clock().now() <= wall_now()
        assert world.seed == 5
        account = world.account
    for made in (path.parent, path.parent.parent):
        assert stat.S_IMODE(made.stat().st_mode) == 0o700
    with open_market(path, seed=6) as again:
        assert (again.account, again.seed) == (account, 5)


def test_open_market_says_why_it_cannot(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(MarketError, match="file"):
        open_market(tmp_path / "file" / "market.sqlite")
