"""What a person who looks at the market is shown: priced offers, groups and what is missing."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, Literal

from reconciler.model.value import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta
    from decimal import Decimal

    from reconciler.model.offer import Offer

OfferGroupKey = Literal["gpu", "provider", "country", "region"]
OfferSortKey = Literal["price", "gpu-price", "gpu", "memory", "reliability"]


@dataclass(frozen=True, slots=True)
class PricedOffer:
    """An offer with its all-in rate for the disk that was asked for."""

    offer: Offer
    usd_per_hour: Decimal

    @property
    def usd_per_gpu_hour(self) -> Decimal:
        return self.usd_per_hour / max(1, self.offer.gpu_count)


@dataclass(frozen=True, slots=True)
class OfferGroup:
    """Offers that share ``name``; rates are all-in dollars per GPU and hour."""

    name: str
    count: int
    minimum: Decimal
    median: Decimal
    maximum: Decimal


@dataclass(frozen=True, slots=True)
class OfferView:
    """``shown`` of ``matching`` offers, out of ``total`` usable ones. With ``group_by`` the
    ``groups`` are what is shown. ``unusable``: rows left out by (provider, reason).
    """

    shown: tuple[PricedOffer, ...]
    matching: int
    total: int
    disk_bytes: int
    group_by: OfferGroupKey | None
    groups: tuple[OfferGroup, ...]
    unusable: Mapping[tuple[str, str], int]
    failures: Mapping[str, str]
    ages: Mapping[str, timedelta] = field(default_factory=dict)
    """How long ago a provider's offers were read, where they were kept since."""
