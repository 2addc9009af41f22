"""What RunPod alone does on the whole trip."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from reconciler.market.faces.exchange import FaceAnswer, FaceRequest
from reconciler.market.fault_catalogue import CATALOGUE
from reconciler.model.exit_code import ExitCode
from reconciler.model.instance import InstanceStatus
from tests.markets import market_offer
from tests.simulation.runpod_shop import RUNPOD_QUICKSTART, RunpodShop, runpod_story
from tests.simulation.survival import (
    HOUR,
    MINUTE,
    marks,
    records,
    survive,
)


def test_what_is_bought_is_what_was_declared(tmp_path: Path) -> None:
    documents = RUNPOD_QUICKSTART + "    image: pytorch/pytorch:2.9.0\n    env: {COLOUR: blue}\n"

    async def tell(shop: RunpodShop) -> None:
        await shop.apply(documents)
        (machine,) = shop.alive()
        assert machine.image == "pytorch/pytorch:2.9.0"
        assert machine.disk_bytes == 50 * 2**30
        note = json.loads(shop.world.machine_notes()[machine.id])
        # the workspace's own key, where RunPod's images look for one
        assert note["env"].pop("PUBLIC_KEY").startswith("ssh-ed25519 ")
        assert note["env"] == {"COLOUR": "blue", "GPU_SHOPPER_NODE": machine.label}
        assert (note["ports"], note["startSsh"]) == (["22/tcp"], True)
        (record,) = shop.state().instances.values()
        assert record.instance_id == shop.id_of(machine)
        # the list price of its kind, the dearest of six, and 50 GB of disk
        assert machine.gpu_microusd == 430_000
        assert f"{record.usd_per_hour:.6f}" == "0.436944"

    runpod_story(tmp_path, tell)


def test_twenty_pods_come_and_go_without_a_call_too_many(tmp_path: Path) -> None:
    twenty = RUNPOD_QUICKSTART.replace("    ttl: 4h", "    ttl: 4h\n    nodes: 20")

    async def tell(shop: RunpodShop) -> None:
        statuses: list[int] = []

        def note(_: FaceRequest, answer: FaceAnswer) -> FaceAnswer:
            statuses.append(answer.status)
            return answer

        shop.spoil(note)
        result = await shop.apply(twenty)
        assert (result.code, len(shop.alive())) == (ExitCode.DONE, 20)
        result = await shop.destroy("fleet.dev", verify_timeout=HOUR)
        assert (result.code, shop.alive()) == (ExitCode.DONE, ())
        assert statuses.count(201) == 20
        assert 429 not in statuses

    runpod_story(tmp_path, tell, market_offer("many", stock=20))


SPOT_QUICKSTART = RUNPOD_QUICKSTART + "    spot_policy: spot\n"
BOTH_SIDES = (
    market_offer("od", base_microusd=400_000, capacity_key="h"),
    market_offer("bid", base_microusd=150_000, capacity_key="h", spot=True),
)


def test_a_spot_fleet_bids_and_is_preempted_into_a_stopped_pod_that_costs_its_disk(
    tmp_path: Path,
) -> None:
    async def tell(shop: RunpodShop) -> None:
        result = await shop.apply(SPOT_QUICKSTART)
        assert result.code is ExitCode.DONE
        (machine,) = shop.alive()
        assert (machine.offer_id, machine.gpu_microusd) == ("bid", 150_000)
        (record,) = shop.state().instances.values()
        assert (record.instance_id, record.mark) == (shop.id_of(machine), machine.label)
        assert f"{record.usd_per_hour:.6f}" == "0.156944"
        again = await shop.apply()
        assert not again.plan.has_changes
        shop.world.stop(machine.id, shop.now)
        await shop.wait(MINUTE)
        seen = await shop.adapter.get_instance(shop.id_of(machine))
        assert seen.status is InstanceStatus.STOPPED
        await shop.wait(4 * HOUR)
        for _ in range(8):
            await shop.reconcile()
            await shop.wait(MINUTE)
        assert shop.alive() == ()
        assert records(shop) == []

    runpod_story(tmp_path, tell, *BOTH_SIDES)


def test_an_outbid_pod_of_an_auto_fleet_is_replaced_on_demand(tmp_path: Path) -> None:
    """An offer of RunPod names no host: for a quarter of an hour none of that kind is bid for."""

    async def tell(shop: RunpodShop) -> None:
        await shop.apply(RUNPOD_QUICKSTART + "    spot_policy: auto\n")
        (machine,) = shop.alive()
        assert machine.offer_id == "bid"
        shop.world.stop(machine.id, shop.now)
        for _ in range(2):  # the stopped pod is in the way of another one on its host
            await shop.wait(3 * MINUTE)
            await shop.reconcile(heal=True)
        assert [one.offer_id for one in shop.alive()] == ["od"]

    runpod_story(tmp_path, tell, *BOTH_SIDES)


@pytest.mark.parametrize("number", sorted(one for one in CATALOGUE if one.startswith("C1.")))
def test_whatever_goes_wrong_with_a_bid_nothing_leaks_and_nothing_is_doubled(
    tmp_path: Path, number: str
) -> None:
    operation, fault = CATALOGUE[number]
    spots = (
        market_offer(f"o{n}", base_microusd=150_000, capacity_key=f"h{n}", spot=True)
        for n in range(1, 13)
    )

    async def tell(shop: RunpodShop) -> None:
        shop.documents = SPOT_QUICKSTART
        await survive(
            shop,
            lambda: shop.world.script_fault(fault, operation),
            shop.world.clear_faults,
            minutes=12,
        )

    runpod_story(tmp_path, tell, *spots)


def test_more_than_there_are_leaves_slots_unfilled_and_nothing_in_doubt(tmp_path: Path) -> None:
    """A level of stock is a guess: the face has ten, and HIGH is planned as 64."""
    twelve = RUNPOD_QUICKSTART.replace("    ttl: 4h", "    ttl: 4h\n    nodes: 12")

    async def tell(shop: RunpodShop) -> None:
        assert len((await shop.plan(twelve)).creates) == 12
        result = await shop.apply(twelve)
        assert result.code is ExitCode.NO_OFFER
        assert len(shop.alive()) == 10
        assert shop.state().intents == {}
        assert sorted(shop.state().instances) == marks(shop)
        result = await shop.destroy("fleet.dev", verify_timeout=HOUR)
        assert result.code is ExitCode.DONE
        assert shop.alive() == ()

    runpod_story(tmp_path, tell, market_offer("many", stock=10))


def test_a_data_center_that_sold_out_meanwhile_leaves_the_next_one(tmp_path: Path) -> None:
    places = (
        market_offer("nl", base_microusd=400_000),
        market_offer("fr", base_microusd=400_000, region="fr-paris", country="FR"),
    )

    async def tell(shop: RunpodShop) -> None:
        def sell_out(request: FaceRequest, answer: FaceAnswer) -> FaceAnswer:
            if request.method == "GET" and "gpus" in request.segments and not taken:
                planned = min(("fr", "nl"))
                taken.append(shop.world.place_foreign(shop.now, "theirs", offer_id=planned))
            return answer

        taken: list[Any] = []
        shop.spoil(sell_out)
        result = await shop.apply(RUNPOD_QUICKSTART)
        assert result.code is ExitCode.DONE
        assert {one.offer_id for one in shop.alive()} == {"nl", "fr"}
        assert shop.sent("create_instance") in (1, 2)

    runpod_story(tmp_path, tell, *places)


def test_a_stopped_pod_is_billed_for_its_disk_until_it_is_destroyed(tmp_path: Path) -> None:
    async def tell(shop: RunpodShop) -> None:
        await shop.apply()
        (machine,) = shop.alive()
        shop.world.stop(machine.id, shop.now)
        await shop.wait(MINUTE)
        seen = await shop.adapter.get_instance(shop.id_of(machine))
        assert seen.status is InstanceStatus.STOPPED
        assert seen.usd_per_hour is not None
        assert 0 < seen.usd_per_hour < 1
        await shop.reconcile()
        assert len(records(shop)) == 1
        await shop.wait(4 * HOUR)
        await shop.reconcile()
        await shop.wait(MINUTE)
        assert shop.alive() == ()

    runpod_story(tmp_path, tell)
