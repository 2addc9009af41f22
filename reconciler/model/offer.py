"""Something rentable now: provider, hardware, place, price."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Literal

from reconciler.model.quantity import GIB
from reconciler.model.value import dataclass

if TYPE_CHECKING:
    from datetime import datetime


Ability = Literal["image", "vm_image", "setup", "ports", "spot", "node_timer"]
"""What a document may ask of a provider and not every one can do."""
NOTHING_LACKING: frozenset[Ability] = frozenset()


@dataclass(frozen=True, slots=True)
class Offer:
    """One row of a provider's market; every figure is for one whole node.

    ``gpu`` is a canonical model name. ``usd_per_hour`` leaves out the disk, which costs
    ``disk_usd_per_gib_hour`` for each GiB ordered. ``stock`` is how many nodes can be rented at
    once; offers with one ``capacity_key`` share it (the spot and on-demand side of one host).
    ``reliability`` is 0 to 1, None when the provider does not say.
    """

    provider: str
    id: str
    gpu: str
    gpu_count: int
    gpu_memory_bytes: int
    usd_per_hour: Decimal
    disk_usd_per_gib_hour: Decimal
    vcpus: int | None
    memory_bytes: int | None
    disk_bytes_max: int | None
    cuda: Decimal | None
    region: str
    country: str | None
    host: str | None
    spot: bool
    reliability: Decimal | None
    verified: bool | None
    hosting: Literal["datacenter", "community"] | None
    stock: int
    capacity_key: str
    rentable_for: timedelta | None = None
    """How long it can be rented from now; None for as long as one likes."""
    lacks: frozenset[Ability] = NOTHING_LACKING
    """What its provider cannot do."""

    def node_usd_per_hour(self, disk_bytes: int) -> Decimal:
        """The all-in rate of a node with ``disk_bytes`` of disk."""
        return self.usd_per_hour + self.disk_usd_per_hour(disk_bytes)

    def disk_usd_per_hour(self, disk_bytes: int) -> Decimal:
        """The part of that rate that the disk costs."""
        return self.disk_usd_per_gib_hour * disk_bytes / GIB


@dataclass(frozen=True, slots=True)
class OfferListing:
    """One provider's answer. ``unusable`` counts rows left out, by reason (bad input 49).

    ``failure`` is set when the provider could not be asked; ``offers`` is then empty, which says
    nothing about the market. ``age``: how long ago it was read, where it was kept since.
    """

    provider: str
    offers: tuple[Offer, ...]
    unusable: dict[str, int]
    read_at: datetime
    failure: str | None = None
    age: timedelta = timedelta(0)
    searches_used_up: bool = False
    """Why it failed: the provider allows no more searches for now."""


@dataclass(frozen=True, slots=True)
class OfferBook:
    """What all asked providers have now."""

    listings: tuple[OfferListing, ...] = ()

    @property
    def offers(self) -> list[Offer]:
        return [offer for listing in self.listings for offer in listing.offers]

    @property
    def failures(self) -> dict[str, str]:
        """Provider name to reason, for those that could not be asked."""
        return {entry.provider: entry.failure for entry in self.listings if entry.failure}


EMPTY_OFFER_BOOK = OfferBook()
