"""What is promised of each capacity, taken one by one or all that another counted at once."""

from __future__ import annotations

from decimal import Decimal
from random import Random

from reconciler.planning.capacity import Capacity
from reconciler.planning.offer_matching import RankedOffer
from reconciler.planning.offer_shelves import Ranking
from tests.builders import offer

OFFERS = [
    offer(f"o{number}", provider="p", capacity_key=f"k{number % 4}", stock=1 + number % 3)
    for number in range(12)
]


def test_what_is_absorbed_counts_as_if_it_had_been_taken_one_by_one() -> None:
    for seed in range(200):
        draw = Random(seed)
        alone, together, part = Capacity(), Capacity(), Capacity()
        for one in draw.choices(OFFERS, k=draw.randint(0, 6)):
            alone.take(one)
            together.take(one)
        based = Capacity(together) if draw.random() < 0.5 else part
        for one in draw.choices(OFFERS, k=draw.randint(0, 6)):
            alone.take(one)
            based.take(one)
        together.absorb(based)
        rooms = [[max(0, one.room(each)) for each in OFFERS] for one in (together, alone)]
        assert rooms[0] == rooms[1]
        assert sorted(together.overdrawn()) == sorted(alone.overdrawn())
        assert set(together.taken) == set(alone.taken)


def test_a_capacity_that_was_absorbed_keeps_its_own_count() -> None:
    one, first, second = offer("o1", stock=5), Capacity(), Capacity()
    first.take(one)
    second.absorb(first)
    second.take(one)
    second.absorb(first)
    assert (first.room(one), second.room(one)) == (4, 2)


def test_what_is_used_up_is_passed_over_once_and_the_rest_is_offered_in_turn() -> None:
    read: list[str] = []

    def entries() -> list[RankedOffer]:
        return [RankedOffer(one, Decimal(1), 0) for one in offers]

    offers = [offer(f"o{number}", stock=1, capacity_key=f"k{number}") for number in range(6)]
    ranking, capacity = Ranking(iter(entries())), Capacity()
    for number in (0, 1, 3):
        capacity.take(offers[number])
    passed, found = capacity.up_to_room(ranking)
    assert (passed, found and found.offer.id) == (2, "o2")
    read += [entry.offer.id for entry in capacity.with_room(ranking)]
    assert read == ["o2", "o4", "o5"]
    capacity.take(offers[2])
    passed, found = capacity.up_to_room(ranking)
    assert (passed, found and found.offer.id) == (4, "o4")
