"""What was made elsewhere, against ours: the vendor's API document and the vendor's own command.

Neither is a part of this project. ``GPU_SHOPPER_VENDOR_SPECS`` names a folder with
``vastai-openapi-renter.json``, ``GPU_SHOPPER_VASTAI`` the program ``vastai``, 1.9 or later.
"""

from __future__ import annotations

import json
import os
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest

from reconciler.market.faces.exchange import FaceAnswer, FaceRequest
from reconciler.operations.market_view import find_strangers
from tests.end_to_end.test_vastai import Rehearsal, rehearsal
from tests.simulation.vast_shop import VAST_QUICKSTART, VastShop, vast_story
from tests.witness.vendor_documents import SPECS, deviations

VASTAI = os.environ.get("GPU_SHOPPER_VASTAI", "")
# Where the document is wrong, by the vendor's own guide, command and answers.
KNOWN_ERRORS = {
    ("PUT /api/v0/asks/{id}", "request", "env"),  # an object; a text with flags is not applied
    ("POST /api/v0/bundles", "request", "order"),  # a list of pairs, one is enough
    ("GET /api/v0/instances/{id}", "200", "instances"),  # null when the machine is gone
    ("GET /api/v0/instances/{id}", "200", "instances.extra_env.N"),  # pairs
    ("GET /api/v0/instances/{id}", "200", "instances.ports"),  # an object, or null
    ("GET /api/v0/instances/{id}", "200", "instances.public_ipaddr"),  # null before it runs
}


@pytest.mark.skipif(not SPECS, reason="GPU_SHOPPER_VENDOR_SPECS names no folder")
def test_what_is_sent_and_answered_is_as_the_vendors_document_says(tmp_path: Path) -> None:
    document = json.loads((Path(SPECS) / "vastai-openapi-renter.json").read_text())
    exchanges: list[tuple[FaceRequest, FaceAnswer]] = []

    def note(request: FaceRequest, answer: FaceAnswer) -> FaceAnswer:
        exchanges.append((request, answer))
        return answer

    async def tell(shop: VastShop) -> None:
        shop.spoil(note)
        await shop.apply(VAST_QUICKSTART + "safety: {node_timer: 30m}\n")
        shop.world.place_volume(100 * 2**30, 20_000)
        assert len((await find_strangers(shop.workspace())).volumes) == 1
        await shop.wait(timedelta(hours=4))
        for _ in range(6):
            await shop.reconcile()
            await shop.wait(timedelta(minutes=1))

    vast_story(tmp_path, tell)
    found = {one for exchange in exchanges for one in deviations(document, *exchange)}
    assert found - KNOWN_ERRORS == set()
    assert KNOWN_ERRORS - found == set(), "the document was mended: take them off the list"
    assert {request.method for request, _ in exchanges} == {"GET", "POST", "PUT", "DELETE"}


def vendor(shop: Rehearsal, *words: str) -> str:
    done = subprocess.run(
        [VASTAI, *words],
        env={"PATH": os.defpath, "HOME": str(shop.directory), **shop.settings},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.skipif(not VASTAI, reason="GPU_SHOPPER_VASTAI names no program")
def test_the_vendors_own_command_searches_creates_labels_and_destroys(tmp_path: Path) -> None:
    with rehearsal(tmp_path) as shop:
        query = "num_gpus=1 gpu_name=RTX_4090"
        offers = json.loads(vendor(shop, "search", "offers", query, "-o", "dph_total", "--raw"))
        assert [offer["gpu_name"] for offer in offers] == ["RTX 4090"] * 6
        made = vendor(
            shop, "create", "instance", str(offers[0]["id"]), "--image", "pytorch/pytorch:2.9.0",
            "--disk", "20", "--label", "by-hand", "--ssh", "--direct", "--env", "-e COLOUR=blue",
            "--raw",
        )  # fmt: skip
        (machine,) = shop.alive()
        assert json.loads(made)["new_contract"] == int(machine.id)
        assert (machine.label, machine.image) == ("by-hand", "pytorch/pytorch:2.9.0")
        assert machine.disk_bytes == 20 * 2**30
        assert json.loads(shop.world.machine_notes()[machine.id])["env"] == {"COLOUR": "blue"}
        shop.server.until(
            lambda: f'"id": {machine.id}' in vendor(shop, "show", "instances", "--raw")
        )
        vendor(shop, "label", "instance", machine.id, "renamed")
        assert [one.label for one in shop.alive()] == ["renamed"]
        vendor(shop, "destroy", "instance", machine.id, "-y")
        shop.server.until(lambda: shop.alive() == ())
