"""The leases of a fleet with office hours: each window has one of its own, which ends with it.

A window is opened once. Only a person opens it anew (``apply -renew``, or ``apply`` after
``destroy``), and a fleet that a person destroyed stays so until the next ``apply``.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from reconciler.model.fleet import DEFAULT_MAX_TTL
from reconciler.model.record import HoursRecord, LeaseEnding
from reconciler.planning.leases import (
    has_ended,
    is_applied,
    lease_of,
    same_hours,
    same_terms,
)
from reconciler.planning.office_hours import window_at, windows_from

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from reconciler.model.fleet import DesiredState, Fleet
    from reconciler.model.office_hours import OfficeHours
    from reconciler.model.office_windows import Window
    from reconciler.model.record import LeaseRecord

_WEEK = timedelta(days=8)
_TERMS = ("grace", "target", "maximum", "team", "owner", "labels", "weight")


def at_this_hour(desired: DesiredState, now: datetime) -> DesiredState:
    """``desired`` in which fleets with office hours end with the window at hand, or have ended."""
    if all(fleet.active is None for fleet in desired.fleets.values()):
        return desired
    fleets = {
        name: fleet if fleet.active is None else _in_its_window(fleet, fleet.active, now)
        for name, fleet in desired.fleets.items()
    }
    return replace(desired, fleets=fleets)


def _in_its_window(fleet: Fleet, active: OfficeHours, now: datetime) -> Fleet:
    window = window_at(active, now)
    end = window.closes_at if window else now
    return replace(fleet, ttl=end - now, expires_at=end)


def lease_in_hours(
    fleet: Fleet,
    active: OfficeHours,
    recorded: LeaseRecord | None,
    now: datetime,
    *,
    renew: bool,
    held: Iterable[int] = (),
    max_ttl: timedelta = DEFAULT_MAX_TTL,
) -> LeaseRecord:
    """The lease as it stands once ``fleet``, which has office hours, is applied.

    In a window that the recorded lease is not for, a new one opens; a machine that runs goes on in
    it, where that ends within ``max_ttl`` of its lease's start (``safety.max_ttl``). Outside of
    hours a lease ends, unless a person has extended it under these same hours; one that was
    extended into another window runs on to its own end.
    ``held``: the slots that hold a machine now.
    """
    window = window_at(active, now)
    if window is None:
        return _lease_outside(fleet, active, recorded, now)
    if recorded is None:
        return _lease_of_window(fleet, active, window, None)
    ended = has_ended(recorded, now)
    same = same_hours(recorded, active)
    mine = is_for(recorded, window)
    if ended and mine and not renew and recorded.ended_by is not LeaseEnding.DESTROYED:
        return _with_terms(fleet, active, recorded)
    if not ended and same and (mine or recorded.extended_to is not None):
        return _with_terms(fleet, active, recorded)
    if not ended and _is_extended_into(window, recorded):
        return _with_terms(fleet, active, recorded)
    lease = _lease_of_window(fleet, active, window, recorded)
    if ended or recorded.started_at is None:
        return lease
    if window.closes_at > recorded.started_at + max_ttl:
        # It counts from the opening: machines made before are of an earlier window, and go.
        return lease.with_(started_at=max(recorded.started_at, window.opens_at))
    # What runs goes on: other hours end it at another time.
    length = window.closes_at - min(window.opens_at, recorded.started_at)
    opened = set(held)
    if recorded.hours is not None and mine:
        opened.update(recorded.hours.opened)
    hours = _hours_of(active, window).with_(opened=sorted(opened))
    return lease.with_(started_at=recorded.started_at, ttl=length, hours=hours)


def _is_extended_into(window: Window, recorded: LeaseRecord) -> bool:
    """Whether a person moved the end of an earlier window to within ``window``."""
    hours = recorded.hours
    if recorded.extended_to is None or hours is None or hours.closes_at is None:
        return False
    return hours.closes_at <= window.opens_at


def _lease_outside(
    fleet: Fleet, active: OfficeHours, recorded: LeaseRecord | None, now: datetime
) -> LeaseRecord:
    if recorded is None:
        return lease_of(fleet, None, None).with_(
            ttl=timedelta(0), expires_at=active.until, hours=_hours_of(active, None)
        )
    lease = _with_terms(fleet, active, recorded)
    if has_ended(recorded, now):
        # A fleet that was destroyed is opened again by its next window: this apply says so.
        again = lease.ended_by is LeaseEnding.DESTROYED
        return lease.with_(ended_by=None) if again else lease
    if recorded.started_at is None:
        return lease.with_(ttl=timedelta(0), expires_at=active.until)
    if recorded.extended_to is not None and same_hours(recorded, active):
        return lease
    ended_at = max(recorded.started_at, _last_close(active, now) or recorded.started_at)
    return lease.with_(ended_at=ended_at, extended_to=None)


def _last_close(active: OfficeHours, now: datetime) -> datetime | None:
    """When the window before ``now`` closed: unlike ``now`` it is the same at the next look."""
    closes = None
    for window in windows_from(active, now - _WEEK):
        if window.closes_at > now:
            break
        closes = window.closes_at
    return closes


def _lease_of_window(
    fleet: Fleet, active: OfficeHours, window: Window, before: LeaseRecord | None
) -> LeaseRecord:
    return lease_of(fleet, None, before).with_(
        ttl=window.length, expires_at=window.closes_at, hours=_hours_of(active, window)
    )


def _with_terms(fleet: Fleet, active: OfficeHours, recorded: LeaseRecord) -> LeaseRecord:
    """What the documents say of the fleet beside its hours' windows; its lease stays as it is."""
    if is_applied(fleet, recorded):
        return recorded
    hours = _hours_of(active, None)
    if recorded.hours is not None:
        hours = hours.with_(
            opens_at=recorded.hours.opens_at,
            closes_at=recorded.hours.closes_at,
            opened=recorded.hours.opened,
        )
    return lease_of(fleet, recorded.started_at, recorded).with_(
        ttl=recorded.ttl,
        expires_at=recorded.expires_at,
        extended_to=recorded.extended_to,
        ended_at=recorded.ended_at,
        ended_by=recorded.ended_by,
        hours=hours,
    )


def _hours_of(active: OfficeHours, window: Window | None) -> HoursRecord:
    return HoursRecord.model_construct(
        text=active.text,
        time_zone=active.zone.name,
        until=active.until,
        opens_at=window.opens_at if window else None,
        closes_at=window.closes_at if window else None,
        opened=[],
        terms=active.terms,
    )


def is_for(lease: LeaseRecord, window: Window) -> bool:
    """True when ``lease`` is that of ``window``, whether it has begun or ended."""
    return lease.hours is not None and lease.hours.opens_at == window.opens_at


def is_armed(lease: LeaseRecord | None, active: OfficeHours) -> bool:
    """Whether a loop with ``--schedule`` opens the coming windows: these hours were applied, with
    what they buy, and nobody destroyed the fleet since.
    """
    if lease is None or not same_hours(lease, active) or not same_terms(lease, active):
        return False
    return lease.ended_by is not LeaseEnding.DESTROYED


def opened_by_schedule(
    fleet: Fleet, recorded: LeaseRecord | None, now: datetime
) -> LeaseRecord | None:
    """The lease of the window at hand, for a loop that opens windows; None where it opens none.

    Only what was applied counts (SPEC.md section 12, 1), each window is opened once, and a lease
    that still runs, because it was extended, is let run to its end.
    """
    active = fleet.active
    if active is None or recorded is None or not is_armed(recorded, active):
        return None
    window = window_at(active, now)
    if window is None or is_for(recorded, window):
        return None
    if recorded.started_at is not None and not has_ended(recorded, now):
        return None
    lease = _lease_of_window(fleet, active, window, recorded)
    applied = {name: getattr(recorded, name) for name in _TERMS}
    return lease.with_(**applied, prevent_destroy=recorded.prevent_destroy)
