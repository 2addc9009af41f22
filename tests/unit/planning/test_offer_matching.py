"""Which offers a fleet may take, in which order, and why not the others."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from reconciler.model.fleet import OfferRules, Resources, Where
from reconciler.model.gpu_syntax import parse_gpu
from reconciler.model.quantity import GIB, Range, parse_range
from reconciler.planning.offer_matching import match_offers
from tests.builders import fleet, offer


def rejected(wanted: Any, **changes: Any) -> dict[str, int]:
    match = match_offers(wanted, [offer(**changes)])
    assert len(match.ranked) + sum(match.rejections.values()) == 1
    return match.rejections


def resources(**changes: Any) -> Resources:
    return Resources(gpu=(parse_gpu("RTX4090"),), **changes)


@pytest.mark.parametrize(
    ("wanted", "changes", "reason"),
    [
        (fleet(gpu="H100"), {}, "other GPU"),
        (fleet(gpu="RTX4090:2"), {}, "other GPU"),
        (fleet(), {"spot": True}, "not on-demand"),
        (fleet(spot=True), {}, "not spot"),
        (fleet(), {"stock": 0}, "none left"),
        (fleet(where=Where(providers=frozenset({"vastai"}))), {}, "other provider"),
        (
            fleet(where=Where(exclude_providers=frozenset({"simulated"}))),
            {},
            "excluded provider",
        ),
        (fleet(where=Where(regions=frozenset({"us-east"}))), {}, "other region"),
        (fleet(where=Where(countries=frozenset({"DE"}))), {}, "other country"),
        (fleet(where=Where(exclude_countries=frozenset({"NL"}))), {}, "excluded country"),
        (
            fleet(where=Where(exclude_countries=frozenset({"DE"}))),
            {"country": None},
            "excluded country",
        ),
        (fleet(resources=resources(cpu=parse_range("16.."))), {}, "too few or too many CPUs"),
        (
            fleet(resources=resources(cpu=parse_range("..16"))),
            {"vcpus": None},
            "too few or too many CPUs",
        ),
        (
            fleet(resources=resources(memory=Range(Decimal(64 * GIB)))),
            {},
            "too little or too much memory",
        ),
        (fleet(resources=resources(cuda=parse_range("12.5.."))), {}, "other CUDA version"),
        (fleet(resources=resources(disk_bytes=2000 * GIB)), {}, "too little disk"),
        (fleet(offers=OfferRules(min_reliability=Decimal("0.991"))), {}, "less reliable"),
        (
            fleet(offers=OfferRules(min_reliability=Decimal("0.5"))),
            {"reliability": None},
            "less reliable",
        ),
        (fleet(offers=OfferRules(verified=True)), {"verified": None}, "not verified"),
        (fleet(offers=OfferRules(verified=False)), {}, "verified"),
        (fleet(offers=OfferRules(hosting="community")), {}, "other hosting"),
        (fleet(offers=OfferRules(exclude_hosts=frozenset({"host of o1"}))), {}, "excluded host"),
        (fleet(offers=OfferRules(allow_hosts=frozenset({"h"}))), {}, "host not allowed"),
        (fleet(max_gpu_hour_usd=Decimal("0.39")), {}, "above max_gpu_hour_usd"),
        (fleet(max_node_hour_usd=Decimal("0.39")), {}, "above max_node_hour_usd"),
        (
            fleet(max_node_hour_usd=Decimal("0.40")),
            {"disk_usd_per_gib_hour": Decimal("0.0001")},
            "above max_node_hour_usd",
        ),
    ],
)
def test_an_offer_is_rejected_for_its_first_reason(
    wanted: Any, changes: dict[str, Any], reason: str
) -> None:
    assert rejected(wanted, **changes) == {reason: 1}


@pytest.mark.parametrize(
    "wanted",
    [
        fleet(max_gpu_hour_usd=Decimal("0.40"), max_node_hour_usd=Decimal("0.40")),
        fleet(resources=resources(disk_bytes=1000 * GIB, cpu=parse_range("12"))),
        fleet(offers=OfferRules(min_reliability=Decimal("0.990"), verified=True)),
        fleet(where=Where(countries=frozenset({"NL"}), exclude_countries=frozenset({"DE"}))),
        fleet(gpu="24GB..:1"),
    ],
)
def test_an_offer_on_the_very_limit_is_taken(wanted: Any) -> None:
    assert rejected(wanted) == {}


def test_a_cap_per_gpu_counts_every_gpu_of_the_node() -> None:
    node = {"gpu_count": 8, "usd_per_hour": "3.20"}
    assert rejected(fleet(gpu="RTX4090:8", max_gpu_hour_usd=Decimal("0.40")), **node) == {}


def test_the_cheapest_comes_first_with_the_disk_in_its_price() -> None:
    plain = offer("dear", "0.41")
    cheap_gpu = offer("cheap", "0.40", disk_usd_per_gib_hour=Decimal("0.001"))
    ranked = match_offers(fleet(), [cheap_gpu, plain]).ranked
    assert [entry.offer.id for entry in ranked] == ["dear", "cheap"]
    assert [entry.usd_per_hour for entry in ranked] == [Decimal("0.41"), Decimal("0.450")]


def test_every_offer_is_ranked_or_rejected_once_for_one_reason() -> None:
    market = [
        *(offer(f"o{n}") for n in range(3)),
        offer("spot and German", spot=True, country="DE"),
        offer("German", country="DE"),
        offer("dear", "9.00"),
        offer("other", gpu="H100-SXM"),
    ]
    wanted = fleet(where=Where(countries=frozenset({"NL"})), max_gpu_hour_usd=Decimal(1), nodes=2)
    match = match_offers(wanted, market)
    assert {reason: [one.id for one in found] for reason, found in match.rejected.items()} == {
        "not on-demand": ["spot and German"],
        "other country": ["German"],
        "above max_gpu_hour_usd": ["dear"],
        "other GPU": ["other"],
    }
    kept = [entry.offer for entry in match.ranked]
    refused = [one for found in match.rejected.values() for one in found]
    assert sorted(one.id for one in kept + refused) == sorted(one.id for one in market)
    assert match.rejections == dict.fromkeys(match.rejected, 1)
