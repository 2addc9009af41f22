"""The one step that would save most, against every step tried through the planner's own choice."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from itertools import chain
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconciler.model.explanation import Relaxation
from reconciler.model.fleet import Buying, Fleet, NodeCount, OfferRules, Resources, Where
from reconciler.model.gpu_syntax import parse_gpu
from reconciler.model.hand_over import Boot
from reconciler.model.offer import Offer
from reconciler.model.quantity import GIB, Range, parse_range
from reconciler.planning.constraints import CAP_REASONS, NEVER_LOOSENED, choosable, movable
from reconciler.planning.exact_choice import choose_offers
from reconciler.planning.offer_matching import RankedOffer, match_offers, refusal_tests
from reconciler.planning.offer_shelves import OfferShelves
from reconciler.planning.purchase_terms import FleetNeed, terms_of
from reconciler.planning.relaxation import cheapest_relaxation
from tests.builders import fleet, offer

ALTERNATIVES = ("RTX4090", "RTX3090", "RTX4090:2")
Paid = tuple[int, Decimal]
"""Nodes, and what they cost an hour."""


def relaxed(wanted: Fleet, *offers: Offer) -> Relaxation | None:
    return cheapest_relaxation(wanted, match_offers(wanted, offers))


def change(wanted: Fleet, *offers: Offer) -> str:
    found = relaxed(wanted, *offers)
    return found.change if found else ""


def resources(**changes: Any) -> Resources:
    return Resources(gpu=(parse_gpu("RTX4090"),), **changes)


NL = Where(countries=frozenset({"NL"}))
CHEAP = {"usd_per_hour": "0.10"}


@pytest.mark.parametrize(
    ("wanted", "cheap", "words"),
    [
        (fleet(where=NL), {"country": "DE"}, "allow country DE"),
        (
            fleet(where=Where(regions=frozenset({"nl-amsterdam"}))),
            {"region": "x"},
            "allow region x",
        ),
        (
            fleet(where=Where(providers=frozenset({"simulated"}))),
            {"provider": "vastai"},
            "allow provider vastai",
        ),
        (
            fleet(where=Where(exclude_countries=frozenset({"DE", "FR"}))),
            {"country": "DE"},
            "do not exclude country DE",
        ),
        (
            fleet(where=Where(exclude_providers=frozenset({"vastai"}))),
            {"provider": "vastai"},
            "do not exclude provider vastai",
        ),
        (
            fleet(offers=OfferRules(exclude_hosts=frozenset({"h"}))),
            {"host": "h"},
            "do not exclude host h",
        ),
        (
            fleet(offers=OfferRules(allow_hosts=frozenset({"host of o1"}))),
            {"host": "h"},
            "allow host h",
        ),
        (fleet(), {"spot": True}, "spot instead of on-demand"),
        (fleet(spot=True), {"spot": False}, "on-demand instead of spot"),
        (
            fleet(offers=OfferRules(min_reliability=Decimal("0.990"))),
            {"reliability": Decimal("0.9700")},
            "offers.min_reliability 0.97 instead of 0.99",
        ),
        (
            fleet(offers=OfferRules(verified=True)),
            {"verified": None},
            "drop offers.verified: true",
        ),
        (
            fleet(offers=OfferRules(hosting="datacenter")),
            {"hosting": "community"},
            "drop offers.hosting: datacenter",
        ),
        (
            fleet(resources=resources(cpu=parse_range("12.."))),
            {"vcpus": 8},
            "cpu 8.. instead of 12..",
        ),
        (
            fleet(resources=resources(cpu=parse_range("..16"))),
            {"vcpus": 32},
            "cpu ..32 instead of ..16",
        ),
        (
            fleet(resources=resources(memory=parse_range("48GB", sizes=True))),
            {"memory_bytes": 24 * GIB + 7},
            "memory 24GB..48GB instead of 48GB",
        ),
        (
            fleet(resources=resources(memory=parse_range("..48GB", sizes=True))),
            {"memory_bytes": 64 * GIB + 7},
            "memory ..64.01GB instead of ..48GB",
        ),
        (
            fleet(resources=resources(cuda=parse_range("12.4.."))),
            {"cuda": Decimal("11.8")},
            "cuda 11.8.. instead of 12.4..",
        ),
        (
            fleet(resources=resources(disk_bytes=500 * GIB)),
            {"disk_bytes_max": 200 * GIB},
            "disk 200GB instead of 500GB",
        ),
    ],
)
def test_each_constraint_has_its_smallest_step(
    wanted: Fleet, cheap: dict[str, Any], words: str
) -> None:
    better = offer("cheap", **{**CHEAP, "spot": wanted.spot, **cheap})
    found = relaxed(wanted, offer(spot=wanted.spot), better)
    assert found is not None
    assert found.change == words
    assert found.filling.usd_per_hour == Decimal("0.10")
    assert [one.offer.id for one in match_offers(found.fleet, [better]).ranked] == ["cheap"]


def test_every_reason_has_a_step_or_is_named_as_one_that_has_none() -> None:
    names = frozenset({"x"})
    full = Fleet(
        "train",
        NodeCount(1, 1, 1),
        resources(cpu=Range(Decimal(1)), memory=Range(Decimal(1)), cuda=Range(Decimal(1))),
        Where(names, names, names, names, names),
        OfferRules(
            Decimal("0.5"),
            True,
            "datacenter",
            names,
            names,
            frozenset({("simulated", "x")}),
            frozenset({("simulated", "host x")}),
        ),
        max_gpu_hour_usd=Decimal(1),
        max_node_hour_usd=Decimal(1),
        image="a/b",
        boot=Boot("ubuntu", "true", (8000,)),
        buying=Buying(bid_usd=Decimal(1)),
    )
    bare = fleet(spot=True, offers=OfferRules(verified=False))
    reasons = {reason for one in (full, bare) for reason, _ in refusal_tests(one)}
    stuck = {
        reason
        for reason in reasons | set(CAP_REASONS)
        if choosable(full, reason) is None and not movable(full, reason)
    }
    assert stuck == (NEVER_LOOSENED - {"other GPU"}) | {"too little disk"}


def test_an_offer_that_fails_two_constraints_helps_nobody() -> None:
    wanted = fleet(where=NL, offers=OfferRules(verified=True))
    assert change(wanted, offer(), offer("x", "0.10", country="DE", verified=False)) == ""


def test_a_price_cap_is_a_constraint_only_where_nothing_matches() -> None:
    capped = fleet(max_gpu_hour_usd=Decimal("0.30"))
    assert change(capped, offer("o1", "0.4005"), offer("o2", "0.50")) == (
        "max_gpu_hour_usd 0.401 instead of 0.3"
    )
    dear = fleet(max_node_hour_usd=Decimal("0.45"), nodes=2)
    assert change(dear, offer("o1", "0.40"), offer("o2", "0.50")) == ""


def test_nothing_helps_when_what_matches_is_the_cheapest() -> None:
    assert change(fleet(where=NL), offer(), offer("de", "0.41", country="DE")) == ""
    assert change(fleet()) == ""
    assert change(fleet(), offer(gpu="H100-SXM"), offer("none", stock=0)) == ""


def test_without_a_match_the_step_that_fills_the_fleet_cheapest_is_named() -> None:
    wanted = fleet(where=NL, nodes=2)
    one_cheap = offer("us", "0.10", country="US")
    german = [offer(f"de{n}", "0.30", country="DE") for n in range(2)]
    french = [offer(f"fr{n}", "0.20", country="FR") for n in range(2)]
    found = relaxed(wanted, one_cheap, *german, *french)
    assert found is not None
    assert found.change == "allow country FR"
    assert (found.filling.nodes, found.filling.usd_per_gpu_hour) == (2, Decimal("0.20"))


def test_the_whole_fleet_counts_and_not_its_cheapest_node() -> None:
    here = [offer(f"nl{n}", "0.40") for n in range(3)]
    one_cheap = offer("us", "0.10", country="US")
    german = [offer(f"de{n}", "0.20", country="DE") for n in range(3)]
    wanted = fleet(where=NL, nodes=3)
    assert change(wanted, *here, one_cheap, *german) == "allow country DE"
    assert change(replace(wanted, nodes=NodeCount(1, 1, 1)), *here, one_cheap, *german) == (
        "allow country US"
    )


def test_a_hidden_country_comes_along_with_the_last_excluded_one() -> None:
    hidden = offer("hidden", "0.10", country=None)
    german = offer("de", "0.20", country="DE")
    one = relaxed(fleet(where=Where(exclude_countries=frozenset({"DE"}))), hidden, german)
    two = relaxed(fleet(where=Where(exclude_countries=frozenset({"DE", "FR"}))), hidden, german)
    assert one is not None
    assert two is not None
    assert [one.filling.usd_per_hour, two.filling.usd_per_hour] == [
        Decimal("0.10"),
        Decimal("0.20"),
    ]


def test_with_ordered_alternatives_the_step_stops_before_a_dearer_first_one() -> None:
    first = offer(
        "h100", "3.00", gpu="H100-SXM", gpu_memory_bytes=80 * GIB, reliability=Decimal("0.5")
    )
    cheap = offer("cheap", "0.10", reliability=Decimal("0.97"))
    wanted = fleet(
        resources=replace(fleet(gpu=("H100", "RTX4090")).resources, ordered=True),
        offers=OfferRules(min_reliability=Decimal("0.99")),
    )
    found = relaxed(wanted, offer(), cheap, first)
    assert found is not None
    assert found.change == "offers.min_reliability 0.97 instead of 0.99"


def test_a_smaller_disk_also_makes_the_other_nodes_cheaper() -> None:
    priced = {"disk_usd_per_gib_hour": Decimal("0.001")}
    wanted = fleet(resources=resources(disk_bytes=100 * GIB), nodes=2)
    found = relaxed(
        wanted,
        *(offer(f"o{n}", "0.40", **priced) for n in range(2)),
        offer("small", "0.20", disk_bytes_max=60 * GIB, **priced),
        offer("tiny", "9.00", disk_bytes_max=1 * GIB, **priced),
    )
    assert found is not None
    assert found.change == "disk 60GB instead of 100GB"
    assert found.filling.usd_per_hour == Decimal("0.26") + Decimal("0.46")


# --- against brute force ------------------------------------------------------------------------


@st.composite
def markets(draw: st.DrawFn) -> list[Offer]:
    made = []
    for number in range(draw(st.integers(0, 9))):
        gpu, count = draw(st.sampled_from([("RTX4090", 1), ("RTX3090", 1), ("RTX4090", 2)]))
        made.append(
            offer(
                f"o{number}",
                f"0.{draw(st.integers(1, 40)):02d}",
                gpu=gpu,
                gpu_count=count,
                provider=draw(st.sampled_from(["simulated", "other"])),
                region=draw(st.sampled_from(["nl-amsterdam", "de-berlin"])),
                country=draw(st.sampled_from(["NL", "NL", "DE", "FR", None])),
                spot=draw(st.sampled_from([False, False, True])),
                reliability=draw(st.sampled_from([None, *map(Decimal, ("0.9", "0.97", "0.99"))])),
                verified=draw(st.sampled_from([True, True, False, None])),
                hosting=draw(st.sampled_from(["datacenter", "datacenter", "community", None])),
                vcpus=draw(st.sampled_from([None, 4, 8, 16])),
                memory_bytes=draw(st.sampled_from([None, 16 * GIB, 48 * GIB])),
                cuda=draw(st.sampled_from([None, Decimal("11.8"), Decimal("12.4")])),
                disk_bytes_max=draw(st.sampled_from([None, 20 * GIB, 40 * GIB, 100 * GIB])),
                disk_usd_per_gib_hour=Decimal("0.001"),
                stock=draw(st.sampled_from([0, 1, 1, 2])),
                host=draw(st.sampled_from([None, "h1", "h2"])),
                capacity_key=draw(st.sampled_from([f"k{number}", f"k{number}", "k1", "k2"])),
            )
        )
    return made


def some(*values: Any) -> st.SearchStrategy[Any]:
    return st.sampled_from(values)


@st.composite
def fleets(draw: st.DrawFn) -> Fleet:
    none = frozenset[str]()
    gpu = draw(st.lists(some(*ALTERNATIVES), min_size=1, max_size=3, unique=True))
    count = draw(st.integers(1, 3))
    return fleet(
        nodes=NodeCount(count, count, count),
        gang=draw(some(False, False, True)),
        placement=draw(some("any", "any", "any", "same_provider", "same_region", "spread")),
        uniform=draw(some(True, True, False)),
        spot=draw(some(False, False, True)),
        max_gpu_hour_usd=draw(some(None, None, Decimal("0.15"))),
        max_node_hour_usd=draw(some(None, None, Decimal("0.20"))),
        where=Where(
            providers=draw(some(none, none, frozenset({"simulated"}))),
            exclude_providers=draw(some(none, none, frozenset({"other"}))),
            regions=draw(some(none, none, frozenset({"nl-amsterdam"}))),
            countries=draw(some(none, none, frozenset({"NL"}))),
            exclude_countries=draw(some(none, none, frozenset({"DE"}), frozenset({"DE", "FR"}))),
        ),
        offers=OfferRules(
            min_reliability=draw(some(None, None, Decimal("0.98"))),
            verified=draw(some(None, None, True)),
            hosting=draw(some("any", "any", "datacenter")),
            exclude_hosts=draw(some(none, none, frozenset({"h1"}))),
            allow_hosts=draw(some(none, none, frozenset({"h1"}))),
        ),
        resources=Resources(
            gpu=tuple(parse_gpu(text) for text in gpu),
            ordered=draw(st.booleans()),
            cpu=draw(some(Range(), Range(), parse_range("8.."), parse_range("..4"))),
            memory=draw(some(Range(), Range(), parse_range("32GB..", sizes=True))),
            cuda=draw(some(Range(), Range(), parse_range("12.."))),
            disk_bytes=draw(some(10 * GIB, 30 * GIB, 50 * GIB)),
        ),
    )


def nodes_of(wanted: Fleet, market: list[Offer]) -> list[RankedOffer]:
    """What the planner's own choice for this fleet alone is."""
    need = FleetNeed(wanted, tuple(range(wanted.nodes.target)), 0, {}, terms_of(wanted, (), ()))
    return choose_offers([need], OfferShelves(market, {}), {}).nodes[wanted.name]


def bought(wanted: Fleet, market: list[Offer]) -> Paid:
    """What the planner's own choice makes of it."""
    chosen = nodes_of(wanted, market)
    return len(chosen), sum((entry.usd_per_hour for entry in chosen), Decimal(0))


def every_step(wanted: Fleet, market: list[Offer], *, caps: bool) -> list[Fleet]:
    """Every fleet that differs in one constraint, by a value of some offer."""
    steps = [replace(wanted, spot=not wanted.spot)]
    where, rules, hardware = wanted.where, wanted.offers, wanted.resources
    for one in market:
        for key, name in (
            ("providers", one.provider), ("regions", one.region), ("countries", one.country),
        ):  # fmt: skip
            if name is not None and getattr(where, key):
                more: dict[str, Any] = {key: getattr(where, key) | {name}}
                steps.append(replace(wanted, where=replace(where, **more)))
        for key, name in (("exclude_providers", one.provider), ("exclude_countries", one.country)):
            less: dict[str, Any] = {key: getattr(where, key) - {name}}
            steps.append(replace(wanted, where=replace(where, **less)))
        if rules.allow_hosts and one.host is not None:
            allowed = replace(rules, allow_hosts=rules.allow_hosts | {one.host})
            steps.append(replace(wanted, offers=allowed))
        freed = replace(rules, exclude_hosts=rules.exclude_hosts - {one.host or ""})
        steps.append(replace(wanted, offers=freed))
        if rules.min_reliability is not None and one.reliability is not None:
            least = min(rules.min_reliability, one.reliability)
            steps.append(replace(wanted, offers=replace(rules, min_reliability=least)))
        for key, value in (
            ("cpu", one.vcpus), ("memory", one.memory_bytes), ("cuda", one.cuda),
        ):  # fmt: skip
            span: Range = getattr(hardware, key)
            if value is not None and not span.contains(value):
                low = None if span.minimum is None else min(span.minimum, Decimal(value))
                high = None if span.maximum is None else max(span.maximum, Decimal(value))
                moved: dict[str, Any] = {key: Range(low, high)}
                steps.append(replace(wanted, resources=replace(hardware, **moved)))
        if caps and wanted.max_gpu_hour_usd is not None:
            steps.append(replace(wanted, max_gpu_hour_usd=Decimal(9)))
        if caps and wanted.max_node_hour_usd is not None:
            steps.append(replace(wanted, max_node_hour_usd=Decimal(9)))
    steps.append(replace(wanted, offers=replace(rules, verified=None)))
    steps.append(replace(wanted, offers=replace(rules, hosting="any")))
    return steps


def smaller_disks(wanted: Fleet, market: list[Offer]) -> list[Paid]:
    """A smaller disk counts where something is chosen that needs it as small as that."""
    results = []
    for size in {one.disk_bytes_max for one in market if one.disk_bytes_max is not None}:
        if size < wanted.resources.disk_bytes:
            smaller = replace(wanted, resources=replace(wanted.resources, disk_bytes=size))
            chosen = nodes_of(smaller, market)
            if any(entry.offer.disk_bytes_max == size for entry in chosen):
                results.append((len(chosen), sum((one.usd_per_hour for one in chosen), Decimal(0))))
    return results


@settings(
    max_examples=500, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
@given(fleets(), markets())
def test_no_single_step_saves_more_and_the_claimed_saving_is_real(
    wanted: Fleet, market: list[Offer]
) -> None:
    match = match_offers(wanted, market)
    now = bought(wanted, market)
    tried = [bought(one, market) for one in every_step(wanted, market, caps=not match.ranked)]
    better = [
        (-nodes, usd)
        for nodes, usd in chain(tried, smaller_disks(wanted, market))
        if nodes > now[0] or (nodes == now[0] and usd < now[1])
    ]
    found = cheapest_relaxation(wanted, match)
    assert (found is not None) == bool(better)
    if found is not None:
        claimed = (found.filling.nodes, found.filling.usd_per_hour)
        assert claimed == bought(found.fleet, market)
        assert (-claimed[0], claimed[1]) == min(better)


@settings(max_examples=50, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(fleets(), markets(), st.randoms(use_true_random=False))
def test_I21_the_order_of_the_offers_does_not_matter(
    wanted: Fleet, market: list[Offer], chance: Any
) -> None:
    mixed = list(market)
    chance.shuffle(mixed)
    assert repr(relaxed(wanted, *mixed)) == repr(relaxed(wanted, *market))
