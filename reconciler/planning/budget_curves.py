"""How each budget was spent over its period: the sums behind its chart."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta
from itertools import accumulate
from typing import TYPE_CHECKING

from reconciler.model.budget import BudgetCurve
from reconciler.model.cost import ZERO
from reconciler.model.ledger import MICRO, account_of
from reconciler.model.observation import NOTHING_OBSERVED
from reconciler.model.quantity import NEVER
from reconciler.planning.budget_periods import BEGINNING, clocks_of
from reconciler.planning.budgets import budget_views
from reconciler.planning.forecast import spent_until
from reconciler.planning.ledger import cost_between
from reconciler.planning.ledger_buckets import buckets_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from decimal import Decimal

    from reconciler.model.record import RecordedState
    from reconciler.planning.budgets import BudgetView

_HOUR = timedelta(hours=1)
_COMING_MAX = 400
"""Steps into the future of a period without an end."""


def budget_curves(recorded: RecordedState, now: datetime) -> tuple[BudgetCurve, ...]:
    """Of every budget with a limit, by name; each ends with what ``budgets`` calls spent."""
    views = budget_views(
        recorded.budgets.values(), recorded, recorded.leases, NOTHING_OBSERVED, now
    )
    return tuple(_curve(one, recorded) for one in views if one.budget.limit_usd is not None)


def _curve(view: BudgetView, recorded: RecordedState) -> BudgetCurve:
    limit = view.budget.limit_usd
    assert limit is not None
    sums = _sums(view, recorded)
    first = view.since if view.since != BEGINNING else min(sums, default=view.now)
    edges = list(_edges(view, first))
    ranked = sorted(sums.items())
    totals = list(accumulate(micro for _, micro in ranked))
    spent, at = [(first, ZERO)], 0
    for edge in edges[1:]:
        while at < len(ranked) and ranked[at][0] < edge:
            at += 1
        spent.append((edge, totals[at - 1] * MICRO if at else ZERO))
    zone = clocks_of(view.budget)
    return BudgetCurve(
        name=view.budget.name,
        period=view.budget.period,
        time_zone=view.budget.time_zone,
        until=None if view.until == NEVER else view.until.astimezone(zone),
        limit_usd=limit,
        spent=tuple((moment.astimezone(zone), usd) for moment, usd in spent),
        coming=tuple((moment.astimezone(zone), usd) for moment, usd in _coming(view)),
    )


def _sums(view: BudgetView, recorded: RecordedState) -> dict[datetime, int]:
    """Micro-dollars by the beginning of the step in which they were spent."""
    budget, sums = view.budget, defaultdict[datetime, int](int)
    for text, row in recorded.ledger.spent.items():
        account = account_of(text)
        if not budget.covers(
            account.fleet, account.provider, account.team, account.owner, dict(account.labels)
        ):
            continue
        for bucket in buckets_of(row):
            if bucket.until > view.since:
                sums[max(bucket.since, view.since)] += bucket.amounts.micro_usd
    for payer in view.payers:
        for segment in payer.machine.segments:
            start, end = max(view.since, segment.since), min(view.now, segment.until or view.now)
            while start < end:
                stop = min(end, _next_edge(start, view))
                sums[start] += cost_between(segment, start, stop).micro_usd
                start = stop
    return sums


def _edges(view: BudgetView, first: datetime) -> Iterator[datetime]:
    """The beginning, each midnight (or full hour) after it, and now."""
    edge = first
    while edge < view.now:
        yield edge
        edge = _next_edge(edge, view)
    if first >= view.now:
        yield first
    yield view.now


def _next_edge(moment: datetime, view: BudgetView) -> datetime:
    """The next midnight by the clocks of its time zone; of short periods the next full hour."""
    if view.budget.period in ("hour", "day"):
        return moment.replace(minute=0, second=0, microsecond=0) + _HOUR
    zone = clocks_of(view.budget)
    local = moment.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    midnight = (local + timedelta(days=1)).replace(tzinfo=zone)
    return midnight.astimezone(moment.tzinfo)


def _coming(view: BudgetView) -> Iterator[tuple[datetime, Decimal]]:
    last = min(view.until, max((one.ends_at for one in view.payers), default=view.now))
    edge, steps = view.now, 0
    while edge < last and steps < _COMING_MAX:
        edge, steps = min(last, _next_edge(edge, view)), steps + 1
        yield edge, view.spent + spent_until(view.payers, view.now, edge)
