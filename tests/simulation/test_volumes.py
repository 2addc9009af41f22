"""Volumes that bill at Vast.ai, seen by ``orphans``; nothing is ever done with them."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from reconciler.market.faces.exchange import FaceAnswer, FaceRequest, as_json, as_text
from reconciler.model.exit_code import ExitCode
from reconciler.operations.market_view import find_strangers
from tests.markets import GIB
from tests.simulation.vast_shop import VastShop, vast_story


def test_every_volume_of_the_account_is_listed_with_what_it_costs(tmp_path: Path) -> None:
    async def tell(shop: VastShop) -> None:
        await shop.apply()
        (machine,) = shop.alive()
        shop.world.place_volume(40 * GIB, 8_000, machine.id)
        shop.world.place_volume(100 * GIB, 20_000)
        report = await find_strangers(shop.workspace())
        mounted, forgotten = report.volumes
        assert (mounted.size_bytes, mounted.usd_per_hour) == (40 * GIB, Decimal("0.008"))
        assert mounted.used_by == (machine.id,)
        assert (forgotten.used_by, forgotten.usd_per_hour) == ((), Decimal("0.02"))
        assert report.strangers == ()
        assert report.code is ExitCode.DONE
        assert {one.method for one in shop.wire.sent if "volumes" in one.segments} == {"GET"}

    vast_story(tmp_path, tell)


@pytest.mark.parametrize(
    "answer",
    [
        as_text(502, "bad gateway"),
        as_json(200, {"volumes": None}),
        as_json(200, {}),
        as_json(200, {"volumes": [{"id": "../users/1"}]}),
        as_json(404, {"success": False, "error": "auth_error", "msg": "Invalid user key"}),
    ],
)
def test_what_cannot_be_read_is_a_doubt_and_not_no_volumes(
    tmp_path: Path, answer: FaceAnswer
) -> None:
    def broken(request: FaceRequest, good: FaceAnswer) -> FaceAnswer:
        return answer if request.segments[-1] == "volumes" else good

    async def tell(shop: VastShop) -> None:
        shop.world.place_volume(40 * GIB, 8_000)
        shop.spoil(broken)
        report = await find_strangers(shop.workspace())
        (doubt,) = report.doubts
        assert doubt.startswith("vastai: volumes: ")
        assert report.code is ExitCode.PROVIDER_FAILURE

    vast_story(tmp_path, tell)
