"""Lambda's published API document against what is sent and answered here.

The document is no part of this project. ``GPU_SHOPPER_VENDOR_SPECS`` names a folder with
``lambda-v1.10.0.json``.
"""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from reconciler.market.faces.exchange import FaceAnswer, FaceRequest
from reconciler.market.faults import Fault
from tests.simulation.lambda_shop import LAMBDA_QUICKSTART, LambdaShop, lambda_story
from tests.simulation.survival import three_nodes
from tests.unit.market.test_lambda_face import renter
from tests.witness.vendor_documents import SPECS, deviations

# Where the document is silent, by the vendor's own words elsewhere in it and by reports.
KNOWN_ERRORS = {
    ("POST /api/v1/instance-operations/launch", "429", "no such status"),
    ("GET /api/v1/regions", "429", "no such status"),
}
NEEDS_THE_DOCUMENT = pytest.mark.skipif(
    not SPECS, reason="GPU_SHOPPER_VENDOR_SPECS names no folder"
)


def found_in(exchanges: list[tuple[FaceRequest, FaceAnswer]]) -> set[tuple[str, ...]]:
    document = json.loads((Path(SPECS) / "lambda-v1.10.0.json").read_text())
    return {one for exchange in exchanges for one in deviations(document, *exchange)}


@NEEDS_THE_DOCUMENT
def test_a_whole_trip_is_as_the_vendors_document_says(tmp_path: Path) -> None:
    exchanges: list[tuple[FaceRequest, FaceAnswer]] = []

    def note(request: FaceRequest, answer: FaceAnswer) -> FaceAnswer:
        exchanges.append((request, answer))
        return answer

    async def tell(shop: LambdaShop) -> None:
        shop.spoil(note)
        shop.world.script_fault(Fault(error="no-capacity"), "create_instance", times=1)
        await shop.apply(three_nodes(LAMBDA_QUICKSTART))
        await shop.wait(timedelta(hours=4))
        for _ in range(6):
            await shop.reconcile()
            await shop.wait(timedelta(minutes=1))
        assert shop.alive() == ()

    lambda_story(tmp_path, tell)
    assert found_in(exchanges) == set()
    sent = {f"{request.method} {request.segments[-1]}" for request, _ in exchanges}
    assert {"POST launch", "POST terminate", "GET ssh-keys", "GET audit-events"} <= sent
    assert {answer.status for _, answer in exchanges} >= {200, 400, 404}


@NEEDS_THE_DOCUMENT
def test_every_other_answer_of_the_face_is_as_the_vendors_document_says() -> None:
    exchanges: list[tuple[FaceRequest, FaceAnswer]] = []
    with renter() as me:
        me.world.place_volume(100 * 2**30, 0)
        handle_at = me.face.handle_at

        def noted(world, request, now):  # type: ignore[no-untyped-def]
            answer = handle_at(world, request, now)
            exchanges.append((request, answer))
            return answer

        me.face.handle_at = noted  # type: ignore[method-assign]
        for path in ("regions", "file-systems", "instances/7", "audit-events", "ssh-keys"):
            me.ask("GET", path)
        me.ask_again("GET", "regions")
        me.ask("POST", "ssh-keys", {"name": "gs", "public_key": "ssh-ed25519 AAAA"})
        (number,) = json.loads(me.launch(name="a").body)["data"]["instance_ids"]
        me.ask_again("POST", "instance-operations/launch", {"region_name": "x"})
        me.ask("POST", f"instances/{number}", {"name": "b"})
        me.ask("GET", "instances", Authorization="Bearer wrong")
        me.launch(instance_type_name="gpu_9x_moon")
    found = found_in(exchanges)
    assert {one for one in found if one[1] != "request"} == KNOWN_ERRORS
