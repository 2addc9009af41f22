"""Volumes that bill, seen by ``orphans``; nothing is ever done with them."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from reconciler.market.faces.exchange import FaceAnswer, FaceRequest, as_json, as_text
from reconciler.model.exit_code import ExitCode
from reconciler.operations.market_view import find_strangers
from reconciler.reporting.stranger_table import stranger_table
from tests.markets import GIB
from tests.simulation.lambda_shop import LambdaShop, lambda_story
from tests.simulation.runpod_shop import RunpodShop, runpod_story
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


def test_runpods_network_volumes_have_the_rate_of_their_price_list(tmp_path: Path) -> None:
    async def tell(shop: RunpodShop) -> None:
        await shop.apply()
        (machine,) = shop.alive()
        shop.world.place_volume(720 * GIB, 0, machine.id)
        shop.world.place_volume(2000 * GIB, 0)
        mounted, forgotten = (await find_strangers(shop.workspace())).volumes
        assert (mounted.size_bytes, mounted.usd_per_hour) == (720 * GIB, Decimal("0.07"))
        assert mounted.used_by == (shop.id_of(machine),)
        # The first 1000 GB at 0.07, the others at 0.05, for a month of 720 hours.
        assert (forgotten.used_by, forgotten.usd_per_hour) == ((), Decimal("0.166667"))
        asked = {one.method for one in shop.wire.sent if "network-volumes" in one.segments}
        assert asked == {"GET"}

    runpod_story(tmp_path, tell)


def test_lambda_tells_neither_the_price_nor_the_machine_of_a_file_system(tmp_path: Path) -> None:
    async def tell(shop: LambdaShop) -> None:
        await shop.apply()
        (machine,) = shop.alive()
        shop.world.place_volume(40 * GIB, 0, machine.id)
        shop.world.place_volume(100 * GIB, 0)
        report = await find_strangers(shop.workspace())
        mounted, forgotten = report.volumes
        assert (mounted.size_bytes, mounted.usd_per_hour) == (40 * GIB, None)
        assert (mounted.used_by, forgotten.used_by) == (None, ())
        text = stranger_table((), report.now, (), volumes=report.volumes)
        assert "some machine" in text
        assert all(one.id in text for one in report.volumes), "an id that is cut is no use"
        assert "and 2 of unknown rate, 1 mounted nowhere" in " ".join(text.split())

    lambda_story(tmp_path, tell)


@pytest.mark.parametrize(
    "answer",
    [
        as_text(502, "bad gateway"),
        as_text(200, "<html>Just a moment"),
        as_json(200, {"data": None, "networkVolumes": None}),
        as_json(200, {"data": [{"id": "../1"}], "networkVolumes": [{"id": "../1"}]}),
        as_json(200, {}),
    ],
)
def test_elsewhere_too_what_cannot_be_read_is_a_doubt(tmp_path: Path, answer: FaceAnswer) -> None:
    def broken(request: FaceRequest, good: FaceAnswer) -> FaceAnswer:
        return answer if request.segments[-1] in ("network-volumes", "file-systems") else good

    async def tell(shop: RunpodShop | LambdaShop) -> None:
        shop.spoil(broken)
        (doubt,) = (await find_strangers(shop.workspace())).doubts
        assert ": volumes: " in doubt

    (tmp_path / "l").mkdir()
    runpod_story(tmp_path, tell)
    lambda_story(tmp_path / "l", tell)
