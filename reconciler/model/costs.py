"""What was spent, in numbers: the values behind ``costs``, ``ledger`` and budgets."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Literal

from reconciler.model.cost import ZERO
from reconciler.model.value import dataclass

if TYPE_CHECKING:
    from datetime import datetime

    from reconciler.model.ledger import Account, Amounts, ClosedMachine, Segment

CostKey = Literal["team", "owner", "fleet", "provider", "gpu", "day"]
COST_KEYS: tuple[CostKey, ...] = ("team", "owner", "fleet", "provider", "gpu", "day")


@dataclass(frozen=True, slots=True)
class BilledMachine:
    """A machine that may still be billed. ``instance_id`` is "" while its create is in doubt."""

    provider: str
    instance_id: str
    slot: str
    mark: str
    account: Account
    usd_per_hour: Decimal
    segments: tuple[Segment, ...]
    ready: bool


@dataclass(frozen=True, slots=True)
class Charge:
    """What one account spent in one stretch of time; a machine's own where it still runs."""

    account: Account
    since: datetime
    until: datetime
    amounts: Amounts
    machine: BilledMachine | None = None


@dataclass(frozen=True, slots=True)
class CostRow:
    """One group. ``keys`` are in the order that was asked for; "" where nobody said."""

    keys: tuple[str, ...]
    amounts: Amounts


@dataclass(frozen=True, slots=True)
class CostReport:
    """``rows`` add up to ``total`` exactly, the largest first (days in their order). ``failed``
    are the machines that never became ready, those that ended within the time alone.
    """

    since: datetime
    until: datetime
    by: tuple[CostKey, ...]
    rows: tuple[CostRow, ...]
    total: Amounts
    failed: tuple[ClosedMachine, ...]
    usd_per_hour: Decimal


@dataclass(frozen=True, slots=True)
class BillRow:
    """One machine. None: it is not on that side."""

    instance_id: str
    slot: str
    ours_usd: Decimal | None
    theirs_usd: Decimal | None

    @property
    def difference_usd(self) -> Decimal:
        """Theirs less ours."""
        return (self.theirs_usd or ZERO) - (self.ours_usd or ZERO)


@dataclass(frozen=True, slots=True)
class BillCheck:
    """``unknown``: billed, and no machine of our ledger. ``missing``: ours, and not on the bill."""

    matched: tuple[BillRow, ...]
    unknown: tuple[BillRow, ...]
    missing: tuple[BillRow, ...]

    @property
    def ours_usd(self) -> Decimal:
        return sum((one.ours_usd or ZERO for one in (*self.matched, *self.missing)), ZERO)

    @property
    def theirs_usd(self) -> Decimal:
        return sum((one.theirs_usd or ZERO for one in (*self.matched, *self.unknown)), ZERO)

    @property
    def error_percent(self) -> Decimal:
        """How far our sum lies from the bill's, in percent of the bill."""
        theirs = self.theirs_usd
        if not theirs:
            return ZERO if not self.ours_usd else Decimal(100)
        return abs(self.ours_usd - theirs) * 100 / theirs
