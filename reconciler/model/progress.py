"""One slot on its way: what live progress shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from reconciler.model.value import dataclass

if TYPE_CHECKING:
    from datetime import timedelta
    from decimal import Decimal

    from reconciler.model.address import Slot

Stage = Literal[
    "placed",
    "created",
    "booting",
    "ssh",
    "gpu check",
    "ready",
    "destroying",
    "gone",
    "failed",
    "waiting",
]


@dataclass(frozen=True, slots=True)
class SlotProgress:
    """``elapsed`` counts from where the present step of the slot began; ``detail`` is escaped."""

    slot: Slot
    stage: Stage
    detail: str
    elapsed: timedelta
    usd_per_hour: Decimal | None = None
