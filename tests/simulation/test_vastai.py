"""The whole trip at Vast.ai's face, whole and broken: never a leak, a wrong destroy or a double."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from reconciler.market.fault_catalogue import CATALOGUE
from reconciler.model.exit_code import ExitCode
from tests.faces import Change
from tests.markets import market_offer
from tests.simulation.shop import several_offers
from tests.simulation.survival import (
    BROKEN_ANSWERS,
    HOUR,
    MINUTE,
    marks,
    only,
    page_changed,
    replaced,
    rows_changed,
    survive,
    three_nodes,
)
from tests.simulation.vast_shop import VAST_QUICKSTART, VastShop, vast_story

# --- without faults -----------------------------------------------------------------------------


def test_the_whole_trip_ends_with_nothing_billed(tmp_path: Path) -> None:
    async def tell(shop: VastShop) -> None:
        plan = await shop.plan(three_nodes(VAST_QUICKSTART))
        assert len(plan.creates) == 3
        assert shop.sent("create_instance") == 0
        result = await shop.apply(three_nodes(VAST_QUICKSTART))
        assert result.code is ExitCode.DONE
        assert marks(shop) == sorted(shop.state().instances)
        assert all(record.ready_at for record in shop.state().instances.values())
        again = await shop.apply()
        assert (again.code, again.plan.has_changes) == (ExitCode.DONE, False)
        await shop.wait(4 * HOUR)
        await shop.reconcile()
        await shop.wait(MINUTE)
        assert shop.alive() == ()
        for _ in range(6):
            await shop.reconcile()
            await shop.wait(MINUTE)
        assert shop.state().instances == {}
        assert len(shop.world.all_machines()) == 3

    vast_story(tmp_path, tell)


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


# --- the catalogue --------------------------------------------------------------------------------


@pytest.mark.parametrize("number", sorted(CATALOGUE))
def test_whatever_goes_wrong_nothing_leaks_and_nothing_is_doubled(
    tmp_path: Path, number: str
) -> None:
    operation, fault = CATALOGUE[number]

    async def tell(shop: VastShop) -> None:
        await survive(
            shop,
            lambda: shop.world.script_fault(fault, operation),
            shop.world.clear_faults,
            minutes=12,
        )

    vast_story(tmp_path, tell, *several_offers(12))


# --- broken answers -------------------------------------------------------------------------------


ENDPOINTS = {
    "search": ("POST", "bundles"),
    "create": ("PUT", "asks"),
    "list": ("GET", "v1/instances"),
    "read": ("GET", "v0/instances/"),
    "destroy": ("DELETE", "v0/instances/"),
}
BROKEN: dict[str, Change] = {
    **BROKEN_ANSWERS,
    "success without anything": replaced(200, b'{"success": true}'),
    "no success": replaced(200, b'{"success": false}'),
    "404 about the key": replaced(
        404, b'{"success": false, "error": "auth_error", "msg": "Invalid user key"}'
    ),
    "429 storm": replaced(429, b"API requests too frequent: endpoint threshold=3.0"),
}


# What each answer means is in tests/unit/providers; here are some of each, and all of a create.
EVERYWHERE = ("truncated JSON", "HTML with 200", "404 about the key", "429 storm", "502 of a proxy")
PAIRS = [
    (broken, endpoint)
    for endpoint in ENDPOINTS
    for broken in (BROKEN if endpoint == "create" else EVERYWHERE)
]


@pytest.mark.parametrize(("broken", "endpoint"), PAIRS)
def test_a_broken_answer_never_leaks_a_machine_nor_makes_a_second_one(
    tmp_path: Path, broken: str, endpoint: str
) -> None:
    async def tell(shop: VastShop) -> None:
        change = only(BROKEN[broken], *ENDPOINTS[endpoint])
        await survive(shop, lambda: shop.spoil(change), lambda: shop.spoil(None), minutes=3)

    vast_story(tmp_path, tell, *several_offers(12))


ROWS: dict[str, Change] = {
    "unknown status": rows_changed("instances", actual_status="zombified"),
    "no status": rows_changed("instances", actual_status=...),
    "status is a number": rows_changed("instances", actual_status=7),
    "status is null": rows_changed("instances", actual_status=None),
    "everything is offline": rows_changed("instances", actual_status="offline"),
    "no label": rows_changed("instances", label=...),
    "label is null": rows_changed("instances", label=None),
    "label is a number": rows_changed("instances", label=7),
    "label is a lone surrogate": rows_changed("instances", label="\ud800"),
    "label and variable are gone": rows_changed("instances", label=None, extra_env=None),
    "id is negative": rows_changed("instances", id=-1),
    "id leads elsewhere": rows_changed("instances", id="../users/1"),
    "price is null": rows_changed("instances", dph_total=None, instance=None),
    "price is text": rows_changed("instances", dph_total="0.2", instance={"totalHour": "0.2"}),
    "price is not a number": rows_changed("instances", dph_total=float("nan")),
    "address is hostile": rows_changed(
        "instances", public_ipaddr="-oProxyCommand=x", ssh_host="a b;c"
    ),
    "list is null": page_changed(instances=None),
    "list is missing": page_changed(instances=...),
    "list is empty": page_changed(instances=[], total_instances=0),
    "one row of three": page_changed(total_instances=99),
    "token goes in a circle": page_changed(next_token="again"),
    "token is missing": page_changed(next_token=...),
}


@pytest.mark.parametrize("case", ROWS)
def test_a_row_or_a_page_that_lies_never_leaks_a_machine_nor_makes_a_second_one(
    tmp_path: Path, case: str
) -> None:
    async def tell(shop: VastShop) -> None:
        change = only(ROWS[case], "GET", "instances")
        await survive(shop, lambda: shop.spoil(change), lambda: shop.spoil(None), minutes=3)

    vast_story(tmp_path, tell, *several_offers(12))
