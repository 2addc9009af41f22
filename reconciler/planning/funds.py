"""Money at providers with a cap, while nodes are chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

    from reconciler.planning.offer_matching import RankedOffer


class Funds:
    """Dollars an hour that may still be spent at each provider; no entry: any sum."""

    def __init__(self, rooms: Mapping[str, Decimal]) -> None:
        self._left = dict(rooms)
        self.limited = bool(self._left)

    def allow(self, entry: RankedOffer) -> bool:
        left = self._left.get(entry.offer.provider)
        return left is None or entry.usd_per_hour <= left

    def spend(self, entry: RankedOffer, times: int = 1) -> None:
        if entry.offer.provider in self._left:
            self._left[entry.offer.provider] -= entry.usd_per_hour * times

    def copy(self) -> Funds:
        return Funds(self._left)
