"""How long each budget lasts while the windows of office hours open and close as declared."""

from __future__ import annotations

from datetime import timedelta
from decimal import ROUND_FLOOR, ROUND_UP, Decimal
from itertools import takewhile
from typing import TYPE_CHECKING

from reconciler.model.cost import ZERO
from reconciler.model.ledger import MICRO, closed_machine_of
from reconciler.model.observation import NOTHING_OBSERVED
from reconciler.model.office_windows import FleetInHours, HoursForecast, HoursRunway
from reconciler.model.quantity import NEVER
from reconciler.model.value import dataclass
from reconciler.planning.budgets import budget_views, covers_fleet
from reconciler.planning.office_hours import windows_from
from reconciler.planning.window_leases import is_armed, is_for

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime

    from reconciler.model.fleet import DesiredState, Fleet
    from reconciler.model.office_hours import OfficeHours
    from reconciler.model.office_windows import Window
    from reconciler.model.record import LeaseRecord, RecordedState
    from reconciler.planning.budgets import BudgetView

_HOUR_SECONDS = 3600
_WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Something that is billed at one rate."""

    since: datetime
    until: datetime
    usd_per_hour: Decimal


def hours_forecast(
    desired: DesiredState | None, recorded: RecordedState, now: datetime
) -> HoursForecast | None:
    """From what is recorded and declared; None where no fleet has office hours that are applied.

    What runs is billed to the end of its lease. Each window to come is billed whole, at what the
    fleet costs now, else at what its last machine cost, else at its price cap.
    """
    declared = {} if desired is None else desired.fleets
    armed = {
        name: fleet
        for name, fleet in sorted(declared.items())
        if fleet.active is not None and is_armed(recorded.leases.get(name), fleet.active)
    }
    if not armed:
        return None
    fleets = [_in_hours(fleet, recorded) for fleet in armed.values()]
    rates = {one.fleet: one.usd_per_hour for one in fleets}
    views = budget_views(
        tuple(recorded.budgets.values()), recorded, recorded.leases, NOTHING_OBSERVED, now
    )
    return HoursForecast(
        fleets=tuple(fleets),
        runways=tuple(
            _runway(view, armed, rates, recorded.leases)
            for view in views
            if view.budget.limit_usd is not None
        ),
        week_usd=_sum(_windows(armed, rates, recorded.leases, now, now + _WEEK)),
    )


def _in_hours(fleet: Fleet, recorded: RecordedState) -> FleetInHours:
    assert fleet.active is not None
    rate = _usd_per_hour(fleet, recorded)
    return FleetInHours(fleet.name, fleet.active.text, fleet.active.zone.name, rate)


def _usd_per_hour(fleet: Fleet, recorded: RecordedState) -> Decimal | None:
    """Of all its nodes; None where nothing of it ever ran and no cap is written."""
    nodes = Decimal(fleet.nodes.target)
    running = [one.usd_per_hour for one in recorded.instances.values() if one.fleet == fleet.name]
    if running:
        return max(running) * nodes
    for row in reversed(recorded.ledger.closed):
        gone = closed_machine_of(row)
        seconds = int((gone.until - gone.since).total_seconds())
        if gone.slot.startswith(f"fleet.{fleet.name}[") and seconds > 0:
            each = (gone.usd * _HOUR_SECONDS / seconds).quantize(MICRO, rounding=ROUND_UP)
            return each * nodes
    caps = [fleet.node_cap_usd(one.count) for one in fleet.resources.gpu]
    known = [cap for cap in caps if cap is not None]
    return max(known) * nodes if known and len(known) == len(caps) else None


def _windows(
    fleets: Mapping[str, Fleet],
    rates: Mapping[str, Decimal | None],
    leases: Mapping[str, LeaseRecord],
    now: datetime,
    until: datetime,
) -> Iterator[_Stretch]:
    for name, fleet in fleets.items():
        rate, lease = rates[name], leases.get(name)
        if rate is None or fleet.active is None or lease is None:
            continue
        for window in _to_come(fleet.active, lease, now, until):
            yield _Stretch(max(window.opens_at, now), min(window.closes_at, until), rate)


def _to_come(
    active: OfficeHours, lease: LeaseRecord, now: datetime, until: datetime
) -> Iterator[Window]:
    """Windows without a lease yet: what runs in the one at hand is known machine by machine."""
    soon = takewhile(lambda one: one.opens_at < until, windows_from(active, now))
    return (window for window in soon if not is_for(lease, window))


def _runway(
    view: BudgetView,
    fleets: Mapping[str, Fleet],
    rates: Mapping[str, Decimal | None],
    leases: Mapping[str, LeaseRecord],
) -> HoursRunway:
    limit = view.budget.limit_usd
    assert limit is not None
    mine = {name: one for name, one in fleets.items() if _may_pay(view, one, leases)}
    now, until = view.now, view.until
    if until == NEVER:
        ends = [one.active.until for one in mine.values() if one.active is not None]
        until = max([now, *ends, *(one.ends_at for one in view.payers if one.ends_at != NEVER)])
    running = (_Stretch(now, min(one.ends_at, until), one.usd_per_hour) for one in view.payers)
    stretches = [*running, *_windows(mine, rates, leases, now, until)]
    stretches = [one for one in stretches if one.until > one.since]
    projected = view.spent + _sum(stretches)
    empty_at = _empty_at(stretches, limit - view.spent, now) if projected > limit else None
    return HoursRunway(
        name=view.budget.name,
        time_zone=view.budget.time_zone,
        limit_usd=limit,
        empty_at=empty_at,
        until=until,
        projected_usd=projected,
    )


def _may_pay(view: BudgetView, fleet: Fleet, leases: Mapping[str, LeaseRecord]) -> bool:
    """Whether a window to come may cost this budget: at one of its providers, where it has some."""
    match, where = view.budget.match, fleet.where
    places = match.providers if match is not None and match.providers else [""]
    return any(
        covers_fleet(view.budget, fleet.name, place, leases)
        for place in places
        if place not in where.exclude_providers
        and (not place or not where.providers or place in where.providers)
    )


def _sum(stretches: Iterable[_Stretch]) -> Decimal:
    exact = sum((_cost(one.usd_per_hour, one.until - one.since) for one in stretches), ZERO)
    return exact.quantize(MICRO, rounding=ROUND_UP)


def _cost(usd_per_hour: Decimal, length: timedelta) -> Decimal:
    return usd_per_hour * (length // timedelta(seconds=1)) / _HOUR_SECONDS


def _empty_at(stretches: Iterable[_Stretch], room: Decimal, now: datetime) -> datetime:
    """From one beginning or end to the next the rate is the same."""
    changes = [(one.since, one.usd_per_hour) for one in stretches]
    changes += [(one.until, -one.usd_per_hour) for one in stretches]
    at, rate = now, ZERO
    for moment, change in sorted(changes):
        cost = _cost(rate, moment - at)
        if room <= 0:
            break
        if cost >= room and rate:
            seconds = (room / rate * _HOUR_SECONDS).to_integral_value(ROUND_FLOOR)
            return at + timedelta(seconds=int(seconds))
        room, at, rate = room - cost, moment, rate + change
    return at
