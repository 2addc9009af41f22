"""What Vast.ai alone does on the whole trip."""

from __future__ import annotations

import json
from pathlib import Path

from reconciler.model.exit_code import ExitCode
from tests.markets import market_offer
from tests.simulation.shop import several_offers
from tests.simulation.survival import (
    HOUR,
    MINUTE,
)
from tests.simulation.vast_shop import VAST_QUICKSTART, VastShop, vast_story


def test_what_is_bought_is_what_was_declared(tmp_path: Path) -> None:
    documents = VAST_QUICKSTART + "    image: pytorch/pytorch:2.9.0\n    env: {COLOUR: blue}\n"

    async def tell(shop: VastShop) -> None:
        await shop.apply(documents)
        (machine,) = shop.alive()
        assert machine.image == "pytorch/pytorch:2.9.0"
        assert machine.disk_bytes == 50 * 2**30
        note = json.loads(shop.world.machine_notes()[machine.id])
        assert note["env"].pop("GPU_SHOPPER_KEYS")
        assert note["env"] == {"COLOUR": "blue", "GPU_SHOPPER_NODE": machine.label}
        assert note["onstart"].endswith("; env >> /etc/environment")
        (sent,) = [json.loads(one.body) for one in shop.wire.sent if one.method == "PUT"]
        assert sent["cancel_unavail"] is True
        assert "price" not in sent

    vast_story(tmp_path, tell)


def test_a_spot_fleet_bids_and_an_on_demand_fleet_does_not(tmp_path: Path) -> None:
    both = (
        market_offer("od", base_microusd=400_000, capacity_key="h"),
        market_offer("bid", base_microusd=150_000, capacity_key="h", spot=True),
    )

    async def tell(shop: VastShop) -> None:
        await shop.apply(VAST_QUICKSTART + "    spot_policy: spot\n")
        (machine,) = shop.alive()
        assert machine.offer_id == "bid"
        (record,) = shop.state().instances.values()
        assert f"{record.usd_per_hour:.6f}" == "0.156850"

    vast_story(tmp_path, tell, *both)


def test_a_bid_of_ones_own_is_sent_and_an_outbid_machine_is_replaced_on_another_host(
    tmp_path: Path,
) -> None:
    places = [
        market_offer(f"bid{n}", base_microusd=150_000 + n, host=f"{n}", spot=True) for n in (1, 2)
    ]

    async def tell(shop: VastShop) -> None:
        await shop.apply(VAST_QUICKSTART + "    spot_policy: spot\n    spot: {bid_usd: 0.30}\n")
        (sent,) = [json.loads(one.body) for one in shop.wire.sent if one.method == "PUT"]
        assert sent["price"] == 0.30
        (machine,) = shop.alive()
        assert machine.offer_id == "bid1"
        shop.world.stop(machine.id, shop.now)
        await shop.wait(MINUTE)
        await shop.reconcile(heal=True)
        await shop.wait(3 * MINUTE)
        assert [one.offer_id for one in shop.alive()] == ["bid2"]

    vast_story(tmp_path, tell, *places)


def test_thirty_machines_come_in_two_pages_and_go_in_their_own_time(tmp_path: Path) -> None:
    thirty = VAST_QUICKSTART.replace("    ttl: 4h", "    ttl: 4h\n    nodes: 30")

    async def tell(shop: VastShop) -> None:
        result = await shop.apply(thirty)
        assert result.code is ExitCode.DONE
        assert len(shop.alive()) == 30
        lists = shop.wire.count("GET", "v1/instances")
        await shop.apply()
        assert shop.wire.count("GET", "v1/instances") == lists + 2
        result = await shop.destroy("fleet.dev", verify_timeout=HOUR)
        assert result.code is ExitCode.DONE
        assert shop.alive() == ()

    vast_story(tmp_path, tell, *several_offers(40))
