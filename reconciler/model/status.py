"""What a workspace has right now, and what it costs: the value behind ``status`` and ``output``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from reconciler.model.cost import ZERO
from reconciler.model.hand_over import NO_SSH_FILES, SshFiles
from reconciler.model.quantity import NEVER
from reconciler.model.value import dataclass

if TYPE_CHECKING:
    from datetime import datetime, timedelta
    from decimal import Decimal

    from reconciler.model.address import Slot
    from reconciler.model.instance import SshEndpoint
    from reconciler.model.office_windows import HoursSummary
    from reconciler.model.plan import Finding

MachineStage = Literal[
    "placed",
    "created",
    "booting",
    "running",
    "stopped",
    "failed",
    "destroying",
    "unknown",
    "doomed",
]


@dataclass(frozen=True, slots=True)
class MachineRow:
    """One machine of ours. ``usd_per_hour`` is the live rate, ``usd_so_far`` what the
    ledger says that it has cost.

    ``stage`` is the provider's word, ``unknown`` when it was not read and ``doomed`` when its
    destroy is decided and not proven; all of them count as billed (I13).
    """

    slot: Slot
    provider: str
    instance_id: str
    gpu: str | None
    gpu_count: int | None
    region: str | None
    stage: MachineStage
    usd_per_hour: Decimal
    usd_so_far: Decimal
    age: timedelta
    ends_at: datetime | None = None
    ssh: SshEndpoint | None = None
    note: str = ""
    ports: tuple[tuple[int, int], ...] = ()
    """As of an ``Instance``."""
    own_key: bool = False
    """The workspace's own key opens it, as far as the documents tell."""

    def time_left(self, now: datetime) -> timedelta | None:
        """Until its end; negative when overdue, None without one."""
        return None if self.ends_at in (None, NEVER) else self.ends_at - now


@dataclass(frozen=True, slots=True)
class IntentRow:
    """A create whose outcome is not known: its slot is blocked and counts as billed."""

    slot: Slot
    provider: str
    mark: str
    begun_at: datetime
    usd_per_hour: Decimal
    detail: str = ""


@dataclass(frozen=True, slots=True)
class StatusReport:
    """``strangers``: machines in the accounts that no record covers, by kind.

    ``usd_per_hour`` is the burn rate of everything billed, intents included. ``worst_case_usd`` is
    the most it can still cost until ``worst_case_until`` if nobody looks again; None when a
    machine has no end.
    """

    workspace: str
    now: datetime
    rows: tuple[MachineRow, ...] = ()
    intents: tuple[IntentRow, ...] = ()
    strangers: tuple[tuple[str, int], ...] = ()
    usd_per_hour: Decimal = ZERO
    worst_case_usd: Decimal | None = ZERO
    worst_case_until: datetime | None = None
    enforced_by: str = ""
    findings: tuple[Finding, ...] = ()
    ssh_files: SshFiles = NO_SSH_FILES
    hours: tuple[tuple[str, HoursSummary], ...] = ()
    """By fleet, of those with office hours."""

    @property
    def usd_so_far(self) -> Decimal:
        """What the machines listed here have cost until now."""
        return sum((row.usd_so_far for row in self.rows), ZERO)
