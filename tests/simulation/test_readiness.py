"""All who wait for their machines at one provider share one listing at a time."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest

from reconciler.execution.shared_listings import TICK_SECONDS
from reconciler.market.faults import Call, Fault
from reconciler.market.settings import MarketSettings
from reconciler.model.exit_code import ExitCode
from tests.markets import market_offer
from tests.simulation.shop import QUICKSTART, Shop, story

NODES = 60
MANY = QUICKSTART.replace("    ttl: 4h\n", f"    ttl: 4h\n    nodes: {NODES}\n")


def at_once(latency: float = 0.2) -> MarketSettings:
    """A calm market whose listings do not lag and whose calls take ``latency`` seconds."""
    return MarketSettings(
        price_swing_percent=0,
        others_rent_percent=0,
        spot_life=None,
        list_lag=timedelta(0),
        call_latency=timedelta(seconds=latency),
    )


def waited(shop: Shop) -> Counter[str]:
    """Calls by operation, after the last create and what was read back of it."""
    calls = shop.world.calls()
    last = max(one.at for one in calls if one.operation == "create_instance")
    return Counter(one.operation for one in calls if one.at > last + timedelta(seconds=2))


@pytest.mark.parametrize("latency", [0.2, 7.0])
def test_sixty_machines_that_boot_cost_one_listing_a_tick_and_no_direct_reads(
    tmp_path: Path, latency: float
) -> None:
    async def told(shop: Shop) -> None:
        result = await shop.apply(MANY)
        assert result.code is ExitCode.DONE
        ready = [one for one in result.outcomes if one.action == "ready" and one.done]
        assert len(ready) == NODES
        calls = waited(shop)
        assert calls["get_instance"] <= (0 if latency < 1 else 2 * NODES), calls
        ticks = shop.clock.elapsed_seconds() / TICK_SECONDS
        assert 3 < calls["list_instances"] <= ticks + 1

    story(tmp_path, told, market_offer("o1", stock=NODES), settings=at_once(latency))


def test_what_a_listing_leaves_out_is_read_directly_and_nothing_else_is(tmp_path: Path) -> None:
    """Unknown is not absent: the one that the listing cuts off becomes ready all the same."""

    async def told(shop: Shop) -> None:
        cut = Fault(shape="cut", keep=NODES - 1)
        shop.world.script_fault(cut, "list_instances", until=shop.now + timedelta(hours=1))
        result = await shop.apply(MANY)
        assert result.code is ExitCode.DONE
        calls = waited(shop)
        assert 0 < calls["get_instance"] <= calls["list_instances"]

    story(tmp_path, told, market_offer("o1", stock=NODES), settings=at_once())


def test_a_listing_that_calls_a_machine_failed_destroys_nothing_that_a_read_finds_well(
    tmp_path: Path,
) -> None:
    async def told(shop: Shop) -> None:
        shop.world.script_fault(Fault(status="failed"), "list_instances", times=4)
        result = await shop.apply(QUICKSTART.replace("ttl: 4h", "ttl: 4h\n    nodes: 3"))
        assert result.code is ExitCode.DONE
        assert len(shop.alive()) == 3
        assert shop.sent("destroy_instance") == 0

    story(tmp_path, told, market_offer("o1", stock=3), settings=at_once())


def test_without_any_listing_each_machine_is_read_directly(tmp_path: Path) -> None:
    async def told(shop: Shop) -> None:
        def broken(call: Call) -> Fault | None:
            late = call.operation == "list_instances" and shop.sent("create_instance") > 0
            return Fault(error="unavailable") if late else None

        shop.provider._fault_hook = broken
        result = await shop.apply(QUICKSTART.replace("ttl: 4h", "ttl: 4h\n    nodes: 3"))
        assert [one.done for one in result.outcomes if one.action == "ready"] == [True] * 3

    story(tmp_path, told, market_offer("o1", stock=3), settings=at_once())
