"""The whole trip at Lambda's face, whole and broken: never a leak, a wrong destroy or a double."""

from __future__ import annotations

import json
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest

from reconciler.market.faces.exchange import FaceAnswer, FaceRequest
from reconciler.market.fault_catalogue import CATALOGUE
from reconciler.market.ledger import bill
from reconciler.market.units import usd
from reconciler.model.exit_code import ExitCode
from tests.faces import Change
from tests.markets import market_offer
from tests.simulation.lambda_shop import LAMBDA_QUICKSTART, LambdaShop, lambda_story
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

# --- without faults -----------------------------------------------------------------------------


def test_the_whole_trip_ends_with_nothing_billed(tmp_path: Path) -> None:
    async def tell(shop: LambdaShop) -> None:
        plan = await shop.plan(three_nodes(LAMBDA_QUICKSTART))
        assert len(plan.creates) == 3
        assert shop.sent("create_instance") == 0
        result = await shop.apply(three_nodes(LAMBDA_QUICKSTART))
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

    lambda_story(tmp_path, tell)


def test_what_is_recorded_is_what_the_market_bills(tmp_path: Path) -> None:
    async def tell(shop: LambdaShop) -> None:
        await shop.apply()
        (machine,) = shop.alive()
        (record,) = shop.state().instances.values()
        assert record.usd_per_hour == usd(machine.microusd_per_hour) == Decimal("0.41")
        lines = bill(shop.world, shop.now)
        assert {line.kind for line in lines} == {"gpu"}  # the disk comes with the type

    lambda_story(tmp_path, tell)


def test_what_is_bought_is_what_was_declared(tmp_path: Path) -> None:
    documents = LAMBDA_QUICKSTART + "    env: {COLOUR: blue}\n"

    async def tell(shop: LambdaShop) -> None:
        await shop.apply(documents)
        (machine,) = shop.alive()
        note = json.loads(shop.world.machine_notes()[machine.id])
        (name,) = note["ssh_key_names"]
        added = [json.loads(one.body) for one in shop.wire.sent if b"public_key" in one.body]
        assert [one["name"] for one in added] == [name]
        assert name.startswith("gs-")
        assert {"key": "gs-node", "value": machine.label} in note["tags"]
        first, _, config = note["user_data"].partition("\n")
        assert first == "#cloud-config"
        (file,) = json.loads(config)["write_files"]
        assert file["content"] == f"\nCOLOUR=blue\nGPU_SHOPPER_NODE={machine.label}\n"
        (sent,) = [json.loads(one.body) for one in shop.wire.sent if b"region_name" in one.body]
        assert "quantity" not in sent

    lambda_story(tmp_path, tell)


def test_a_container_image_is_refused_and_nothing_is_sent(tmp_path: Path) -> None:
    async def tell(shop: LambdaShop) -> None:
        result = await shop.apply(LAMBDA_QUICKSTART + "    image: pytorch/pytorch:2.9.0\n")
        assert result.code is not ExitCode.DONE
        assert shop.sent("create_instance") == 0
        assert shop.alive() == ()

    lambda_story(tmp_path, tell)


def test_where_a_region_has_no_more_the_next_type_is_taken_and_the_rest_stays_unfilled(
    tmp_path: Path,
) -> None:
    """Lambda does not say how many there are: only the launch tells."""
    offers = (
        market_offer("a", region="us-texas", country="US"),
        market_offer("b", region="us-utah", country="US"),
        market_offer("c", base_microusd=410_000, region="us-texas", country="US"),
    )

    async def tell(shop: LambdaShop) -> None:
        five = LAMBDA_QUICKSTART.replace("    ttl: 4h", "    ttl: 4h\n    nodes: 5")
        result = await shop.apply(five)
        assert sorted(one.offer_id for one in shop.alive()) == ["a", "b", "c"]
        assert result.code is not ExitCode.DONE
        assert len(shop.state().instances) == 3
        assert shop.state().intents == {}

    lambda_story(tmp_path, tell, *offers)


def test_launches_keep_twelve_seconds_apart_and_calls_one(tmp_path: Path) -> None:
    ten = LAMBDA_QUICKSTART.replace("    ttl: 4h", "    ttl: 4h\n    nodes: 10")
    same = [market_offer(f"o{number}", stock=1) for number in range(12)]

    async def tell(shop: LambdaShop) -> None:
        statuses: list[int] = []

        def note(_: FaceRequest, answer: FaceAnswer) -> FaceAnswer:
            statuses.append(answer.status)
            return answer

        shop.spoil(note)
        result = await shop.apply(ten)
        assert result.code is ExitCode.DONE
        assert len(shop.alive()) == 10
        assert 429 not in statuses
        begun = sorted(one.created for one in shop.alive())
        assert min(b - a for a, b in pairwise(begun)) >= 12_000_000
        result = await shop.destroy("fleet.dev", verify_timeout=HOUR)
        assert result.code is ExitCode.DONE
        assert shop.alive() == ()

    lambda_story(tmp_path, tell, *same)


def test_C2_11_a_machine_that_a_person_renames_is_still_ours(tmp_path: Path) -> None:
    async def tell(shop: LambdaShop) -> None:
        await shop.apply()
        (machine,) = shop.alive()
        shop.world.relabel(machine.id, "the GPU in the corner")
        await shop.wait(MINUTE)
        again = await shop.apply()
        assert (again.code, again.plan.has_changes) == (ExitCode.DONE, False)
        await shop.wait(4 * HOUR)
        await shop.reconcile()
        await shop.wait(MINUTE)
        assert shop.alive() == ()

    lambda_story(tmp_path, tell)


# --- the catalogue --------------------------------------------------------------------------------


@pytest.mark.parametrize("number", sorted(CATALOGUE))
def test_whatever_goes_wrong_nothing_leaks_and_nothing_is_doubled(
    tmp_path: Path, number: str
) -> None:
    operation, fault = CATALOGUE[number]

    async def tell(shop: LambdaShop) -> None:
        await survive(
            shop,
            lambda: shop.world.script_fault(fault, operation),
            shop.world.clear_faults,
            minutes=12,
        )

    lambda_story(tmp_path, tell, *several_offers(12))


# --- broken answers -------------------------------------------------------------------------------

ENDPOINTS = {
    "search": ("GET", "v1/instance-types"),
    "keys": ("GET", "v1/ssh-keys"),
    "account": ("GET", "v1/audit-events"),
    "create": ("POST", "instance-operations/launch"),
    "list": ("GET", "v1/instances"),
    "read": ("GET", "v1/instances/"),
    "destroy": ("POST", "instance-operations/terminate"),
}
BAD_KEY = b'{"error": {"code": "global/invalid-api-key", "message": "API key was invalid"}}'
NO_SUCH_CALL = b'{"error": {"code": "global/not-found", "message": "not found"}}'
BROKEN: dict[str, Change] = {
    **BROKEN_ANSWERS,
    "401 about the key": replaced(401, BAD_KEY),
    "404 about the path": replaced(404, NO_SUCH_CALL),
    "data is null": replaced(200, b'{"data": null}'),
    "error with 200": replaced(200, BAD_KEY),
    "launch of nothing": replaced(200, b'{"data": {"instance_ids": []}}'),
}
EVERYWHERE = (
    "truncated JSON",
    "HTML with 200",
    "401 about the key",
    "404 about the path",
    "429 storm",
    "502 of a proxy",
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
    async def tell(shop: LambdaShop) -> None:
        change = only(BROKEN[broken], *ENDPOINTS[endpoint])
        await survive(shop, lambda: shop.spoil(change), lambda: shop.spoil(None), minutes=3)

    lambda_story(tmp_path, tell, *several_offers(12))


NO_TYPE = {"name": "gpu_1x_x", "price_cents_per_hour": "41", "specs": {"gpus": 1}}
ROWS: dict[str, Change] = {
    "unknown status": rows_changed("data", status="zombified"),
    "no status": rows_changed("data", status=...),
    "status is a number": rows_changed("data", status=7),
    "status is null": rows_changed("data", status=None),
    "everything is unhealthy": rows_changed("data", status="unhealthy"),
    "everything is terminated": rows_changed("data", status="terminated"),
    "no name": rows_changed("data", name=...),
    "name is a number": rows_changed("data", name=7),
    "name is a lone surrogate": rows_changed("data", name="\ud800"),
    "name and tags are gone": rows_changed("data", name=..., tags=...),
    "tags are text": rows_changed("data", tags="gs-node"),
    "id is a number": rows_changed("data", id=7),
    "id leads elsewhere": rows_changed("data", id="../ssh-keys"),
    "type is null": rows_changed("data", instance_type=None),
    "price is text": rows_changed("data", instance_type=NO_TYPE),
    "price is null": rows_changed("data", instance_type={**NO_TYPE, "price_cents_per_hour": None}),
    "address is hostile": rows_changed("data", ip="-oProxyCommand=x"),
    "list is null": page_changed(data=None),
    "list is missing": page_changed(data=...),
    "list is empty": page_changed(data=[]),
    "more follows": page_changed(page_token="again"),
}


@pytest.mark.parametrize("case", ROWS)
def test_a_row_or_a_page_that_lies_never_leaks_a_machine_nor_makes_a_second_one(
    tmp_path: Path, case: str
) -> None:
    async def tell(shop: LambdaShop) -> None:
        change = only(ROWS[case], "GET", "v1/instances")
        await survive(shop, lambda: shop.spoil(change), lambda: shop.spoil(None), minutes=3)

    lambda_story(tmp_path, tell, *several_offers(12))
