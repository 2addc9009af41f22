"""Why a fleet gets the offers that it gets: the value behind ``explain``."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING

from reconciler.model.value import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

    from reconciler.model.fleet import Fleet
    from reconciler.model.offer import Offer


@dataclass(frozen=True, slots=True)
class ExplainedOffer:
    """One offer of the ranking: ``usd_per_hour`` = the GPU part + the disk part."""

    offer: Offer
    gpu_usd_per_hour: Decimal
    disk_usd_per_hour: Decimal

    @property
    def usd_per_hour(self) -> Decimal:
        return self.gpu_usd_per_hour + self.disk_usd_per_hour

    @property
    def usd_per_gpu_hour(self) -> Decimal:
        return self.usd_per_hour / max(1, self.offer.gpu_count)


@dataclass(frozen=True, slots=True)
class ExplainedAlternative:
    """One way to satisfy the fleet, as written, and the best that it can get."""

    text: str
    count: int
    best: ExplainedOffer | None


@dataclass(frozen=True, slots=True)
class Explanation:
    """``matching`` of ``total`` offers may be taken, the cheapest are ``ranked``; every other one
    is counted under its first reason in ``rejections``. ``failures``: providers that could not be
    asked, and why.
    """

    fleet: Fleet
    total: int
    matching: int
    ranked: tuple[ExplainedOffer, ...]
    alternatives: tuple[ExplainedAlternative, ...]
    rejections: Mapping[str, int]
    failures: Mapping[str, str] = field(default_factory=dict)
