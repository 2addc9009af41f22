"""Shelves hand out what a fleet accepts, cheapest first, and read no further than asked."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.model.fleet import Fleet, OfferRules, Resources, Where
from reconciler.model.gpu_syntax import parse_gpu
from reconciler.model.offer import Offer
from reconciler.model.quantity import GIB, NEVER, parse_range
from reconciler.planning.offer_matching import RankedOffer, match_offers
from reconciler.planning.offer_shelves import OfferShelves
from reconciler.planning.purchase_terms import PurchaseTerms
from tests.builders import fleet, offer

PRICES = st.integers(1, 6).map(lambda cents: f"0.{cents:02d}")
DISK_RATES = [Decimal(number) / 5000 for number in range(4)]
ANY = PurchaseTerms()


def ranked(wanted: Fleet, market: list[Offer], terms: PurchaseTerms = ANY) -> list[RankedOffer]:
    rankings = OfferShelves(market, {}).rankings(wanted, terms)
    return [entry for ranking in rankings for entry in ranking.from_place()]


@settings(max_examples=300, deadline=None, derandomize=True)
@given(
    st.lists(st.tuples(PRICES, st.integers(0, 3)), max_size=12),
    st.one_of(st.none(), st.integers(2, 8)),
)
def test_shelves_and_matching_agree_whatever_the_disks_cost(
    rows: list[tuple[str, int]], cap_cents: int | None
) -> None:
    """The shelves are in order of the price without disk; what is taken is cheapest with it."""
    market = [
        offer(f"o{number}", price, disk_usd_per_gib_hour=DISK_RATES[disk])
        for number, (price, disk) in enumerate(rows)
    ]
    cap = None if cap_cents is None else Decimal(cap_cents) / 100
    wanted = fleet(max_gpu_hour_usd=cap)
    assert tuple(ranked(wanted, market[::-1])) == match_offers(wanted, market).ranked


def test_fleets_that_differ_in_one_constraint_share_shelves_and_nothing_else() -> None:
    """What passes is remembered for like fleets: here no two are alike."""
    market = [
        offer("plain"),
        offer("spot", spot=True),
        offer("abroad", country="DE", region="de", provider="other"),
        offer("small", vcpus=2, memory_bytes=4 * GIB, cuda=Decimal("11.0")),
        offer("cramped", disk_bytes_max=20 * GIB),
        offer("shady", verified=False, hosting="community", reliability=Decimal("0.5"), host="h"),
    ]
    gpu = (parse_gpu("RTX4090"),)
    fleets = [
        fleet(),
        fleet(spot=True),
        fleet(where=Where(providers=frozenset({"other"}))),
        fleet(where=Where(exclude_countries=frozenset({"DE"}))),
        fleet(offers=OfferRules(verified=True)),
        fleet(offers=OfferRules(allow_hosts=frozenset({"h"}))),
        fleet(resources=Resources(gpu=gpu, cpu=parse_range("..4"))),
        fleet(resources=Resources(gpu=gpu, memory=parse_range("..8GB", sizes=True))),
        fleet(resources=Resources(gpu=gpu, cuda=parse_range("12.."))),
        fleet(resources=Resources(gpu=gpu, disk_bytes=10 * GIB)),
    ]
    shelves = OfferShelves(market, {})
    for wanted in fleets:
        rankings = shelves.rankings(wanted, ANY)
        found = [entry for ranking in rankings for entry in ranking.from_place()]
        assert tuple(found) == match_offers(wanted, market).ranked
        assert 0 < len(found) < len(market)


def test_each_kind_has_a_ranking_of_its_own() -> None:
    market = [offer("a"), offer("b", gpu="RTX3090"), offer("c", gpu="H100"), offer("d", "0.30")]
    rankings = OfferShelves(market, {}).rankings(fleet(gpu=("RTX4090", "RTX3090")), ANY)
    found = [[entry.offer.id for entry in one.from_place()] for one in rankings]
    assert found == [["b"], ["d", "a"]]


def test_a_ranking_is_read_once_and_as_far_as_it_is_asked() -> None:
    market = [offer(f"o{number}", f"0.{number + 10}") for number in range(5)]
    (ranking,) = OfferShelves(market, {}).rankings(fleet(), ANY)
    assert next(ranking.from_place(1)).offer.id == "o1"
    assert len(ranking.read_so_far) == 2
    assert [entry.offer.id for entry in ranking.from_place(3)] == ["o3", "o4"]


def test_two_who_read_a_ranking_in_turn_both_see_all_of_it() -> None:
    market = [offer(f"o{number}", f"0.{number + 10}") for number in range(5)]
    (ranking,) = OfferShelves(market, {}).rankings(fleet(), ANY)
    one, other = ranking.from_place(), ranking.from_place(1)
    seen = [next(who).offer.id for who in (one, other, other, one, other, one, one, one)]
    assert seen == ["o0", "o1", "o2", "o1", "o3", "o2", "o3", "o4"]
    assert [entry.offer.id for who in (one, other) for entry in who] == ["o4"]


def test_a_node_that_alone_is_above_what_a_cap_leaves_is_no_candidate() -> None:
    market = [offer("a", "0.40"), offer("b", "0.30"), offer("c", "0.50", provider="other")]
    (ranking,) = OfferShelves(market, {"simulated": Decimal("0.30")}).rankings(fleet(), ANY)
    assert [entry.offer.id for entry in ranking.from_place()] == ["b", "c"]


def test_an_offer_that_ends_before_the_lease_is_taken_by_no_fleet_whose_lease_is_longer() -> None:
    """Also where fleets that agree on all else read the same shelf one after the other."""
    market = [offer("short", "0.10", rentable_for=timedelta(hours=3)), offer("free", "0.20")]
    shelves = OfferShelves(market, {})
    brief, long = fleet(ttl=timedelta(hours=2)), fleet(ttl=timedelta(hours=4))
    endless = fleet(expires_at=NEVER)
    for wanted in (long, brief, endless, long):
        found = [
            entry.offer.id
            for ranking in shelves.rankings(wanted, ANY)
            for entry in ranking.from_place()
        ]
        assert found == (["short", "free"] if wanted is brief else ["free"])
        assert [one.offer.id for one in match_offers(wanted, market).ranked] == found
    assert match_offers(long, market).rejections == {"ends before the lease": 1}
