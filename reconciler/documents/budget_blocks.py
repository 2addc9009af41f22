"""Money limits as they are written: `budgets.NAME`, and `budget` of a fleet."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from reconciler.documents.resource_blocks import Block
from reconciler.documents.time_zones import TimeZone
from reconciler.documents.written_keys import Written
from reconciler.documents.written_text import FleetName, LabelKey, Name, Text
from reconciler.documents.written_values import Usd
from reconciler.model.budget import (
    DEFAULT_ON_EXCEED,
    DEFAULT_WARN_AT,
    EXCEED_STEPS,
    Budget,
    BudgetMatch,
    BudgetPeriod,
    ExceedStep,
)

BUDGETS_MAX = 1000

_NamedBudgets = Annotated[list[Name], Field(min_length=1, max_length=20)]
_Percents = Annotated[list[Annotated[int, Field(ge=1, le=100)]], Field(max_length=20)]


def _check_steps(value: list[ExceedStep]) -> list[ExceedStep]:
    places = [EXCEED_STEPS.index(step) for step in value]
    if places != sorted(set(places)):
        raise ValueError(f"each step once, in this order: {', '.join(EXCEED_STEPS)}")
    return value


_Steps = Annotated[list[ExceedStep], AfterValidator(_check_steps), Field(min_length=1)]


class _LimitBlock(Block):
    max_hourly_usd: Written[Usd] = Field(
        None, description="Most dollars an hour for all its machines together, at any moment."
    )
    timezone: Written[TimeZone] = Field(
        None, description="Where its days, weeks and months begin; default UTC."
    )
    warn_at: Written[_Percents] = Field(
        None, description="Percent of the limit at which a notice is sent; default 50 and 80."
    )
    on_exceed: Written[_Steps] = Field(
        None,
        description="`notify` (people are told), `freeze` (no lease is made longer than the money "
        "lasts), `shrink` (the lowest `weight` goes first, so that the rest lasts), `destroy` (all "
        "of it, before the limit is passed). Default: notify, freeze, destroy; without destroy it "
        "is not a wall. Whatever stands here, a node is bought only where its whole lease fits.",
    )


class BudgetMatchBlock(Block):
    fleets: Written[list[FleetName]] = Field(None, description="These fleets.")
    team: Written[Text] = Field(None, description="Fleets of this team.")
    owner: Written[Text] = Field(None, description="Fleets of this owner.")
    labels: Written[dict[LabelKey, Text]] = Field(None, description="Fleets with these labels.")
    providers: Written[list[Name]] = Field(
        None, description="What they spend at these providers, and nowhere else."
    )


class BudgetBlock(_LimitBlock):
    match: Written[BudgetMatchBlock] = Field(
        None,
        description="What it is for: all that is written must be true; `{}`: every fleet. "
        "Left out: those that name it in their `budget`.",
    )
    period: BudgetPeriod = Field(
        description="How long `limit_usd` is for; weeks begin on Monday, `total` never ends."
    )
    limit_usd: Usd = Field(description="Most dollars in each period, disks included.")

    def budget(self, name: str) -> Budget:
        """With every default filled in."""
        match = self.match
        return Budget(
            name=name,
            match=None
            if match is None
            else BudgetMatch(
                fleets=match.fleets or [],
                team=match.team,
                owner=match.owner,
                labels=match.labels or {},
                providers=match.providers or [],
            ),
            period=self.period,
            limit_usd=self.limit_usd,
            **_terms(self),
        )


class FleetBudgetBlock(_LimitBlock):
    names: Written[_NamedBudgets] = Field(None, description="Budgets of `budgets` that pay for it.")
    max_total_usd: Written[Usd] = Field(
        None, description="Most dollars for this fleet in each `period`, disks included."
    )
    period: Written[BudgetPeriod] = Field(
        None, description="How long `max_total_usd` is for; default total."
    )

    @model_validator(mode="after")
    def _check_says_something(self) -> Self:
        if not self.names and self.max_total_usd is None and self.max_hourly_usd is None:
            raise ValueError("write max_total_usd, max_hourly_usd, or the names of budgets")
        return self

    def budget(self, fleet: str) -> Budget | None:
        """The fleet's own budget; None where it only names others."""
        if self.max_total_usd is None and self.max_hourly_usd is None:
            return None
        return Budget(
            name=f"fleet.{fleet}",
            fleets=[fleet],
            period=self.period or "total",
            limit_usd=self.max_total_usd,
            **_terms(self),
        )


def _terms(block: _LimitBlock) -> dict[str, Any]:
    return {
        "max_hourly_usd": block.max_hourly_usd,
        "time_zone": block.timezone or "UTC",
        "warn_at": sorted(set(DEFAULT_WARN_AT if block.warn_at is None else block.warn_at)),
        "on_exceed": list(block.on_exceed or DEFAULT_ON_EXCEED),
    }


def stricter(base: FleetBudgetBlock, over: FleetBudgetBlock) -> FleetBudgetBlock:
    """Both at once: budgets only ever get stricter on their way to a fleet."""
    hourly = [one for one in (base.max_hourly_usd, over.max_hourly_usd) if one is not None]
    total = [one for one in (base.max_total_usd, over.max_total_usd) if one is not None]
    steps = {*(base.on_exceed or ()), *(over.on_exceed or ())}
    warned = {*(base.warn_at or ()), *(over.warn_at or ())}
    return base.model_copy(
        update={
            "names": [*dict.fromkeys([*(base.names or ()), *(over.names or ())])] or None,
            "max_hourly_usd": min(hourly, default=None),
            "max_total_usd": min(total, default=None),
            "period": over.period or base.period,
            "timezone": over.timezone or base.timezone,
            "warn_at": sorted(warned) or None,
            "on_exceed": [step for step in EXCEED_STEPS if step in steps] or None,
        }
    )


def periods_differ(base: FleetBudgetBlock, over: FleetBudgetBlock) -> bool:
    """Whether two limits stand for different stretches of time, so that neither is stricter."""
    both = base.max_total_usd is not None and over.max_total_usd is not None
    return both and (base.period or "total") != (over.period or "total")


def _read_budget(value: object) -> object:
    if isinstance(value, str):
        return {"names": [value]}
    return {"names": value} if isinstance(value, list) else value


FleetBudget = Annotated[
    FleetBudgetBlock,
    BeforeValidator(_read_budget, json_schema_input_type=Name | _NamedBudgets | FleetBudgetBlock),
]
