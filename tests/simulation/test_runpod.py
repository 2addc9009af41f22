"""The whole trip at RunPod's face, whole and broken: never a leak, a wrong destroy or a double."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reconciler.market.faces.exchange import FaceAnswer, FaceRequest
from reconciler.market.fault_catalogue import CATALOGUE
from reconciler.model.exit_code import ExitCode
from reconciler.model.instance import InstanceStatus
from tests.faces import Change
from tests.markets import market_offer
from tests.simulation.runpod_shop import RUNPOD_QUICKSTART, RunpodShop, runpod_story
from tests.simulation.shop import several_offers
from tests.simulation.survival import (
    BROKEN_ANSWERS,
    HOUR,
    MINUTE,
    marks,
    only,
    records,
    replaced,
    survive,
    three_nodes,
)

# --- without faults -----------------------------------------------------------------------------


def test_the_whole_trip_ends_with_nothing_billed(tmp_path: Path) -> None:
    async def tell(shop: RunpodShop) -> None:
        plan = await shop.plan(three_nodes(RUNPOD_QUICKSTART))
        assert len(plan.creates) == 3
        assert shop.sent("create_instance") == 0
        result = await shop.apply(three_nodes(RUNPOD_QUICKSTART))
        assert result.code is ExitCode.DONE
        assert marks(shop) == sorted(shop.state().instances)
        assert all(record.ready_at for record in shop.state().instances.values())
        again = await shop.apply()
        assert (again.code, again.plan.has_changes) == (ExitCode.DONE, False)
        await shop.wait(4 * HOUR)
        await shop.reconcile()
        await shop.wait(MINUTE)
        assert shop.alive() == ()
        for _ in range(8):
            await shop.reconcile()
            await shop.wait(MINUTE)
        assert shop.state().instances == {}
        assert len(shop.world.all_machines()) == 3

    runpod_story(tmp_path, tell)


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


# --- the catalogue --------------------------------------------------------------------------------


@pytest.mark.parametrize("number", sorted(CATALOGUE))
def test_whatever_goes_wrong_nothing_leaks_and_nothing_is_doubled(
    tmp_path: Path, number: str
) -> None:
    operation, fault = CATALOGUE[number]

    async def tell(shop: RunpodShop) -> None:
        await survive(
            shop,
            lambda: shop.world.script_fault(fault, operation),
            shop.world.clear_faults,
            minutes=12,
        )

    runpod_story(tmp_path, tell, *several_offers(12))


# --- broken answers -------------------------------------------------------------------------------


def rows_changed(**fields: Any) -> Change:
    """Every pod of every answer with other fields; ``...`` takes a field away."""

    def change(_: FaceRequest, answer: FaceAnswer) -> FaceAnswer:
        value = json.loads(answer.body)
        for row in value.get("pods", [value]):
            row.update(fields)
            for name in [name for name, text in fields.items() if text is ...]:
                del row[name]
        return replace(answer, body=json.dumps(value).encode())

    return change


def page_changed(**fields: Any) -> Change:
    def change(_: FaceRequest, answer: FaceAnswer) -> FaceAnswer:
        value = {**json.loads(answer.body), **fields}
        left = {name: found for name, found in value.items() if found is not ...}
        return replace(answer, body=json.dumps(left).encode())

    return change


def problem(status: int, title: str, detail: str) -> Change:
    body = {"title": title, "status": status, "detail": detail}
    return replaced(status, json.dumps(body).encode())


ENDPOINTS = {
    "catalog": ("GET", "catalog/gpus"),
    "create": ("POST", "v2/pods"),
    "list": ("GET", "v2/pods"),
    "read": ("GET", "v2/pods/"),
    "destroy": ("DELETE", "v2/pods/"),
    "account": ("POST", "graphql"),
}
BROKEN: dict[str, Change] = {
    **BROKEN_ANSWERS,
    "401 of theirs": problem(401, "Unauthorized", "invalid bearer token"),
    "404 of theirs": problem(404, "Not Found", "pod not found"),
    "404 without a pod": problem(404, "Not Found", "page is missing"),
    "500 of theirs": problem(500, "Internal Server Error", "internal server error"),
    "a problem that says another status": replaced(
        404, b'{"title": "Not Found", "status": 500, "detail": "pod not found"}'
    ),
    "an error inside 200": replaced(200, b'{"errors": [{"message": "no"}], "data": null}'),
    "200 and no id": replaced(200, b'{"name": "x", "status": "RUNNING"}'),
    "204": replaced(204, b""),
}


# What each answer means is in tests/unit/providers; here are some of each, and all of a create.
EVERYWHERE = (
    "truncated JSON",
    "HTML with 200",
    "401 of theirs",
    "404 of theirs",
    "429 storm",
    "502 of a proxy",
    "an error inside 200",
)
PAIRS = [
    (broken, endpoint)
    for endpoint in ENDPOINTS
    for broken in (BROKEN if endpoint == "create" else EVERYWHERE)
]


@pytest.mark.parametrize(("broken", "endpoint"), PAIRS)
def test_a_broken_answer_never_leaks_a_machine_nor_makes_a_second_one(
    tmp_path: Path, broken: str, endpoint: str
) -> None:
    async def tell(shop: RunpodShop) -> None:
        change = only(BROKEN[broken], *ENDPOINTS[endpoint])
        await survive(shop, lambda: shop.spoil(change), lambda: shop.spoil(None), minutes=3)

    runpod_story(tmp_path, tell, *several_offers(12))


ROWS: dict[str, Change] = {
    "unknown status": rows_changed(status="ZOMBIFIED"),
    "no status": rows_changed(status=...),
    "status is a number": rows_changed(status=7),
    "status is null": rows_changed(status=None),
    "everything has exited": rows_changed(status="EXITED", cost=0.0),
    "no name": rows_changed(name=...),
    "name is null": rows_changed(name=None),
    "name is empty": rows_changed(name=""),
    "name is a lone surrogate": rows_changed(name="\ud800"),
    "name and variable are gone": rows_changed(name="", env={}),
    "id is a number": rows_changed(id=7),
    "id leads elsewhere": rows_changed(id="../account/ssh-keys"),
    "cost is null": rows_changed(cost=None),
    "cost is text": rows_changed(cost="0.2"),
    "cost is not a number": rows_changed(cost=float("nan")),
    "cost is nothing": rows_changed(cost=0),
    "disk is text": rows_changed(disk="50"),
    "address is hostile": rows_changed(ssh={"direct": {"host": "-oProxyCommand=x", "port": 22}}),
    "list is null": page_changed(pods=None),
    "list is missing": page_changed(pods=...),
    "list is empty": page_changed(pods=[]),
}


@pytest.mark.parametrize("case", ROWS)
def test_a_row_or_a_page_that_lies_never_leaks_a_machine_nor_makes_a_second_one(
    tmp_path: Path, case: str
) -> None:
    async def tell(shop: RunpodShop) -> None:
        change = only(ROWS[case], "GET", "v2/pods")
        await survive(shop, lambda: shop.spoil(change), lambda: shop.spoil(None), minutes=3)

    runpod_story(tmp_path, tell, *several_offers(12))
