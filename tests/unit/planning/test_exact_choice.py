"""The best offers for all fleets together, held against every allowed choice of small markets."""

from __future__ import annotations

from decimal import Decimal
from random import Random
from typing import Any

import pytest

from reconciler.model.fleet import NodeCount, Resources
from reconciler.model.gpu_syntax import parse_gpu
from reconciler.model.offer import Offer
from reconciler.planning.exact_choice import Selection, choose_offers
from reconciler.planning.offer_shelves import OfferShelves
from reconciler.planning.purchase_terms import FleetNeed, Standing, terms_of
from reconciler.planning.capacity import host_of
from tests.builders import fleet, offer
from tests.unit.planning.brute_force import affordable, fits, least_worth, suits, worth

CASES = 10_000
PARTS = 20
GPUS = ("RTX4090", "RTX3090")
PLACEMENTS = ("any", "any", "same_provider", "same_region", "spread")


class Case:
    """A small market, and fleets that want something from it; one number makes all of it."""

    def __init__(self, number: int) -> None:
        self.draw = draw = Random(number)
        self.market = [self._offer(n) for n in range(draw.randint(1, draw.choice((3, 5, 8))))]
        self.standing: dict[str, list[Offer]] = {}
        sizes = draw.choice(((3,), (2, 2), (3, 1), (2, 2), (1, 1, 1), (2, 1, 1)))
        self.needs = [self._need(f"f{number}", size) for number, size in enumerate(sizes)]
        self.rooms = {
            name: Decimal(draw.randint(-2, 60)) / 100
            for name in ("p", "q")
            if draw.random() < 0.2
        }

    def _offer(self, number: int) -> Offer:
        draw = self.draw
        return offer(
            f"o{number}",
            f"0.{draw.randint(10, 16)}",
            provider=draw.choice("ppq"),
            region=draw.choice("rrs"),
            gpu=draw.choice(GPUS),
            host=draw.choice((None, "h1", "h2", f"h{number}")),
            stock=draw.choice((1, 1, 2, 3)),
            capacity_key=draw.choice((f"k{number}", f"k{number}", "k1", "k2")),
            disk_usd_per_gib_hour=Decimal(draw.choice((0, 0, 1, 2))) / 1000,
            spot=draw.random() < 0.1,
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

    def choose(self, *, shuffled: bool = False) -> Selection:
        market, needs = list(self.market), list(self.needs)
        if shuffled:
            self.draw.shuffle(market)
            self.draw.shuffle(needs)
        return choose_offers(needs, OfferShelves(market, self.rooms), self.rooms)

    def check(self) -> None:
        selection = self.choose()
        chosen = {
            name: tuple(entry.offer for entry in nodes) for name, nodes in selection.nodes.items()
        }
        assert not selection.unproven
        for need in self.needs:
            assert suits(need, self.standing[need.fleet.name], chosen[need.fleet.name])
        assert fits(tuple(one for nodes in chosen.values() for one in nodes))
        assert affordable(self.needs, chosen, self.rooms)
        best = least_worth(self.needs, self.standing, self.market, self.rooms)
        assert worth(self.needs, chosen) == best


@pytest.mark.parametrize("part", range(PARTS))
def test_the_choice_is_the_best_that_is_allowed(part: int) -> None:
    for number in range(part, CASES, PARTS):
        try:
            Case(number).check()
        except AssertionError as error:
            raise AssertionError(f"case {number}") from error
