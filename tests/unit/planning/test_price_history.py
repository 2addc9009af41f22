"""Prices hour by hour: the cheapest of each, bounded, and lost without harm."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

from reconciler.inventory.price_history import PriceHistory
from reconciler.planning.price_history import POINTS_MAX, SERIES_MAX, with_listings
from tests.builders import listing, offer
from tests.markets import START

HOUR = timedelta(hours=1)


def test_the_cheapest_of_each_hour_and_kind_is_remembered() -> None:
    seen = [
        listing(offer("a", "0.50"), offer("b", "0.40"), offer("s", "0.10", spot=True)),
        listing(offer("a", "0.45"), read_at=START + timedelta(minutes=30)),
        listing(offer("a", "0.80", gpu_count=2), offer("b", "0.70"), read_at=START + HOUR),
        listing(offer("a", "0.01", stock=0), read_at=START + HOUR),
    ]
    series = with_listings((), seen)
    assert [(one.gpu_count, one.spot) for one in series] == [(1, False), (1, True), (2, False)]
    prices = [point.usd_per_gpu_hour for point in series[0].points]
    assert prices == [Decimal("0.40"), Decimal("0.70")]
    assert series[2].now.usd_per_gpu_hour == Decimal("0.40")
    assert with_listings(series, seen) == series


def test_it_is_bounded_in_hours_and_in_kinds() -> None:
    hours = [listing(offer(), read_at=START + n * HOUR) for n in range(POINTS_MAX + 5)]
    (one,) = with_listings((), hours)
    assert len(one.points) == POINTS_MAX
    assert one.points[0].since == START + 5 * HOUR
    kinds = [offer(f"o{n}", gpu_count=n + 2) for n in range(SERIES_MAX + 5)]
    series = with_listings([one], [listing(*kinds, read_at=START + 999 * HOUR)])
    assert len(series) == SERIES_MAX
    assert one.gpu_count not in {found.gpu_count for found in series}, "unseen for longest"


def test_the_file_may_be_damaged_or_missing(tmp_path: Path) -> None:
    history = PriceHistory(tmp_path / "prices.json")
    assert history.series() == ()
    history.note([listing(offer())])
    (one,) = history.series()
    assert one.now.offers == 1
    (tmp_path / "prices.json").write_text('{"format": 1, "series": [{"points": 7}]}')
    assert history.series() == ()
    history.note([listing(offer())])
    assert len(history.series()) == 1
    PriceHistory(tmp_path / "nowhere" / "prices.json").note([listing(offer())])
