"""Small markets with fleets that want something from them, for choices held against every other."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from random import Random

from reconciler.model.offer import Offer
from reconciler.planning.exact_choice import Selection, choose_offers
from reconciler.planning.offer_shelves import OfferShelves
from reconciler.planning.purchase_terms import FleetNeed
from tests.builders import offer
from tests.unit.planning.brute_force import affordable, fits, least_worth, suits, worth

GPUS = ("RTX4090", "RTX3090")


class SmallMarket:
    """One number makes all of it. ``standing``: what each fleet has already."""

    market: list[Offer]
    needs: list[FleetNeed]
    rooms: dict[str, Decimal]

    def __init__(self, number: int) -> None:
        self.draw = Random(number)
        self.standing: dict[str, list[Offer]] = {}

    def drawn_offer(self, number: int) -> Offer:
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
        )

    def choose(self, *, shuffled: bool = False) -> Selection:
        market, needs = list(self.market), list(self.needs)
        if shuffled:
            self.draw.shuffle(market)
            self.draw.shuffle(needs)
        return choose_offers(needs, OfferShelves(market, self.rooms), self.rooms)

    def check(self) -> None:
        """What is chosen is allowed, and nothing that is allowed is worth more."""
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
        assert worth(self.needs, chosen, self.standing) == best


def check_all(case: Callable[[int], SmallMarket], numbers: Iterable[int]) -> None:
    for number in numbers:
        try:
            case(number).check()
        except AssertionError as error:
            raise AssertionError(f"case {number}") from error


def check_order(case: SmallMarket, times: int) -> None:
    """I21: the same, in whatever order offers and fleets come."""
    first = dict(case.choose().nodes)
    assert all(dict(case.choose(shuffled=True).nodes) == first for _ in range(times))
