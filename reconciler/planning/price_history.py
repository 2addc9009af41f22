"""The prices that searches saw, hour by hour: added up, and bounded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.price_history import PricePoint, PriceSeries

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from decimal import Decimal

    from reconciler.model.offer import OfferListing

    Kind = tuple[str, str, int, bool]

POINTS_MAX = 168
"""Hours remembered of one kind of node: a week of searches every hour."""
SERIES_MAX = 400
"""Kinds remembered; those that were not seen for longest are forgotten first."""


def kind_of(series: PriceSeries) -> Kind:
    return (series.provider, series.gpu, series.gpu_count, series.spot)


def with_listings(
    known: Iterable[PriceSeries], listings: Iterable[OfferListing]
) -> tuple[PriceSeries, ...]:
    """``known`` and what ``listings`` say, in order of the kinds. Repeating it changes nothing."""
    points = {kind_of(one): list(one.points) for one in known}
    for kind, point in _lowest(listings):
        points[kind] = _with_point(points.get(kind, []), point)
    kept = sorted(points, key=lambda kind: (points[kind][-1].since, kind))[-SERIES_MAX:]
    return tuple(PriceSeries(*kind, tuple(points[kind])) for kind in sorted(kept))


def _with_point(points: list[PricePoint], new: PricePoint) -> list[PricePoint]:
    others = [one for one in points if one.since != new.since]
    same = [one for one in points if one.since == new.since]
    best = min([*same, new], key=lambda one: (one.usd_per_gpu_hour, -one.offers))
    return sorted([*others, best], key=lambda one: one.since)[-POINTS_MAX:]


def _lowest(listings: Iterable[OfferListing]) -> Iterator[tuple[Kind, PricePoint]]:
    for listing in listings:
        prices: dict[Kind, list[Decimal]] = {}
        for offer in listing.offers:
            if offer.stock > 0:
                kind = (offer.provider, offer.gpu, offer.gpu_count, offer.spot)
                prices.setdefault(kind, []).append(offer.usd_per_hour)
        since = listing.read_at.replace(minute=0, second=0, microsecond=0)
        for kind, found in prices.items():
            yield kind, PricePoint(since, min(found) / kind[2], len(found))
