"""What Lambda alone does on the whole trip."""

from __future__ import annotations

import json
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

from reconciler.market.faces.exchange import FaceAnswer, FaceRequest
from reconciler.market.ledger import bill
from reconciler.market.units import usd
from reconciler.model.exit_code import ExitCode
from tests.markets import market_offer
from tests.simulation.lambda_shop import LAMBDA_QUICKSTART, LambdaShop, lambda_story
from tests.simulation.survival import (
    HOUR,
    MINUTE,
)


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
