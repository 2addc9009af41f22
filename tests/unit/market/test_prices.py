from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from statistics import mean

from reconciler.market.prices import PRICE_STEP, PriceBoard
from reconciler.market.settings import CALM
from tests.markets import START, market_offer, small_world

BASE = 1_000_000
SWINGING = replace(CALM, price_swing_percent=4)
CHURNING = replace(CALM, others_rent_percent=20)


def prices(seed: int, steps: int) -> list[int]:
    moments = (START + step * PRICE_STEP for step in range(steps))
    return [PriceBoard(seed, SWINGING, moment).price("o1", BASE) for moment in moments]


def test_prices_move_but_stay_near_their_base_and_return_to_it() -> None:
    month = prices(1, 12 * 24 * 30)
    assert all(abs(price - BASE) <= BASE * 4 // 100 for price in month)
    assert max(month) > BASE * 102 // 100
    assert min(month) < BASE * 98 // 100
    assert abs(mean(month) - BASE) < BASE // 200


def test_a_price_moves_by_small_steps_and_not_within_five_minutes() -> None:
    day = prices(1, 288)
    steps = [abs(after - before) for before, after in pairwise(day)]
    assert 0 < max(steps) < BASE * 15 // 1000
    late = PriceBoard(1, SWINGING, START + PRICE_STEP - timedelta(microseconds=1))
    assert late.price("o1", BASE) == day[0]


def test_prices_depend_on_seed_and_offer_and_on_nothing_else() -> None:
    assert prices(1, 50) == prices(1, 50) != prices(2, 50)
    board = PriceBoard(1, SWINGING, START)
    assert board.price("o1", BASE) != board.price("o2", BASE)


def test_a_calm_market_never_moves() -> None:
    board = PriceBoard(1, CALM, START)
    assert board.price("o1", BASE) == BASE
    assert board.rented_by_others("host", 8) == 0


def test_others_rent_about_the_share_asked_for_and_return_it() -> None:
    hours = [START + timedelta(hours=hour) for hour in range(24 * 60)]
    taken = [PriceBoard(1, CHURNING, hour).rented_by_others("host", 1) for hour in hours]
    assert 0.1 < mean(taken) < 0.3
    assert PriceBoard(1, CHURNING, START).rented_by_others("big", 1000) <= 32


def test_an_offer_that_others_rented_is_not_listed_until_it_is_free() -> None:
    offers = [market_offer(f"o{i}") for i in range(50)]
    with small_world(*offers, settings=CHURNING) as world:
        now = {quote.offer.id for quote in world.list_offers(START)}
        later = {quote.offer.id for quote in world.list_offers(START + timedelta(hours=2))}
    assert len(now) < 50
    assert now != later
