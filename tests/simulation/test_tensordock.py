"""What TensorDock alone does on the whole trip."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from reconciler.market.faces.exchange import FaceAnswer, FaceRequest
from reconciler.market.units import usd
from reconciler.model.exit_code import ExitCode
from tests.markets import market_offer
from tests.simulation.shop import several_offers
from tests.simulation.tensordock_shop import (
    TENSORDOCK_QUICKSTART,
    TensorDockShop,
    tensordock_story,
)


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
