"""What a plan proposes and never does by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.value import dataclass

if TYPE_CHECKING:
    from datetime import datetime
    from decimal import Decimal

    from reconciler.model.address import Slot


@dataclass(frozen=True, slots=True)
class SwapProposal:
    """A machine for which a like one is cheaper. Dollars; rates with the disk.

    ``to_…``: the offer that replacing it would take now. ``saving_usd`` is what that saves until
    ``until``, the end of its lease or, without one, a month from now; ``setup_cost_usd``, which is
    what the documents say that a fresh machine costs beside its rate, is already taken off.
    """

    slot: Slot
    mark: str
    provider: str
    instance_id: str
    usd_per_hour: Decimal
    to_provider: str
    to_region: str
    to_offer: str
    to_usd_per_hour: Decimal
    setup_cost_usd: Decimal
    saving_usd: Decimal
    until: datetime

    @property
    def command(self) -> str:
        """What would do it."""
        return f"gpu-shopper apply -replace={self.slot}"
