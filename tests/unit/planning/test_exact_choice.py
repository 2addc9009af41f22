"""The best offers for all fleets together, held against every allowed choice of small markets."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from random import Random
from typing import Any

import pytest

from reconciler.model.fleet import NodeCount, Resources
from reconciler.model.gpu_syntax import parse_gpu
from reconciler.model.hand_over import Boot
from reconciler.model.offer import Offer
from reconciler.model.quantity import GIB, NEVER
from reconciler.planning import integer_program, joint_choice
from reconciler.planning.exact_choice import choose_offers
from reconciler.planning.hosts import host_of
from reconciler.planning.offer_shelves import OfferShelves
from reconciler.planning.purchase_terms import FleetNeed, Standing, terms_of
from tests.builders import fleet, offer
from tests.unit.planning.small_market import GPUS, SmallMarket, check_all, check_order

CASES = 10_000
PARTS = 20
PLACEMENTS = ("any", "any", "same_provider", "same_region", "spread")


class Case(SmallMarket):
    """A small market, and fleets that want something from it; one number makes all of it."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        draw = self.draw
        self.market = [self._offer(n) for n in range(draw.randint(1, draw.choice((3, 5, 8))))]
        sizes = draw.choice(((3,), (2, 2), (3, 1), (2, 2), (1, 1, 1), (2, 1, 1)))
        self.needs = [self._need(f"f{number}", size) for number, size in enumerate(sizes)]
        if draw.random() < 0.3:
            self._make_alike()
        self.rooms = {
            name: Decimal(draw.randint(-2, 60)) / 100 for name in ("p", "q") if draw.random() < 0.2
        }

    def _offer(self, number: int) -> Offer:
        return replace(
            self.drawn_offer(number),
            disk_usd_per_gib_hour=Decimal(self.draw.choice((0, 0, 1, 2))) / 1000,
            spot=self.draw.random() < 0.1,
        )

    def _need(self, name: str, size: int) -> FleetNeed:
        draw = self.draw
        gpus = draw.choice((GPUS, GPUS, GPUS[::-1], GPUS[:1]))
        resources = Resources(
            gpu=tuple(parse_gpu(text) for text in gpus),
            ordered=draw.random() < 0.4,
            disk_bytes=draw.choice((10, 10, 50)) * 2**30,
        )
        standing = [self._offer(100 + n) for n in range(draw.choice((0, 0, 0, 0, 1, 1, 2)))]
        least = draw.randint(0, size)
        wanted = fleet(
            name,
            NodeCount(least + len(standing), size + len(standing), size + len(standing)),
            resources=resources,
            gang=draw.random() < 0.4,
            placement=draw.choice(PLACEMENTS),
            uniform=draw.random() < 0.7,
            max_node_hour_usd=draw.choice((None, None, None, Decimal("0.15"))),
        )
        self.standing[name] = standing
        return FleetNeed(
            fleet=wanted,
            slots=tuple(range(len(standing), len(standing) + size)),
            occupied=len(standing),
            replaces={},
            terms=terms_of(
                wanted,
                [(one.gpu, one.gpu_count, one.gpu_memory_bytes) for one in standing],
                [
                    Standing(
                        one.provider, one.region, host_of(one.provider, one.host, one.capacity_key)
                    )
                    for one in standing
                ],
            ),
        )

    def _make_alike(self) -> None:
        """All fleets want what the first one wants, if not as many nodes of it."""
        first = self.needs[0]
        for number, need in enumerate(self.needs):
            wanted = replace(
                first.fleet,
                name=need.fleet.name,
                nodes=NodeCount(0, len(need.slots), len(need.slots)),
                gang=need.fleet.gang,
            )
            self.needs[number] = replace(need, fleet=wanted, occupied=0, terms=first.terms)
            self.standing[need.fleet.name] = self.standing[first.fleet.name]


@pytest.mark.parametrize("part", range(PARTS))
def test_the_choice_is_the_best_that_is_allowed(part: int) -> None:
    check_all(Case, range(part, CASES, PARTS))


@pytest.mark.parametrize("number", range(0, 400, 8))
def test_I21_the_order_of_offers_and_fleets_does_not_matter(number: int) -> None:
    check_order(Case(number), 5)


# --- by name ----------------------------------------------------------------------------------


def need(name: str, size: int = 1, **changes: Any) -> FleetNeed:
    wanted = fleet(name, size, **changes)
    return FleetNeed(wanted, tuple(range(size)), 0, {}, terms_of(wanted, (), ()))


def ids(market: list[Offer], *needs: FleetNeed, rooms: Any = None) -> dict[str, list[str]]:
    rooms = rooms or {}
    selection = choose_offers(needs, OfferShelves(market, rooms), rooms)
    return {name: [one.offer.id for one in nodes] for name, nodes in selection.nodes.items()}


def forbid_the_search(monkeypatch: pytest.MonkeyPatch) -> None:
    def search(*_: object) -> None:
        raise AssertionError("no search is needed here")

    monkeypatch.setattr(joint_choice, "choose_jointly", search)


def test_two_fleets_that_want_the_same_offer_pay_least_together() -> None:
    """Who would lose most by giving way gets it, whatever their names."""
    market = [
        offer("both", "0.40"),
        offer("a-only", "0.50", gpu="RTX3090"),
        offer("b-only", "0.90", gpu="L40S"),
    ]
    found = ids(market, need("a", gpu=("RTX4090", "RTX3090")), need("b", gpu=("RTX4090", "L40S")))
    assert found == {"a": ["a-only"], "b": ["both"]}


def test_fleets_that_agree_on_what_is_cheaper_need_no_search(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """They differ in their disks, and every offer sells disk at one price."""
    forbid_the_search(monkeypatch)
    market = [offer(f"o{number}", f"0.{number + 1:02d}") for number in range(9)]
    needs = [
        need(f"f{size}", 2, resources=Resources(gpu=(parse_gpu("RTX4090"),), disk_bytes=size * GIB))
        for size in (10, 20, 30)
    ]
    found = ids(market, *needs)
    assert sorted(one for nodes in found.values() for one in nodes) == [f"o{n}" for n in range(6)]
    assert {len(nodes) for nodes in found.values()} == {2}


def test_a_fleet_that_can_be_served_elsewhere_leaves_its_offer_to_one_that_cannot() -> None:
    market = [offer("both", "0.10"), offer("dear", "9.00", gpu="RTX3090")]
    found = ids(market, need("a", gpu=("RTX4090", "RTX3090")), need("b"))
    assert found == {"a": ["dear"], "b": ["both"]}


def test_more_fleets_at_their_minimum_come_before_more_nodes() -> None:
    market = [offer(f"o{number}") for number in range(3)]
    big, gang = need("a", 3), need("b", 2, gang=True)
    big = FleetNeed(fleet("a", NodeCount(1, 3, 3)), big.slots, 0, {}, big.terms)
    found = ids(market, big, gang)
    assert {name: len(nodes) for name, nodes in found.items()} == {"a": 1, "b": 2}


def test_one_place_is_the_cheapest_for_all_nodes_and_not_for_the_first() -> None:
    market = [
        offer("cheap", "0.10", region="one"),
        offer("dear", "0.90", region="one"),
        *(offer(f"even{number}", "0.40", region="two") for number in range(2)),
        offer("other", "0.01", provider="p", region="two"),
    ]
    assert ids(market, need("a", 2, placement="same_region")) == {"a": ["even0", "even1"]}
    assert ids(market, need("a", 2, placement="same_provider")) == {"a": ["cheap", "even0"]}


@pytest.mark.parametrize("placement", ["any", "same_provider", "same_region", "spread"])
def test_fleets_that_do_not_stand_in_one_anothers_way_need_no_search(
    monkeypatch: pytest.MonkeyPatch, placement: str
) -> None:
    forbid_the_search(monkeypatch)
    market = [offer(f"a{n}") for n in range(9)] + [offer(f"b{n}", gpu="L40S") for n in range(9)]
    needs = [need("a", 3, placement=placement, gang=True), need("b", 3, gpu="L40S")]
    assert [len(nodes) for nodes in ids(market, *needs).values()] == [3, 3]


def test_like_fleets_need_no_search_though_they_want_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    forbid_the_search(monkeypatch)
    market = [offer(f"a{n}", f"0.1{n}") for n in range(4)]
    market += [offer(f"b{n}", f"0.2{n}", gpu="RTX3090") for n in range(4)]
    needs = [need(name, 2, gpu=("RTX4090", "RTX3090")) for name in "xyz"]
    assert ids(market, *needs) == {"x": ["a0", "a1"], "y": ["a2", "a3"], "z": ["b0", "b1"]}


def test_like_fleets_of_different_sizes_share_out_the_kinds_best() -> None:
    """In turn the small one takes a cheap node, and the big one pays for the dear kind."""
    market = [offer("a0", "0.10"), offer("a1", "0.10"), offer("a2", "0.40")]
    market += [offer("b0", "0.20", gpu="RTX3090")]
    market += [offer(f"b{n}", "0.90", gpu="RTX3090") for n in range(1, 3)]
    gpu = ("RTX4090", "RTX3090")
    found = ids(market, need("a", 1, gpu=gpu), need("b", 3, gpu=gpu))
    assert found == {"a": ["b0"], "b": ["a0", "a1", "a2"]}


def test_kinds_that_share_a_capacity_are_not_taken_for_independent() -> None:
    """In turn `a` takes the host of `k`, and what it leaves to `b` is far dearer."""
    market = [
        offer("x", "0.10", capacity_key="k"),
        offer("y", "0.11", gpu="RTX3090", capacity_key="k"),
        offer("x2", "0.20"),
        offer("x3", "0.90"),
        offer("y2", "0.12", gpu="RTX3090"),
        offer("y3", "0.13", gpu="RTX3090"),
    ]
    gpu = ("RTX4090", "RTX3090")
    found = ids(market, need("a", 2, gpu=gpu), need("b", 2, gpu=gpu))
    assert sorted(sorted(nodes) for nodes in found.values()) == [["x", "x2"], ["y2", "y3"]]


def test_a_search_that_would_be_too_big_is_not_begun_and_that_is_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(joint_choice, "COLUMNS_MAX", 1)
    market = [offer("both", "0.40"), offer("x", "0.50", gpu="L40S"), offer("y", "0.90", gpu="L4")]
    needs = [need("a", gpu=("RTX4090", "L40S")), need("b", gpu=("RTX4090", "L4"))]
    selection = choose_offers(needs, OfferShelves(market, {}), {})
    assert selection.unproven == {"a", "b"}
    assert all(len(nodes) == 1 for nodes in selection.nodes.values())


def test_a_search_that_is_cut_short_gives_no_less_than_one_fleet_after_the_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def cut_short(program: Any, *_: object) -> integer_program.Answer:
        return integer_program.Answer((0,) * len(program.uppers), False)

    monkeypatch.setattr(joint_choice, "minimised", cut_short)
    market = [offer("both", "0.40"), offer("x", "0.50", gpu="L40S"), offer("y", "0.90", gpu="L4")]
    needs = [need("a", gpu=("RTX4090", "L40S")), need("b", gpu=("RTX4090", "L4"))]
    selection = choose_offers(needs, OfferShelves(market, {}), {})
    assert selection.unproven == {"a", "b"}
    assert all(len(nodes) == 1 for nodes in selection.nodes.values())


def test_different_gangs_in_one_region_over_five_thousand_offers_are_proven() -> None:
    """Eight nodes of eight H100 each, three times, with disks of three sizes."""
    draw = Random(1)
    market = [
        offer(
            f"o{number:04d}",
            str(Decimal(draw.randint(800_000, 32_000_000)) / 1_000_000),
            gpu="H100-SXM",
            gpu_count=8,
            gpu_memory_bytes=80 * 2**30,
            region=f"r{draw.randint(0, 29)}",
            disk_usd_per_gib_hour=Decimal(draw.randint(0, 300)) / 1_000_000,
        )
        for number in range(5000)
    ]
    gpu = (parse_gpu("H100-SXM:8"),)
    needs = [
        need(
            f"train{size}",
            8,
            gang=True,
            placement="same_region",
            resources=Resources(gpu=gpu, disk_bytes=size * 2**30),
        )
        for size in (50, 500, 1000)
    ]
    selection = choose_offers(needs, OfferShelves(market, {}), {})
    assert not selection.unproven
    for nodes in selection.nodes.values():
        assert len({entry.offer.region for entry in nodes}) == 1
        assert len(nodes) == 8


@pytest.mark.parametrize(
    ("asks", "unfit"),
    [
        ({"image": "nvidia/cuda:12.4.1-base-ubuntu22.04"}, {"lacks": frozenset({"image"})}),
        ({"boot": Boot(setup="echo hi")}, {"lacks": frozenset({"setup"})}),
        ({"boot": Boot(vm_image="ubuntu2404")}, {"lacks": frozenset({"vm_image"})}),
        ({"boot": Boot(ports=(8000,))}, {"lacks": frozenset({"ports"})}),
        ({"ttl": timedelta(hours=9)}, {"rentable_for": timedelta(hours=5)}),
        ({"expires_at": NEVER}, {"rentable_for": timedelta(days=300)}),
    ],
    ids=["image", "setup", "vm image", "ports", "a longer lease", "no end"],
)
@pytest.mark.parametrize("names", ["ab", "ba"])
def test_a_fleet_gets_only_what_it_accepts_itself_beside_another_that_asks_for_less(
    names: str, asks: dict[str, Any], unfit: dict[str, Any]
) -> None:
    plain, asking = fleet(names[0]), fleet(names[1], **asks)
    needs = [FleetNeed(one, (0,), 0, {}, terms_of(one, (), ())) for one in (plain, asking)]
    market = [offer("o1", "0.30", stock=9, **unfit), offer("o2", "0.40", stock=9)]
    assert ids(market, *needs) == {plain.name: ["o1"], asking.name: ["o2"]}
