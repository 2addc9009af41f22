"""What a provider's account can still spend, and whether it carries what runs there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import AwareDatetime, BaseModel, ConfigDict

from reconciler.model.cost import ZERO
from reconciler.model.value import dataclass

if TYPE_CHECKING:
    from datetime import datetime
    from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Balance:
    """What a provider said. ``usd`` None: that is not known, neither enough nor nothing; ``why``
    is one escaped line.
    """

    usd: Decimal | None
    why: str = ""


@dataclass(frozen=True, slots=True)
class BalanceSummary:
    """An account once a plan is carried out. Dollars.

    ``committed_usd``: what our machines there can still cost until their leases end, at most,
    those that the plan buys included. ``usd_per_hour``: what is billed to the account then, other
    people's machines in it included. ``min_balance_usd``: what the documents want to keep; None
    where they say nothing. ``empty_at``: when nothing is left at that rate, where that is before
    the last of our leases there ends. ``why``: why ``balance_usd`` is not known.
    """

    provider: str
    balance_usd: Decimal | None
    min_balance_usd: Decimal | None
    committed_usd: Decimal
    usd_per_hour: Decimal
    empty_at: datetime | None = None
    why: str = ""

    @property
    def left_usd(self) -> Decimal | None:
        """What is surely left when the last lease ends; below zero where it does not last."""
        return None if self.balance_usd is None else self.balance_usd - self.committed_usd

    @property
    def short_usd(self) -> Decimal:
        """What is missing of the balance that carries everything and keeps the minimum."""
        kept = self.min_balance_usd or ZERO
        left = self.left_usd
        return ZERO if left is None else max(ZERO, kept - left)


class BalanceWarning(BaseModel):
    """Of what people were told last about an account, and when. ``level`` as in
    ``planning.balance_warnings``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    level: int
    told_at: AwareDatetime
