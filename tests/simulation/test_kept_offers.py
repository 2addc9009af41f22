"""What a search found serves the next command for a minute, and never what could not be rented."""

from __future__ import annotations

import json
import stat
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import pytest

from reconciler.market.faces.exchange import FaceAnswer, FaceRequest, as_json
from reconciler.market.fault_words import parse_fault
from reconciler.model.exit_code import ExitCode
from reconciler.model.offer import OfferListing
from reconciler.operations.market_view import list_market
from reconciler.planning.offer_view import OfferFilter, view_offers
from reconciler.providers.base import OfferQuery
from reconciler.reporting.offer_table import offer_table
from tests.simulation.vast_shop import VastShop, vast_story

SECOND = timedelta(seconds=1)
L4 = OfferQuery(frozenset({"RTX4090"}), frozenset({False}), frozenset({1}))


def told(directory: Path, tell: Callable[[VastShop], Awaitable[None]]) -> None:
    async def keeping(shop: VastShop) -> None:
        shop.keeps_offers = True
        await tell(shop)

    vast_story(directory, keeping)


async def offers(shop: VastShop, **changes: bool) -> OfferListing:
    query = OfferQuery(L4.models, L4.kinds, L4.gpu_counts, **changes)
    (listing,) = (await list_market(shop.workspace(), query)).listings
    return listing


def searches(shop: VastShop) -> int:
    return shop.wire.count("POST", "bundles")


def quota(request: FaceRequest, answer: FaceAnswer) -> FaceAnswer:
    if request.segments[-1] != "bundles":
        return answer
    return as_json(429, {"success": False, "error": "search_quota_exceeded", "msg": "tomorrow"})


def test_a_minute_long_the_next_command_does_not_search_again_and_says_so(tmp_path: Path) -> None:
    async def tell(shop: VastShop) -> None:
        first = await offers(shop)
        await shop.wait(40 * SECOND)
        second = await offers(shop)
        assert searches(shop) == 1
        assert second.offers == first.offers
        assert first.age == timedelta(0)
        assert 40 * SECOND <= second.age < 42 * SECOND
        table = offer_table(view_offers([second], OfferFilter()))
        assert "vastai: as of 40s ago; --fresh searches again." in table
        await offers(shop, fresh=True)
        assert searches(shop) == 2
        await shop.wait(61 * SECOND)
        assert (await offers(shop)).age == timedelta(0)
        assert searches(shop) == 3

    told(tmp_path, tell)


def test_a_plan_and_the_apply_after_it_search_once(tmp_path: Path) -> None:
    async def tell(shop: VastShop) -> None:
        await shop.plan()
        result = await shop.apply()
        assert result.code is ExitCode.DONE
        assert len(shop.alive()) == 1
        assert searches(shop) == 1

    told(tmp_path, tell)


def test_BENCH_002_an_offer_that_was_taken_is_not_tried_again_from_what_was_kept(
    tmp_path: Path,
) -> None:
    """C1.9, C1.10: a stale offer that a cache shows again and again."""

    async def tell(shop: VastShop) -> None:
        before = await offers(shop)
        cheapest = min(before.offers, key=lambda one: one.usd_per_hour).id
        wanted = parse_fault("create=taken")
        shop.world.script_fault(wanted.fault, wanted.operation, times=1)
        result = await shop.apply()
        assert result.code is ExitCode.DONE
        tried = [one.segments[-1] for one in shop.wire.sent if one.method == "PUT"]
        assert tried[0] == cheapest
        assert len(set(tried)) == len(tried) == 2
        assert cheapest not in {one.id for one in (await offers(shop)).offers}
        fresh = await offers(shop, fresh=True)
        assert cheapest not in {one.id for one in fresh.offers}, "a search may show it for a while"
        await shop.wait(timedelta(minutes=11))
        assert cheapest in {one.id for one in (await offers(shop)).offers}

    told(tmp_path, tell)


def test_where_the_days_searches_are_used_up_the_last_hours_offers_serve(tmp_path: Path) -> None:
    async def tell(shop: VastShop) -> None:
        await shop.plan()
        shop.spoil(quota)
        await shop.wait(timedelta(minutes=20))
        plan = await shop.plan()
        assert len(plan.creates) == 1
        (said,) = [one.message for one in plan.findings if "no more searches" in one.message]
        assert said.startswith("the offers of vastai are 20m")
        assert (await shop.apply()).code is ExitCode.DONE
        await shop.destroy("fleet.dev")
        await shop.wait(timedelta(minutes=50))
        late = await offers(shop)
        assert late.offers == ()
        assert "search_quota_exceeded" in (late.failure or "")

    told(tmp_path, tell)


def test_another_failure_is_a_failure_whatever_was_kept(tmp_path: Path) -> None:
    async def tell(shop: VastShop) -> None:
        await offers(shop)
        wanted = parse_fault("search=500")
        shop.world.script_fault(wanted.fault, wanted.operation)
        await shop.wait(timedelta(minutes=2))
        assert (await offers(shop)).failure

    told(tmp_path, tell)


def test_the_file_is_its_owners_alone_and_holds_no_key(tmp_path: Path) -> None:
    async def tell(shop: VastShop) -> None:
        await offers(shop)
        path = shop.directory / "offers.json"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        sent = shop.wire.headers[0]["Authorization"].removeprefix("Bearer ")
        assert sent not in path.read_text()

    told(tmp_path, tell)


@pytest.mark.parametrize(
    "damage",
    ["", "{", "[]", '{"format": 1}', '{"format": 1, "searches": {"x": 7}, "failed": {"y": 7}}'],
)
def test_a_damaged_file_is_an_empty_one(tmp_path: Path, damage: str) -> None:
    async def tell(shop: VastShop) -> None:
        (shop.directory / "offers.json").write_text(damage)
        (shop.directory / "offers.json").chmod(0o600)
        assert (await offers(shop)).offers
        assert searches(shop) == 1
        await offers(shop)
        assert searches(shop) == 1

    told(tmp_path, tell)


def test_a_price_that_rose_meanwhile_is_held_against_the_plans_ceiling(tmp_path: Path) -> None:
    """Section 12, 10: billed above the ceiling is destroyed at once, whatever the offer said."""

    async def tell(shop: VastShop) -> None:
        await shop.plan()
        wanted = parse_fault("create=dearer")
        shop.world.script_fault(wanted.fault, wanted.operation, times=1)
        await shop.apply()
        asked = [one for one in shop.world.all_machines() if one.destroy_asked is not None]
        assert len(asked) == 1
        assert searches(shop) >= 1

    told(tmp_path, tell)


def test_several_models_are_searched_for_one_by_one(tmp_path: Path) -> None:
    """Cheap GPUs must not fill the pages of dear ones."""

    async def tell(shop: VastShop) -> None:
        query = OfferQuery(frozenset({"L4", "RTX4090", "H100-SXM"}), frozenset({False, True}))
        await list_market(shop.workspace(), query)
        asked = [json.loads(one.body) for one in shop.wire.sent if one.method == "POST"]
        names = sorted((one["type"], *one["gpu_name"]["in"]) for one in asked)
        assert len(names) == 6
        assert len({tuple(name) for name in names}) == 6

    told(tmp_path, tell)
