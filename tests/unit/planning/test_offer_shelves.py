"""The cheapest way to fill the slots of a fleet."""

from __future__ import annotations

from decimal import Decimal
from itertools import combinations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.model.fleet import Resources
from reconciler.model.gpu_syntax import parse_gpu
from reconciler.model.offer import Offer
from reconciler.model.quantity import GIB
from reconciler.planning.offer_matching import match_offers
from reconciler.planning.offer_shelves import Choice, OfferShelves
from tests.builders import fleet, offer

PRICES = st.integers(1, 6).map(lambda cents: f"0.{cents:02d}")


@st.composite
def small_markets(draw: st.DrawFn) -> list[Offer]:
    made = []
    for number in range(draw(st.integers(0, 6))):
        key = f"host-{draw(st.integers(0, 3))}"
        gpu = draw(st.sampled_from(["RTX4090", "RTX3090"]))
        made.append(
            offer(
                f"o{number}",
                draw(PRICES),
                capacity_key=key,
                gpu=gpu,
                stock=1 + len(key) % 2 * draw(st.integers(0, 1)),
            )
        )
    return made


@settings(max_examples=300, deadline=None, derandomize=True)
@given(small_markets(), st.integers(1, 4))
def test_the_choice_is_the_cheapest_fullest_set_of_like_nodes(
    market: list[Offer], count: int
) -> None:
    wanted = fleet(gpu=("RTX4090", "RTX3090"))
    chosen = OfferShelves(market).take(wanted, count, alike=None, spares=0).chosen
    assert _allowed([entry.offer for entry in chosen])
    copies = [one for one in market for _ in range(one.stock)]
    best: tuple[int, Decimal] | None = None
    for size in range(count, 0, -1):
        for some in combinations(copies, size):
            if len({one.gpu for one in some}) == 1 and _allowed(some):
                rank = (-size, sum((one.usd_per_hour for one in some), Decimal(0)))
                best = rank if best is None else min(best, rank)
    found = (-len(chosen), sum((entry.usd_per_hour for entry in chosen), Decimal(0)))
    assert found == (best or (0, Decimal(0)))


def _allowed(some: Any) -> bool:
    """No capacity promised beyond what the offers taken from it say is left."""
    for one in some:
        sharing = [other for other in some if other.capacity_key == one.capacity_key]
        if len(sharing) > max(other.stock for other in sharing):
            return False
        if sum(1 for other in some if other is one) > one.stock:
            return False
    return True


@pytest.mark.parametrize(
    ("ordered", "alike", "first"),
    [
        (False, None, "RTX3090"),
        (True, None, "RTX4090"),
        (False, ("RTX4090", 1, 24 * GIB), "RTX4090"),
        (False, ("H100", 1, 80 * GIB), None),
    ],
)
def test_the_kind_is_the_cheapest_or_the_first_named_or_the_one_that_runs(
    ordered: bool, alike: Any, first: str | None
) -> None:
    market = [offer("a", "0.40"), offer("b", "0.30", gpu="RTX3090")]
    gpus = tuple(parse_gpu(text) for text in ("RTX4090", "RTX3090"))
    wanted = fleet(resources=Resources(gpu=gpus, ordered=ordered))
    chosen = OfferShelves(market).take(wanted, 1, alike=alike, spares=0).chosen
    assert [entry.offer.gpu for entry in chosen] == ([first] if first else [])


def test_one_capacity_is_never_promised_to_two_fleets() -> None:
    shelves = OfferShelves([offer("a"), offer("b", capacity_key="host of a")])
    assert len(shelves.take(fleet(), 3, alike=None, spares=9).chosen) == 1
    assert shelves.take(fleet("other"), 3, alike=None, spares=9) == Choice()


def test_spares_are_the_next_cheapest_of_the_same_kind_with_room_left() -> None:
    market = [offer("a"), offer("b", "0.41"), offer("c", "0.42", gpu="RTX3090"), offer("d", "0.43")]
    wanted = fleet(gpu=("RTX4090", "RTX3090"))
    choice = OfferShelves(market).take(wanted, 1, alike=None, spares=5)
    assert [entry.offer.id for entry in choice.chosen] == ["a"]
    assert [entry.offer.id for entry in choice.spare] == ["b", "d"]


@settings(max_examples=300, deadline=None, derandomize=True)
@given(
    st.lists(st.tuples(PRICES, st.integers(0, 3)), max_size=12),
    st.integers(1, 12),
    st.one_of(st.none(), st.integers(2, 8)),
)
def test_shelves_and_ranking_agree_whatever_the_disks_cost(
    rows: list[tuple[str, int]], count: int, cap_cents: int | None
) -> None:
    """The shelves are in order of the price without disk; what is taken is cheapest with it."""
    market = [
        offer(f"o{number}", price, disk_usd_per_gib_hour=Decimal(disk) / 5000)
        for number, (price, disk) in enumerate(rows)
    ]
    cap = None if cap_cents is None else Decimal(cap_cents) / 100
    wanted = fleet(max_gpu_hour_usd=cap)
    ranked = match_offers(wanted, market).ranked
    choice = OfferShelves(reversed(market)).take(wanted, count, alike=None, spares=3)
    assert choice.chosen == ranked[:count]
    assert choice.spare == (ranked[count : count + 3] if len(ranked) >= count else ())
