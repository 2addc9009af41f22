"""Which offers to show for a question about the market, in which order, in which groups."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from typing import TYPE_CHECKING

from reconciler.model.fleet import DEFAULT_DISK_BYTES
from reconciler.model.gpu import memory_matches
from reconciler.model.offer_view import OfferGroup, OfferView, PricedOffer
from reconciler.model.quantity import ANYTHING, Range
from reconciler.model.value import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Any

    from reconciler.model.offer import Offer, OfferListing
    from reconciler.model.offer_view import OfferGroupKey, OfferSortKey


@dataclass(frozen=True, slots=True)
class OfferFilter:
    """Empty and None ask for nothing. ``models`` are canonical names; ``gpu_memory`` is bytes of
    one GPU, where sold memory may fall short as in a fleet; rates include the disk.
    """

    models: frozenset[str] = frozenset()
    gpu_count: int | None = None
    gpu_memory: Range = ANYTHING
    providers: frozenset[str] = frozenset()
    regions: frozenset[str] = frozenset()
    countries: frozenset[str] = frozenset()
    spot: bool | None = None
    hosting: str | None = None
    min_reliability: Decimal | None = None
    verified: bool | None = None
    max_gpu_hour_usd: Decimal | None = None
    max_node_hour_usd: Decimal | None = None

    def accepts(self, priced: PricedOffer) -> bool:
        """True when nothing that is asked for is missing; what an offer hides does not match."""
        offer = priced.offer
        return (
            (not self.models or offer.gpu in self.models)
            and self.gpu_count in (None, offer.gpu_count)
            and self._memory_fits(offer)
            and (not self.providers or offer.provider in self.providers)
            and (not self.regions or offer.region in self.regions)
            and (not self.countries or offer.country in self.countries)
            and self.spot in (None, offer.spot)
            and self.hosting in (None, offer.hosting)
            and self.verified in (None, offer.verified)
            and _at_least(offer.reliability, self.min_reliability)
            and _at_most(priced.usd_per_gpu_hour, self.max_gpu_hour_usd)
            and _at_most(priced.usd_per_hour, self.max_node_hour_usd)
        )

    def _memory_fits(self, offer: Offer) -> bool:
        wanted = self.gpu_memory
        return wanted.is_open or memory_matches(
            offer.gpu_memory_bytes, wanted.minimum, wanted.maximum
        )


def view_offers(
    listings: Iterable[OfferListing],
    wanted: OfferFilter,
    *,
    disk_bytes: int = DEFAULT_DISK_BYTES,
    sort: OfferSortKey = "gpu-price",
    group_by: OfferGroupKey | None = None,
    limit: int | None = None,
) -> OfferView:
    """Filter, price, sort and group. Rates include ``disk_bytes`` of disk; the order of
    ``listings`` does not matter. ``limit`` applies to offers or, with ``group_by``, to groups.
    """
    everything = sorted(listings, key=lambda one: one.provider)
    matching = [
        priced
        for listing in everything
        for offer in listing.offers
        if wanted.accepts(priced := PricedOffer(offer, offer.node_usd_per_hour(disk_bytes)))
    ]
    matching.sort(key=_ORDERS[sort])
    groups = _groups(matching, group_by) if group_by else []
    return OfferView(
        shown=() if group_by else tuple(matching[:limit]),
        matching=len(matching),
        total=sum(len(listing.offers) for listing in everything),
        disk_bytes=disk_bytes,
        group_by=group_by,
        groups=tuple(groups[:limit]),
        unusable={
            (listing.provider, reason): number
            for listing in everything
            for reason, number in sorted(listing.unusable.items())
        },
        failures={one.provider: one.failure for one in everything if one.failure},
        ages={one.provider: one.age for one in everything if one.age},
    )


def _at_least(value: Decimal | None, wanted: Decimal | None) -> bool:
    return wanted is None or (value is not None and value >= wanted)


def _at_most(value: Decimal, wanted: Decimal | None) -> bool:
    return wanted is None or value <= wanted


def _name(priced: PricedOffer) -> tuple[str, str]:
    return (priced.offer.provider, priced.offer.id)


_ORDERS: dict[OfferSortKey, Callable[[PricedOffer], tuple[Any, ...]]] = {
    "price": lambda one: (one.usd_per_hour, _name(one)),
    "gpu-price": lambda one: (one.usd_per_gpu_hour, _name(one)),
    "gpu": lambda one: (one.offer.gpu, one.offer.gpu_count, one.usd_per_hour, _name(one)),
    "memory": lambda one: (-one.offer.gpu_memory_bytes, one.usd_per_gpu_hour, _name(one)),
    "reliability": lambda one: (-(one.offer.reliability or 0), one.usd_per_gpu_hour, _name(one)),
}


def _groups(matching: Sequence[PricedOffer], group_by: OfferGroupKey) -> list[OfferGroup]:
    """Cheapest first, ties by name."""
    rates: dict[str, list[Decimal]] = defaultdict(list)
    for priced in matching:
        name: str | None = getattr(priced.offer, group_by)
        rates[name or "(unknown)"].append(priced.usd_per_gpu_hour)
    groups = [
        OfferGroup(name, len(found), min(found), _median(found), max(found))
        for name, found in rates.items()
    ]
    return sorted(groups, key=lambda group: (group.minimum, group.name))


def _median(rates: list[Decimal]) -> Decimal:
    ordered = sorted(rates)
    middle = len(ordered) // 2
    if len(ordered) % 2:
        return ordered[middle]
    return (ordered[middle - 1] + ordered[middle]) / 2
