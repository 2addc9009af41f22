"""What the market answers when it cannot do as asked.

MarketError           the market's file cannot be used
├── OfferTaken        the offer does not exist, or all its nodes are rented
├── OrderRefused      the order cannot be carried out as written; nothing was rented
└── NoSuchMachine     no machine of this id exists now
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.errors import GpuShopperError

if TYPE_CHECKING:
    from datetime import datetime


class MarketError(GpuShopperError):
    """The market's file cannot be read or written, or is not a market."""


class OfferTaken(MarketError):
    """Nothing was rented."""


class OrderRefused(MarketError):
    """Nothing was rented."""


class NoSuchMachine(MarketError):
    """The machine is gone (since ``ended_at``), hidden for now, or never existed."""

    def __init__(self, what: str, ended_at: datetime | None = None) -> None:
        super().__init__(what)
        self.ended_at = ended_at
