"""What GPUs have cost, as far as earlier searches saw it."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from reconciler.model.value import dataclass


@dataclass(frozen=True, slots=True)
class PricePoint:
    """The lowest price that was seen within the hour that begins at ``since``, and how many offers
    there were then. Dollars for one GPU and hour, its disk apart.
    """

    since: datetime
    usd_per_gpu_hour: Decimal
    offers: int


@dataclass(frozen=True, slots=True)
class PriceSeries:
    """The points of one kind of node at one provider, oldest first, at least one."""

    provider: str
    gpu: str
    gpu_count: int
    spot: bool
    points: tuple[PricePoint, ...]

    @property
    def now(self) -> PricePoint:
        """What was seen last."""
        return self.points[-1]

    @property
    def lowest_usd(self) -> Decimal:
        return min(point.usd_per_gpu_hour for point in self.points)

    @property
    def highest_usd(self) -> Decimal:
        return max(point.usd_per_gpu_hour for point in self.points)
