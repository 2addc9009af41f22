from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from reconciler.model.offer import Offer
from reconciler.model.quantity import GIB
from reconciler.providers.base import OfferQuery
from reconciler.providers.vastai.offers import ask_of
from reconciler.providers.vastai.searching import OFFERS_PER_PAGE, PAGES_MAX, OfferWalk
from tests.unit.providers.vastai.rows import OFFER, as_received

ALL = OfferQuery()


def walked(*rows: dict[str, Any], spot: bool = False) -> OfferWalk:
    walk = OfferWalk("vastai", ALL, spot=spot)
    walk.add(rows)
    return walk


def offer(spot: bool = False, **changes: Any) -> Offer:
    (found,) = walked(as_received(OFFER, **changes), spot=spot).offers
    return found


def test_a_row_in_our_units() -> None:
    found = offer()
    assert found.id == "30412345"
    assert (found.gpu, found.gpu_count, found.gpu_memory_bytes) == ("RTX4090", 1, 24564 * 2**20)
    assert found.usd_per_hour == Decimal("0.310000")
    assert found.disk_usd_per_gib_hour == Decimal("0.000208334")
    assert found.vcpus == 16
    assert found.memory_bytes == 257000 * 2**20 // 4
    assert found.disk_bytes_max == 812 * GIB
    assert (found.region, found.country, found.host) == ("Texas, US", "US", "machine-41234")
    assert (found.reliability, found.verified, found.hosting) == (
        Decimal("0.9912"),
        True,
        "community",
    )
    assert found.stock == 1
    assert found.rentable_for == timedelta(seconds=5_184_000) - timedelta(minutes=15)


def test_both_sides_of_one_ask_are_two_offers_of_one_capacity() -> None:
    on_demand, spot = offer(), offer(spot=True)
    assert spot.usd_per_hour == Decimal("0.120000")
    assert on_demand.id != spot.id
    assert ask_of(on_demand.id) == ask_of(spot.id) == "30412345"
    assert on_demand.capacity_key == spot.capacity_key


def test_C5_a_total_that_says_more_than_its_parts_is_believed() -> None:
    assert offer(dph_total=0.5).usd_per_hour == Decimal("0.498334")


def test_prices_are_rounded_up_to_what_the_ledger_counts() -> None:
    assert offer(dph_base=0.3100000001).usd_per_hour == Decimal("0.310001")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"dph_base": None}, "no usable dph_base"),
        ({"dph_base": "0.31"}, "no usable dph_base"),
        ({"dph_base": float("nan")}, "no usable dph_base"),
        ({"dph_base": float("inf")}, "no usable dph_base"),
        ({"dph_base": -1}, "no usable dph_base"),
        ({"dph_base": True}, "no usable dph_base"),
        ({"dph_base": 1e300}, "no usable dph_base"),
        ({"dph_base": 0, "dph_total": 0}, "a price of nothing"),
        ({"dph_base": ...}, "no usable dph_base"),
        ({"storage_cost": None}, "no usable storage_cost"),
        ({"storage_cost": "0.15", "dph_base": None}, "no usable dph_base, storage_cost"),
        ({"id": None}, "no usable id"),
        ({"id": 0}, "no usable id"),
        ({"id": 2**70}, "no usable id"),
        ({"id": "../users/1"}, "no usable id"),
        ({"num_gpus": 0}, "no usable num_gpus"),
        ({"num_gpus": "1"}, "no usable num_gpus"),
        ({"gpu_name": None}, "no usable gpu_name"),
        ({"gpu_name": "Voodoo\x1b[2J"}, "unknown GPU Voodoo\\x1b[2J"),
    ],
)
def test_bad_input_49_a_row_that_cannot_be_used_is_counted_with_its_reason(
    changes: dict[str, Any], reason: str
) -> None:
    walk = walked(as_received(OFFER, **changes), as_received(OFFER, id=1))
    assert dict(walk.unusable) == {reason: 1}
    assert len(walk.offers) == 1


@pytest.mark.parametrize("bid", [None, 0, "0.1", ..., float("nan")])
def test_a_bid_without_a_lowest_bid_is_no_offer(bid: Any) -> None:
    walk = walked(as_received(OFFER, min_bid=bid), spot=True)
    assert dict(walk.unusable) == {"no usable min_bid": 1}


@pytest.mark.parametrize(
    "changes",
    [
        {name: None}
        for name in OFFER
        if name not in ("id", "gpu_name", "num_gpus", "dph_base", "storage_cost")
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_C7_2_null_in_what_only_describes_leaves_an_offer(changes: dict[str, Any]) -> None:
    assert offer(**changes).id == "30412345"


def test_memory_of_a_share_of_a_machine_whose_cores_nobody_counts() -> None:
    assert offer(cpu_cores=None).memory_bytes == 257000 * 2**20 // 4
    assert offer(cpu_cores=None, gpu_frac=None).memory_bytes is None


# --- pages --------------------------------------------------------------------------------------


def page(first: int, price: float | None = None, count: int = OFFERS_PER_PAGE) -> list[Any]:
    return [
        as_received(OFFER, id=number, dph_total=price if price is not None else number / 1000)
        for number in range(first, first + count)
    ]


def test_the_next_page_begins_at_the_last_price_and_repeats_nothing() -> None:
    walk = OfferWalk("vastai", ALL, spot=False)
    walk.add(page(1000))
    assert walk.goes_on
    assert walk.question()["dph_total"] == {"gte": 1.063}
    walk.add(page(1063, count=10))
    assert not walk.goes_on
    assert len(walk.offers) == len({one.id for one in walk.offers}) == 73


def test_a_page_of_one_price_alone_does_not_come_for_ever() -> None:
    walk = OfferWalk("vastai", ALL, spot=False)
    walk.add(page(1, price=0.5))
    walk.add(page(1, price=0.5))
    assert walk.question()["dph_total"] == {"gt": 0.5}


def test_pages_end_at_what_a_minute_allows() -> None:
    walk = OfferWalk("vastai", ALL, spot=False)
    for number in range(PAGES_MAX):
        assert walk.goes_on
        walk.add(page(1 + number * OFFERS_PER_PAGE))
    assert not walk.goes_on
    assert len(walk.offers) == 320


def test_a_question_names_what_is_wanted_and_no_more() -> None:
    query = OfferQuery(frozenset({"RTX4090", "A100-SXM-80GB"}), frozenset({True}), frozenset({8}))
    asked = OfferWalk("vastai", query, spot=True).question()
    assert asked["type"] == "bid"
    assert asked["gpu_name"] == {"in": ["A100 SXM", "A100 SXM4", "RTX 4090"]}
    assert asked["num_gpus"] == {"in": [8]}
    assert asked["verified"] == {"eq": True}
    assert "id" not in asked
    assert "gpu_name" not in OfferWalk("vastai", ALL, spot=False).question()


def test_a_model_whose_spelling_nobody_knows_is_searched_for_among_everything() -> None:
    query = OfferQuery(frozenset({"RTX4090", "GAUDI3"}))
    assert "gpu_name" not in OfferWalk("vastai", query, spot=False).question()
