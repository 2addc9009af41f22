"""What was made elsewhere, against ours: RunPod's API document and RunPod's own Python client.

Neither is a part of this project. ``GPU_SHOPPER_VENDOR_SPECS`` names a folder with
``runpod-v2.json``, ``GPU_SHOPPER_RUNPOD`` a Python that can import ``runpod``, 1.12 or later.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from reconciler.market.faces.exchange import FaceAnswer, FaceRequest
from reconciler.market.faces.runpod_names import pod_id
from reconciler.market.faults import ErrorWord, Fault
from reconciler.model.errors import InstanceNotFound, ProviderError
from reconciler.operations.market_view import find_strangers
from reconciler.providers.base import CreateRequest, OfferQuery
from tests.end_to_end.test_vastai import RUNPOD, Rehearsal, rehearsal
from tests.simulation.runpod_shop import RUNPOD_QUICKSTART, RunpodShop, runpod_story
from tests.simulation.shop import several_offers
from tests.witness.vendor_documents import SPECS, deviations

CLIENT = os.environ.get("GPU_SHOPPER_RUNPOD", "")
KNOWN_ERRORS: set[tuple[str, ...]] = set()
"""Where the document is wrong: nowhere, as far as our traffic goes."""
TOO_OFTEN: ErrorWord = "rate-limited"
MINUTE = timedelta(minutes=1)
Exchanges = list[tuple[FaceRequest, FaceAnswer]]
needs_document = pytest.mark.skipif(not SPECS, reason="GPU_SHOPPER_VENDOR_SPECS names no folder")


def exchanges_of(
    tmp_path: Path, tell: Callable[[RunpodShop], Awaitable[None]]
) -> tuple[Exchanges, set[tuple[str, ...]]]:
    """What went over the wire to REST v2, and what of it the document does not say."""
    seen: Exchanges = []

    def note(request: FaceRequest, answer: FaceAnswer) -> FaceAnswer:
        if request.segments != ("graphql",):
            seen.append((request, answer))
        return answer

    async def told(shop: RunpodShop) -> None:
        shop.spoil(note)
        await tell(shop)

    runpod_story(tmp_path, told, *several_offers(6, stock=3))
    document = json.loads((Path(SPECS) / "runpod-v2.json").read_text())
    return seen, {one for exchange in seen for one in deviations(document, *exchange)}


@needs_document
def test_what_is_sent_and_answered_is_as_the_vendors_document_says(tmp_path: Path) -> None:
    async def tell(shop: RunpodShop) -> None:
        await shop.apply(RUNPOD_QUICKSTART + "    env: {COLOUR: blue}\n")
        (machine,) = shop.alive()
        shop.world.place_volume(100 * 2**30, 0, machine.id)
        assert len((await find_strangers(shop.workspace())).volumes) == 1
        await shop.wait(timedelta(hours=1))
        shop.world.stop(machine.id, shop.now)
        await shop.wait(MINUTE)
        await shop.reconcile()
        await shop.wait(timedelta(hours=3))
        for _ in range(6):
            await shop.reconcile()
            await shop.wait(MINUTE)

    seen, found = exchanges_of(tmp_path, tell)
    assert found - KNOWN_ERRORS == set()
    assert KNOWN_ERRORS - found == set(), "the document was mended: take them off the list"
    calls = {(one.method, one.segments[1], len(one.segments)) for one, _ in seen}
    assert calls == {
        ("GET", "catalog", 3),
        ("GET", "network-volumes", 2),
        ("GET", "pods", 2),
        ("GET", "pods", 3),
        ("POST", "pods", 2),
        ("DELETE", "pods", 3),
    }
    assert {answer.status for _, answer in seen} >= {200, 201, 204, 404}


@needs_document
def test_errors_are_answered_as_the_vendors_document_says(tmp_path: Path) -> None:
    async def tell(shop: RunpodShop) -> None:
        offer = (await shop.adapter.list_offers(OfferQuery())).offers[0]
        order = CreateRequest("m", offer, 2**30, None, {}, shop.now + timedelta(hours=1))
        words: tuple[ErrorWord, ...] = ("auth-refused", "no-capacity", "refused", "not-found")
        for word in (*words, TOO_OFTEN):
            shop.world.script_fault(Fault(error=word), "create_instance", times=1)
            with pytest.raises(ProviderError):
                await shop.adapter.create_instance(order)
        for word in (words[0], TOO_OFTEN):
            shop.world.script_fault(Fault(error=word), "list_instances", times=5)
            with pytest.raises(ProviderError):
                await shop.adapter.list_instances()
            shop.world.clear_faults()
        for call in (shop.adapter.get_instance, shop.adapter.destroy_instance):
            with pytest.raises(InstanceNotFound):
                await call("nobody1")
        assert shop.alive() == ()

    seen, found = exchanges_of(tmp_path, tell)
    assert found == set()
    assert {answer.status for _, answer in seen} >= {400, 401, 404, 422, 429}


@needs_document
def test_the_document_itself_refuses_what_is_wrong() -> None:
    """The witness sees: an answer that is not as the document says is found."""
    document = json.loads((Path(SPECS) / "runpod-v2.json").read_text())
    order = FaceRequest.of("POST", "/v2/pods", {}, b'{"name": "", "image": "x", "bogus": 1}')
    answer = FaceAnswer(201, b'{"id": 7}')
    found = set(deviations(document, order, answer))
    assert {one[1] for one in found} == {"request", "201"}
    lost = FaceRequest.of("GET", "/v2/podz", {}, b"")
    assert [one[1] for one in deviations(document, lost, answer)] == ["no such path"]


# --- the vendor's client --------------------------------------------------------------------------


_PROGRAM = """
import json, os, runpod
runpod.api_key = os.environ["RUNPOD_API_KEY"]
print(json.dumps({}))
"""


def vendor(shop: Rehearsal, code: str) -> Any:
    """What the client says; it knows REST v2 not at all, GraphQL only."""
    done = subprocess.run(
        [CLIENT, "-c", _PROGRAM.format(code)],
        env={
            "PATH": os.defpath,
            "HOME": str(shop.directory),
            "RUNPOD_API_BASE_URL": shop.settings["RUNPOD_API_URL"],
            "RUNPOD_API_KEY": shop.key,
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


GPU = "NVIDIA GeForce RTX 4090"


@pytest.mark.skipif(not CLIENT, reason="GPU_SHOPPER_RUNPOD names no Python")
def test_the_vendors_own_client_shops_creates_lists_stops_and_terminates(tmp_path: Path) -> None:
    with rehearsal(tmp_path, RUNPOD) as shop:
        assert [one["id"] for one in vendor(shop, "runpod.get_gpus()")] == [GPU]
        gpu = vendor(shop, f"runpod.get_gpu({GPU!r})")
        assert gpu["lowestPrice"]["uninterruptablePrice"] == gpu["securePrice"] == 0.43
        made = vendor(
            shop,
            f"runpod.create_pod('by-hand', 'pytorch/pytorch:2.9.0', {GPU!r}, ports='22/tcp', "
            "container_disk_in_gb=20, env={'COLOUR': 'blue'})",
        )
        (machine,) = shop.alive()
        assert made["id"] == pod_id(machine.id)
        assert (machine.label, machine.image) == ("by-hand", "pytorch/pytorch:2.9.0")
        assert machine.disk_bytes == 20 * 2**30
        assert json.loads(shop.world.machine_notes()[machine.id])["env"] == {"COLOUR": "blue"}
        seen = vendor(shop, f"runpod.get_pod({made['id']!r})")
        assert (seen["name"], seen["costPerHr"], seen["env"]) == ("by-hand", 0.43, ["COLOUR=blue"])
        shop.server.until(lambda: bool(vendor(shop, "runpod.get_pods()")))
        assert [one["id"] for one in vendor(shop, "runpod.get_pods()")] == [made["id"]]
        stopped = vendor(shop, f"runpod.stop_pod({made['id']!r})")
        assert stopped["desiredStatus"] == "EXITED"
        vendor(shop, f"runpod.terminate_pod({made['id']!r})")
        shop.server.until(lambda: shop.alive() == ())


@pytest.mark.skipif(not CLIENT, reason="GPU_SHOPPER_RUNPOD names no Python")
def test_the_vendors_own_client_finds_what_we_rented(tmp_path: Path) -> None:
    with rehearsal(tmp_path, RUNPOD) as shop:
        assert shop.run("apply", "-auto-approve").code == 0
        (machine,) = shop.alive()
        found = {one["id"]: one for one in vendor(shop, "runpod.get_pods()")}
        assert found[pod_id(machine.id)]["name"] == machine.label
        user = vendor(shop, "runpod.get_user()")
        assert user["id"] == shop.state().providers["runpod"].account
