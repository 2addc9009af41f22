"""How long the money lasts: the present rates, each until its lease ends."""

from __future__ import annotations

from datetime import timedelta
from decimal import ROUND_FLOOR, Decimal
from typing import TYPE_CHECKING

from reconciler.model.budget import Budget, BudgetMatch, BudgetRecord, Forecast, Runway
from reconciler.model.cost import ZERO, projected_cost
from reconciler.model.observation import NOTHING_OBSERVED
from reconciler.model.quantity import LONGEST_DURATION, NEVER
from reconciler.planning.budgets import budget_views, summary_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from reconciler.model.budget import BudgetSummary
    from reconciler.model.record import RecordedState
    from reconciler.planning.budgets import BudgetView, Payer

_HORIZONS = (24, 7 * 24, 30 * 24)
_EVERYTHING = BudgetRecord(budget=Budget(name="everything", match=BudgetMatch()))


def budget_summaries(
    recorded: RecordedState, now: datetime, tick: timedelta
) -> tuple[BudgetSummary, ...]:
    """Every budget as it stands now, from what is recorded."""
    views = _views(recorded, now, tuple(recorded.budgets.values()))
    return tuple(
        summary_of(view, view.committed(view.payers, tick), view.usd_per_hour) for view in views
    )


def forecast(recorded: RecordedState, now: datetime) -> Forecast:
    """From what is recorded; nobody is asked."""
    views = _views(recorded, now, tuple(recorded.budgets.values()))
    (whole,) = _views(recorded, now, (_EVERYTHING,))
    return Forecast(
        now=now,
        usd_per_hour=whole.usd_per_hour,
        runways=tuple(_runway(view) for view in views if view.budget.limit_usd is not None),
        coming=tuple(
            (hours, spent_until(whole.payers, now, now + timedelta(hours=hours)))
            for hours in _HORIZONS
        ),
    )


def _views(
    recorded: RecordedState, now: datetime, records: Sequence[BudgetRecord]
) -> list[BudgetView]:
    return budget_views(records, recorded, recorded.leases, NOTHING_OBSERVED, now)


def spent_until(payers: Sequence[Payer], now: datetime, until: datetime) -> Decimal:
    """What ``payers`` cost from now on, each until its lease ends."""
    return sum((projected_cost(one.usd_per_hour, _left(one, now, until)) for one in payers), ZERO)


def _left(payer: Payer, now: datetime, until: datetime) -> timedelta:
    end = min(payer.ends_at, until)
    return min(max(timedelta(0), end - now), LONGEST_DURATION)


def _runway(view: BudgetView) -> Runway:
    limit = view.budget.limit_usd
    assert limit is not None
    ends = [one.ends_at for one in view.payers]
    last = min(view.until, max(ends, default=view.now))
    projected = view.spent + spent_until(view.payers, view.now, view.until)
    return Runway(
        name=view.budget.name,
        time_zone=view.budget.time_zone,
        limit_usd=limit,
        spent_usd=view.spent,
        usd_per_hour=view.usd_per_hour,
        empty_at=_empty_at(view, limit) if projected > limit else None,
        lasts_until=None if last == NEVER else max(last, view.now),
        projected_usd=projected,
    )


def _empty_at(view: BudgetView, limit: Decimal) -> datetime:
    """The machines leave one after the other; between two ends the rate is the same."""
    room, at = limit - view.spent, view.now
    running = sorted(
        (one for one in view.payers if one.ends_at > view.now), key=lambda one: one.ends_at
    )
    while running and room > 0:
        rate = sum((one.usd_per_hour for one in running), ZERO)
        left = min(running[0].ends_at - at, LONGEST_DURATION)
        cost = projected_cost(rate, left)
        if rate and cost >= room:
            seconds = (room / rate * 3600).to_integral_value(ROUND_FLOOR)
            return at + timedelta(seconds=int(seconds))
        room, at = room - cost, at + left
        running = running[1:]
    return at
