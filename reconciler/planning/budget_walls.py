"""Which machines have to go so that every budget holds (RELIABILITY.md I6).

Destroyed early enough: what runs until the next pass, for as long as clocks may differ, and until
each destroy is over, must still fit below the limit.
"""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from decimal import ROUND_FLOOR, Decimal
from typing import TYPE_CHECKING

from reconciler.model.cost import ZERO, format_rate, format_usd, projected_cost
from reconciler.model.quantity import NEVER
from reconciler.planning.budgets import SKEW, budget_views, limit_text
from reconciler.planning.spending import DESTROY_TIME

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from reconciler.model.observation import ObservedState
    from reconciler.model.record import RecordedState
    from reconciler.planning.budgets import BudgetView, Payer


def over_budget(
    views: Iterable[BudgetView], observed: ObservedState, tick: timedelta
) -> dict[str, str]:
    """The machines that have to go, by mark, each with the sentence that says why."""
    found: dict[str, str] = {}
    for view in views:
        for payer in _victims(view, found, observed, tick):
            found[payer.mark] = _why(view)
    return found


def _victims(
    view: BudgetView, gone: Mapping[str, str], observed: ObservedState, tick: timedelta
) -> list[Payer]:
    """In the order in which they are given up. Those that another budget ended leave already, and
    those that a person let go are ended by none: they stay, whoever has to go for it.
    """
    staying = [one for one in view.payers if not one.leaving and one.mark not in gone]
    leaving = [one for one in view.payers if one.leaving or one.mark in gone]
    steps = view.budget.on_exceed
    shrinks, is_wall = "shrink" in steps, view.budget.is_wall
    lasts = not shrinks or _lasts(view, leaving, staying, tick)
    slow = not (is_wall or shrinks) or _slow_enough(view, staying)
    if lasts and slow and (not is_wall or _safe(view, leaving, staying, observed, tick)):
        return []
    fixed = [one for one in staying if one.let_go]
    ours = [one for one in staying if not one.let_go]
    ranked = sorted(ours, key=lambda one: (one.weight, view.loss_of(one), one.mark))

    def lasts_without(given_up: list[Payer], kept: list[Payer]) -> bool:
        return _lasts(view, [*leaving, *given_up], [*fixed, *kept], tick)

    victims: list[Payer] = [] if lasts else _until(ranked, lasts_without)
    if not slow:
        fits = _until(ranked, lambda _, kept: _slow_enough(view, [*fixed, *kept]))
        victims = max(victims, fits, key=len)
    kept = [*fixed, *ranked[len(victims) :]]
    if is_wall and not _safe(view, [*leaving, *victims], kept, observed, tick):
        return ranked
    return victims


def _until(
    ranked: Sequence[Payer], fits: Callable[[list[Payer], list[Payer]], bool]
) -> list[Payer]:
    """The fewest of ``ranked``, from its front, without which the others fit."""
    low, high = 0, len(ranked)
    while low < high:
        middle = (low + high) // 2
        if fits(list(ranked[:middle]), list(ranked[middle:])):
            high = middle
        else:
            low = middle + 1
    return list(ranked[:high])


def _lasts(
    view: BudgetView, given_up: Iterable[Payer], kept: Iterable[Payer], tick: timedelta
) -> bool:
    """Whether the money lasts until the period, or every lease, is over."""
    limit = view.budget.limit_usd
    if limit is None:
        return True
    tail = sum((projected_cost(one.usd_per_hour, DESTROY_TIME) for one in given_up), ZERO)
    return view.spent + tail + view.committed(kept, tick) <= limit


def _slow_enough(view: BudgetView, kept: Iterable[Payer]) -> bool:
    cap = view.budget.max_hourly_usd
    return cap is None or sum((one.usd_per_hour for one in kept), ZERO) <= cap


def _safe(
    view: BudgetView,
    given_up: Iterable[Payer],
    kept: Sequence[Payer],
    observed: ObservedState,
    tick: timedelta,
) -> bool:
    """Whether a pass one tick later is early enough to end ``kept``."""
    limit = view.budget.limit_usd
    if limit is None or not kept:
        return True
    going = _tail(given_up, observed, timedelta(0))
    return view.spent + going + _tail(kept, observed, tick + SKEW) <= limit


def _tail(payers: Iterable[Payer], observed: ObservedState, wait: timedelta) -> Decimal:
    """What they cost from now on if their destroys are sent ``wait`` from now: each waits for its
    turn at its provider.
    """
    together = list(payers)
    number = Counter(one.provider for one in together)
    queues = {name: observed.destroy_interval(name) * count for name, count in number.items()}
    return sum(
        (
            projected_cost(
                one.usd_per_hour,
                wait + DESTROY_TIME + queues[one.provider],
            )
            for one in together
        ),
        ZERO,
    )


def _why(view: BudgetView) -> str:
    budget = view.budget
    spent = f"{format_usd(view.spent)} spent and {format_rate(view.usd_per_hour)} running"
    return f"budget {budget.name}, {limit_text(budget)}: {spent}"


def budget_deadlines(
    recorded: RecordedState, observed: ObservedState, now: datetime, tick: timedelta
) -> Iterator[datetime]:
    """When a pass has to look at each budget at the latest; none where nothing can happen."""
    for view in budget_views(recorded.budgets.values(), recorded, recorded.leases, observed, now):
        if not view.payers:
            continue
        if view.until != NEVER:
            yield view.until
        rate = view.usd_per_hour
        limit = view.budget.limit_usd
        if limit is None or not rate or not view.budget.is_wall:
            continue
        room = limit - view.spent - _tail(view.payers, observed, SKEW)
        seconds = int((room / rate * 3600).to_integral_value(ROUND_FLOOR))
        yield now + max(tick, timedelta(seconds=min(seconds, 366 * 86_400)))
