"""Budgets: what a group of machines may cost in a period, and what happens when it would not hold.

Declared in the documents, kept in the state as last applied: the loop is hard only on these
(SPEC.md section 12, 1).
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict

from reconciler.model.cost import ZERO
from reconciler.model.value import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

BudgetPeriod = Literal["hour", "day", "week", "month", "total"]
ExceedStep = Literal["notify", "freeze", "shrink", "destroy"]
EXCEED_STEPS: tuple[ExceedStep, ...] = ("notify", "freeze", "shrink", "destroy")
DEFAULT_ON_EXCEED: tuple[ExceedStep, ...] = ("notify", "freeze", "destroy")
DEFAULT_WARN_AT = (50, 80)
DEFAULT_WEIGHT = 100


class BudgetMatch(BaseModel):
    """Which machines: those of which everything written here is true; nothing written: all."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    fleets: list[str] = []
    team: str | None = None
    owner: str | None = None
    labels: dict[str, str] = {}
    providers: list[str] = []

    def covers(
        self,
        fleet: str,
        provider: str,
        team: str | None,
        owner: str | None,
        labels: Mapping[str, str],
    ) -> bool:
        return (
            (not self.fleets or fleet in self.fleets)
            and (not self.providers or provider in self.providers)
            and self.team in (None, team)
            and self.owner in (None, owner)
            and all(labels.get(key) == value for key, value in self.labels.items())
        )


class Budget(BaseModel):
    """One wall. ``fleets`` name it themselves, beside what ``match`` finds.

    ``limit_usd`` is for each ``period``, which begins in ``time_zone``; ``max_hourly_usd`` is what
    may run at any moment. One of the two is set.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    name: str
    match: BudgetMatch | None = None
    fleets: list[str] = []
    period: BudgetPeriod = "total"
    time_zone: str = "UTC"
    limit_usd: Decimal | None = None
    max_hourly_usd: Decimal | None = None
    warn_at: list[int] = list(DEFAULT_WARN_AT)
    on_exceed: list[ExceedStep] = list(DEFAULT_ON_EXCEED)

    @property
    def is_wall(self) -> bool:
        return "destroy" in self.on_exceed

    def covers(
        self,
        fleet: str,
        provider: str,
        team: str | None,
        owner: str | None,
        labels: Mapping[str, str],
    ) -> bool:
        """Whether what this fleet spends at this provider counts."""
        if fleet in self.fleets:
            return True
        return self.match is not None and self.match.covers(fleet, provider, team, owner, labels)

    @property
    def tells_providers_apart(self) -> bool:
        """Whether a fleet may spend at one provider what does not count at another."""
        return self.match is not None and bool(self.match.providers)

    def with_fleets(self, fleets: list[str]) -> Budget:
        """The same, named by ``fleets``."""
        return self.model_copy(update={"fleets": fleets})


class BudgetRecord(BaseModel):
    """A budget as last applied, and what was done about it.

    ``killed_at``: when it last destroyed a machine. ``warned_percent`` is the highest mark that
    people were told of in the period that began at ``warned_since``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    budget: Budget
    killed_at: AwareDatetime | None = None
    warned_percent: int = 0
    warned_since: AwareDatetime | None = None


@dataclass(frozen=True, slots=True)
class BudgetSummary:
    """A budget in a plan or a report. Dollars; ``until`` is None for a period without an end.

    ``committed_usd`` is what its machines can still cost in the period, at most, those that the
    plan buys included. ``changes``: what applying the documents does to it, one line each.
    """

    name: str
    period: BudgetPeriod
    since: datetime | None
    until: datetime | None
    limit_usd: Decimal | None
    max_hourly_usd: Decimal | None
    spent_usd: Decimal
    committed_usd: Decimal
    usd_per_hour: Decimal
    is_wall: bool
    changes: tuple[str, ...] = ()
    unproven_usd: Decimal = ZERO
    """How much of what is spent was counted after accepted destroys, until the proof of each: then
    its machine's account is closed, most often for less."""

    @property
    def left_usd(self) -> Decimal | None:
        """What nobody has spent or reserved; below zero where more is reserved than allowed."""
        if self.limit_usd is None:
            return None
        return self.limit_usd - self.spent_usd - self.committed_usd


@dataclass(frozen=True, slots=True)
class Runway:
    """How long a budget lasts at the present rates, each machine until its lease ends.

    ``empty_at`` is None where it lasts: until ``lasts_until``, the end of its period or of its last
    lease, by when ``projected_usd`` will be spent in it.
    """

    name: str
    time_zone: str
    limit_usd: Decimal
    spent_usd: Decimal
    usd_per_hour: Decimal
    empty_at: datetime | None
    lasts_until: datetime | None
    projected_usd: Decimal


@dataclass(frozen=True, slots=True)
class Forecast:
    """What is to come while nothing changes. ``coming``: hours from now, and what is spent then
    of all machines together, budgets or not.
    """

    now: datetime
    usd_per_hour: Decimal
    runways: tuple[Runway, ...]
    coming: tuple[tuple[int, Decimal], ...]


@dataclass(frozen=True, slots=True)
class BudgetCurve:
    """What a budget has spent in its period, step by step, and what comes at the present rates.

    ``spent``: moments and the sum until then, the last of them now. ``coming``: the same from now
    on, each machine until its lease ends. ``until`` None: its period has no end. All moments go by
    the clocks of its time zone.
    """

    name: str
    period: BudgetPeriod
    time_zone: str
    until: datetime | None
    limit_usd: Decimal
    spent: tuple[tuple[datetime, Decimal], ...]
    coming: tuple[tuple[datetime, Decimal], ...]

    @property
    def now_usd(self) -> Decimal:
        return self.spent[-1][1]

    @property
    def most_usd(self) -> Decimal:
        """The largest amount that a chart of it has to show."""
        return max(self.limit_usd, *(usd for _, usd in (*self.spent, *self.coming)))
