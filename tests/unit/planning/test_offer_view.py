from __future__ import annotations

from decimal import Decimal

import pytest

from reconciler.model.offer_view import OfferView
from reconciler.model.quantity import Range
from reconciler.planning.offer_view import OfferFilter, view_offers
from tests.builders import listing, offer
from tests.markets import GIB

CHEAP = offer("cheap", "0.30", disk_usd_per_gib_hour=Decimal("0.01"))
PLAIN = offer("plain", "0.50")
BIG = offer(
    "big", "8.00", gpu="H100-SXM", gpu_count=8, gpu_memory_bytes=80 * GIB, country=None,
    region="us-east", spot=True, hosting="community", verified=None, reliability=None,
)  # fmt: skip


def ids(view: OfferView) -> list[str]:
    return [one.offer.id for one in view.shown]


def test_rates_include_the_disk_that_was_asked_for() -> None:
    market = [listing(CHEAP, PLAIN)]
    assert ids(view_offers(market, OfferFilter(), disk_bytes=50 * GIB)) == ["plain", "cheap"]
    assert ids(view_offers(market, OfferFilter(), disk_bytes=10 * GIB)) == ["cheap", "plain"]


@pytest.mark.parametrize(
    ("wanted", "left"),
    [
        (OfferFilter(), {"cheap", "plain", "big"}),
        (OfferFilter(models=frozenset({"H100-SXM"})), {"big"}),
        (OfferFilter(gpu_count=8), {"big"}),
        (OfferFilter(gpu_memory=Range(minimum=Decimal(40 * GIB))), {"big"}),
        (OfferFilter(providers=frozenset({"other"})), set()),
        (OfferFilter(regions=frozenset({"us-east"})), {"big"}),
        (OfferFilter(countries=frozenset({"NL"})), {"cheap", "plain"}),
        (OfferFilter(spot=True), {"big"}),
        (OfferFilter(spot=False), {"cheap", "plain"}),
        (OfferFilter(hosting="datacenter"), {"cheap", "plain"}),
        (OfferFilter(verified=True), {"cheap", "plain"}),
        (OfferFilter(min_reliability=Decimal("0.9")), {"cheap", "plain"}),
        (OfferFilter(max_gpu_hour_usd=Decimal(1)), {"cheap", "plain", "big"}),
        (OfferFilter(max_node_hour_usd=Decimal("0.50")), {"plain"}),
    ],
)
def test_what_an_offer_hides_does_not_match(wanted: OfferFilter, left: set[str]) -> None:
    assert set(ids(view_offers([listing(CHEAP, PLAIN, BIG)], wanted))) == left


def test_the_order_of_listings_and_offers_does_not_matter() -> None:
    one = [listing(CHEAP, provider="a"), listing(PLAIN, BIG, provider="b")]
    other = [listing(BIG, PLAIN, provider="b"), listing(CHEAP, provider="a")]
    assert view_offers(one, OfferFilter()) == view_offers(other, OfferFilter())


def test_a_limit_cuts_what_is_shown_and_not_what_is_counted() -> None:
    view = view_offers([listing(CHEAP, PLAIN, BIG)], OfferFilter(), limit=1)
    assert (len(view.shown), view.matching, view.total) == (1, 3, 3)


def test_groups_hold_lowest_median_and_highest_rate_per_gpu() -> None:
    market = [listing(*(offer(f"o{n}", f"0.{n}0") for n in (1, 2, 4, 9)), BIG)]
    view = view_offers(market, OfferFilter(), group_by="country")
    found = [(one.name, one.count, one.minimum, one.median, one.maximum) for one in view.groups]
    assert found == [
        ("NL", 4, Decimal("0.1"), Decimal("0.3"), Decimal("0.9")),
        ("(unknown)", 1, Decimal(1), Decimal(1), Decimal(1)),
    ]


def test_unusable_rows_and_failures_are_kept_by_provider() -> None:
    market = [listing(unusable={"no price": 2}), listing(provider="other", failure="refused")]
    view = view_offers(market, OfferFilter())
    assert view.unusable == {("simulated", "no price"): 2}
    assert view.failures == {"other": "refused"}
