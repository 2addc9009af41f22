"""The whole trip at TensorDock's face, whole and broken: no leak, no wrong destroy, no double."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from reconciler.market.faces.exchange import FaceAnswer, FaceRequest
from reconciler.market.fault_catalogue import CATALOGUE
from reconciler.market.units import usd
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
    survive,
    three_nodes,
)
from tests.simulation.tensordock_shop import (
    TENSORDOCK_QUICKSTART,
    TensorDockShop,
    tensordock_story,
)

# --- without faults -----------------------------------------------------------------------------


def test_the_whole_trip_ends_with_nothing_billed(tmp_path: Path) -> None:
    async def tell(shop: TensorDockShop) -> None:
        plan = await shop.plan(three_nodes(TENSORDOCK_QUICKSTART))
        assert len(plan.creates) == 3
        assert shop.sent("create_instance") == 0
        result = await shop.apply(three_nodes(TENSORDOCK_QUICKSTART))
        assert result.code is ExitCode.DONE
        assert marks(shop) == sorted(shop.state().instances)
        assert all(record.ready_at for record in shop.state().instances.values())
        for _ in range(3):  # once for each shape of a list
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

    tensordock_story(tmp_path, tell, *several_offers(12))


def test_what_is_bought_and_billed_is_what_was_declared_and_quoted(tmp_path: Path) -> None:
    documents = TENSORDOCK_QUICKSTART + "    env: {COLOUR: blue}\n"

    async def tell(shop: TensorDockShop) -> None:
        await shop.apply(documents)
        (machine,) = shop.alive()
        (record,) = shop.state().instances.values()
        # 0.40 for the GPU, 4 processors, 16 GB of memory, 100 GB of disk
        assert usd(machine.microusd_per_hour) == Decimal("0.449000")
        assert record.usd_per_hour == Decimal("0.449000")
        asked = json.loads(shop.world.machine_notes()[machine.id])["asked"]
        assert asked["name"] == machine.label
        assert asked["useDedicatedIp"] is True
        assert asked["resources"]["storage_gb"] == 100
        environment = asked["cloud_init"]["write_files"][0]["content"]
        assert environment == f"\nCOLOUR=blue\nGPU_SHOPPER_NODE={machine.label}\n"
        added = " ".join(asked["cloud_init"]["runcmd"])
        assert asked["ssh_key"] in added
        assert "/root/.ssh/authorized_keys" in added
        assert "/home/user/.ssh/authorized_keys" in added

    tensordock_story(tmp_path, tell, market_offer("a1"))


def test_a_host_that_lies_about_its_stock_is_passed_over(tmp_path: Path) -> None:
    async def tell(shop: TensorDockShop) -> None:
        lied: list[FaceRequest] = []

        def lie(request: FaceRequest, answer: FaceAnswer) -> FaceAnswer:
            if request.method != "POST" or lied:
                return answer
            lied.append(request)
            body = b'{"status": 400, "error": "No available nodes found"}'
            shop.world.destroy("1000001", shop.now)  # it was never made
            return replace(answer, status=200, body=body)

        shop.spoil(lie)
        result = await shop.apply()
        assert result.code is ExitCode.DONE
        assert len(shop.alive()) == 1

    tensordock_story(tmp_path, tell, *several_offers(4))


def test_a_boot_that_says_stopped_is_a_boot(tmp_path: Path) -> None:
    """They show "stoppeddisassociated" for some seconds."""

    async def tell(shop: TensorDockShop) -> None:
        seen: list[bytes] = []

        def note(request: FaceRequest, answer: FaceAnswer) -> FaceAnswer:
            seen.append(answer.body)
            return answer

        shop.spoil(note)
        result = await shop.apply()
        assert result.code is ExitCode.DONE
        assert any(b"stoppeddisassociated" in body for body in seen)
        assert len(shop.world.all_machines()) == 1

    tensordock_story(tmp_path, tell, market_offer("a1"))


# --- the catalogue --------------------------------------------------------------------------------


@pytest.mark.parametrize("number", sorted(CATALOGUE))
def test_whatever_goes_wrong_nothing_leaks_and_nothing_is_doubled(
    tmp_path: Path, number: str
) -> None:
    operation, fault = CATALOGUE[number]

    async def tell(shop: TensorDockShop) -> None:
        await survive(
            shop,
            lambda: shop.world.script_fault(fault, operation),
            shop.world.clear_faults,
            minutes=12,
        )

    tensordock_story(tmp_path, tell, *several_offers(12))


# --- broken answers -------------------------------------------------------------------------------

ENDPOINTS = {
    "search": ("GET", "v2/hostnodes"),
    "keys": ("GET", "v2/secrets"),
    "create": ("POST", "v2/instances"),
    "list": ("GET", "v2/instances"),
    "destroy": ("DELETE", "v2/instances/"),
}
BROKEN: dict[str, Change] = {
    **BROKEN_ANSWERS,
    "401 about the key": replaced(401, b'{"error": "Invalid API credentials"}'),
    "error in a 200": replaced(200, b'{"status": 500, "error": "Unexpected error"}'),
    "404 in a 200": replaced(200, b'{"status": 404, "error": "Not found"}'),
    "data is null": replaced(200, b'{"data": null}'),
    "an empty id": replaced(200, b'{"data": {"id": "", "status": "running"}}'),
    "an unexpected error during deployment": replaced(
        200, b'{"status": 400, "error": "unexpected error during deployment"}'
    ),
}
EVERYWHERE = (
    "truncated JSON",
    "HTML with 200",
    "401 about the key",
    "error in a 200",
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
    async def tell(shop: TensorDockShop) -> None:
        change = only(BROKEN[broken], *ENDPOINTS[endpoint])
        await survive(shop, lambda: shop.spoil(change), lambda: shop.spoil(None), minutes=3)

    tensordock_story(tmp_path, tell, *several_offers(12))


def rows_changed(**fields: object) -> Change:
    """Every machine of every answer, in whatever shape, with other fields; ``...`` takes away."""

    def changed(value: object) -> object:
        if isinstance(value, list):
            return [changed(one) for one in value]
        if not isinstance(value, dict):
            return value
        made = {name: changed(one) for name, one in value.items()}
        if "status" in made and ("name" in made or "rateHourly" in made):
            made.update(fields)
        return {name: one for name, one in made.items() if one is not ...}

    def change(_: FaceRequest, answer: FaceAnswer) -> FaceAnswer:
        return replace(answer, body=json.dumps(changed(json.loads(answer.body))).encode())

    return change


ROWS: dict[str, Change] = {
    "unknown status": rows_changed(status="zombified"),
    "no status": rows_changed(status=...),
    "status is a number": rows_changed(status=7),
    "everything is released": rows_changed(status="StoppedDisassociated"),
    "everything is terminated": rows_changed(status="Terminated"),
    "no name": rows_changed(name=...),
    "name is null": rows_changed(name=None),
    "name is a number": rows_changed(name=7),
    "price is null": rows_changed(rateHourly=None),
    "price is text": rows_changed(rateHourly="0.4"),
    "price is not a number": rows_changed(rateHourly=float("nan")),
    "address is hostile": rows_changed(ipAddress="-oProxyCommand=x"),
    "forwards are hostile": rows_changed(
        portForwards=[{"internal_port": 22, "external_port": "22 -oX"}]
    ),
    "list is null": page_changed(data=None),
    "list is missing": page_changed(data=...),
    "list is an object": page_changed(data={"virtualmachines": []}),
    "list is empty": page_changed(data={"instances": []}),
    "more follows": page_changed(links={"next": "x"}),
}


@pytest.mark.parametrize("case", ROWS)
def test_a_row_or_a_page_that_lies_never_leaks_a_machine_nor_makes_a_second_one(
    tmp_path: Path, case: str
) -> None:
    async def tell(shop: TensorDockShop) -> None:
        change = only(ROWS[case], "GET", "v2/instances")
        await survive(shop, lambda: shop.spoil(change), lambda: shop.spoil(None), minutes=3)

    tensordock_story(tmp_path, tell, *several_offers(12))
