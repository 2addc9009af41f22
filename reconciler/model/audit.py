"""What the audit trail tells, before it is a line, and what it is worth (SPEC.md section 11)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from reconciler.model.value import dataclass

if TYPE_CHECKING:
    from datetime import datetime
    from decimal import Decimal

AuditAction = Literal[
    "create",
    "adopt",
    "ready",
    "rate",
    "announce",
    "destroy",
    "lose",
    "forget",
    "alert",
    "lease",
    "provider",
    "duplicate",
    "clock",
    "state",
    "checkpoint",
    "gap",
]
AuditOutcome = Literal[
    "intent",
    "done",
    "refused",
    "absent",
    "accepted",
    "failed",
    "gone",
    "withdrawn",
    "opened",
    "started",
    "changed",
    "extended",
    "ended",
    "closed",
    "torn",
    "unwritten",
    "lost",
    "unsaved",
    "older-state",
]


@dataclass(frozen=True, slots=True)
class Effect:
    """One thing that was decided or that happened, as a change of the state shows it.

    Text from a provider is as it came. Money in dollars; ``usd`` is what a machine cost so far.
    """

    action: AuditAction
    outcome: AuditOutcome
    slot: str | None = None
    mark: str | None = None
    provider: str | None = None
    instance_id: str | None = None
    reason: str | None = None
    usd_per_hour: Decimal | None = None
    usd: Decimal | None = None
    ends_at: datetime | None = None
    detail: str | None = None

    def with_cost(self, usd: Decimal) -> Effect:
        """The same with what the machine has cost so far."""
        return replace(self, usd=usd)

    def ending(self, ends_at: datetime) -> Effect:
        """The same with the moment of an end."""
        return replace(self, ends_at=ends_at)


@dataclass(frozen=True, slots=True)
class Actor:
    """On whose behalf the state was written. ``run`` names the CI run, None outside of one."""

    operation: str
    who: str
    pid: int
    run: str | None
    program: str


@dataclass(frozen=True, slots=True)
class TrailFinding:
    """``where`` is ``file:line``. A ``gap`` is known and told by the trail itself; ``damage`` is
    what nothing of ours does.
    """

    kind: Literal["damage", "gap"]
    where: str
    what: str


@dataclass(frozen=True, slots=True)
class TrailVerdict:
    """What a trail is worth. ``first`` and ``last`` are numbers of entries, 0 for none."""

    files: int
    entries: int
    first: int
    last: int
    findings: tuple[TrailFinding, ...]

    @property
    def damaged(self) -> bool:
        return any(one.kind == "damage" for one in self.findings)
