"""What the market tells an account about its money, which is less than its bill."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.market.ledger import billed_total

if TYPE_CHECKING:
    from datetime import datetime
    from decimal import Decimal

    from reconciler.market.world import World


def balance(world: World, now: datetime) -> Decimal | None:
    """What the account has left, below 0 where it owes; None where the market tells none."""
    opening = world.settings.opening_balance_usd
    return None if opening is None else opening - billed_total(world, now)
