"""Leases of windows: which decision stays one, and what no loop opens or holds back."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from reconciler.documents.time_zones import zone_clock
from reconciler.model.clock_verdict import ClockVerdict
from reconciler.model.fleet import Fleet, NodeCount
from reconciler.model.office_hours import OfficeHours, Span
from reconciler.model.plan import Mode, Plan, PlanRequest
from reconciler.model.reason import DestroyReason
from reconciler.model.record import HoursRecord, LeaseRecord, NodeTimer, RecordedState
from reconciler.planning.fingerprint import plan_fingerprint
from reconciler.planning.node_timers import Assumed, early_timers
from reconciler.planning.planner import compute_plan
from reconciler.planning.saved_plan import agreement
from tests.builders import (
    PROVIDER,
    complete,
    desired,
    fleet,
    instance,
    lease,
    observed,
    offer,
    offer_book,
    record,
    recorded_state,
)

UNTIL = datetime(2026, 12, 31, tzinfo=UTC)
WEEKDAYS = tuple(Span(day * 1440 + 480, day * 1440 + 1200) for day in range(5))
HOURS = OfficeHours("Mon-Fri 08:00-20:00", zone_clock("Europe/Berlin", UNTIL), WEEKDAYS, UNTIL)
MONDAY = datetime(2026, 7, 6, 6, tzinfo=UTC)
"""08:00 in Berlin."""
CLOSES = MONDAY + timedelta(hours=12)
HOUR = timedelta(hours=1)
APPLY = PlanRequest(Mode.APPLY)
SCHEDULE = PlanRequest(Mode.LOOP, schedule=True)


def in_hours(**changes: Any) -> Fleet:
    return fleet(**{"expires_at": UNTIL, "active": HOURS, **changes})


def window_lease(opens_at: datetime | None = MONDAY, **changes: Any) -> LeaseRecord:
    hours = HoursRecord(
        text=HOURS.text,
        time_zone="Europe/Berlin",
        until=UNTIL,
        opens_at=opens_at,
        closes_at=opens_at and opens_at + timedelta(hours=12),
    )
    fields: dict[str, Any] = {
        "ttl": timedelta(hours=12),
        "expires_at": hours.closes_at or UNTIL,
        "started_at": opens_at,
        "hours": hours,
    }
    return lease(**{**fields, **changes})


def plan(
    state: RecordedState,
    now: datetime,
    *rows: Any,
    request: PlanRequest = APPLY,
    declared: Fleet | None = None,
    **seen: Any,
) -> Plan:
    looked = observed(complete(PROVIDER, *rows, started_at=now), **seen)
    book = offer_book(*(offer(f"o{number}", f"0.{40 + number}") for number in range(1, 4)))
    return compute_plan(desired(declared or in_hours()), state, looked, book, now, request)


def test_I15_a_plan_that_was_approved_in_one_window_is_another_decision_in_the_next() -> None:
    """What was shown was the rest of Monday, not the whole of Tuesday."""
    saved = plan(recorded_state(), MONDAY + HOUR)
    assert len(saved.creates) == 1
    assert agreement(saved, plan(recorded_state(), MONDAY + 2 * HOUR)).plan is not None
    tuesday = agreement(saved, plan(recorded_state(), MONDAY + 25 * HOUR))
    assert tuesday.plan is None
    assert "leases" in tuesday.reasons[0]
    assert agreement(saved, plan(recorded_state(), CLOSES)).plan is None


@pytest.mark.parametrize(
    ("state", "now"),
    [
        (recorded_state(), MONDAY + HOUR),
        (recorded_state(), CLOSES + HOUR),
        (recorded_state(leases={"train": window_lease()}), MONDAY + 25 * HOUR),
        (recorded_state(leases={"train": lease(started_at=CLOSES + HOUR)}), CLOSES + 2 * HOUR),
        (recorded_state(leases={"train": lease(started_at=MONDAY + HOUR)}), MONDAY + 2 * HOUR),
    ],
    ids=["new, open", "new, closed", "the day after", "without hours, closed", "without, open"],
)
def test_a_decision_about_a_window_stays_the_same_while_a_person_thinks(
    state: RecordedState, now: datetime
) -> None:
    shown, later = plan(state, now), plan(state, now + timedelta(minutes=5))
    assert shown.has_changes
    assert plan_fingerprint(shown) == plan_fingerprint(later)


def test_the_end_of_a_window_is_held_back_by_no_fuse_and_no_protection() -> None:
    """RELIABILITY and section 5: a promise; ten of ten machines go in one pass."""
    mine = [record(index=index, created_at=MONDAY) for index in range(10)]
    leases = {"train": window_lease(prevent_destroy=True, target=10, maximum=10)}
    state = recorded_state(*mine, leases=leases)
    declared = in_hours(nodes=NodeCount(10, 10, 10))
    found = plan(state, CLOSES, *map(instance, mine), request=SCHEDULE, declared=declared)
    assert {one.reason for one in found.destroys} == {DestroyReason.OUTSIDE_HOURS}
    assert len(found.destroys) == 10
    assert found.creates == ()


def test_I31_a_clock_in_doubt_opens_no_window() -> None:
    state = recorded_state(leases={"train": window_lease(None, started_at=None)})
    assert len(plan(state, MONDAY, request=SCHEDULE).creates) == 1
    doubt = ClockVerdict(MONDAY, CLOSES, "the wall clock is ahead", off=True, sure=False)
    held = plan(state, MONDAY, request=SCHEDULE, clock=doubt)
    assert held.creates == ()
    assert held.lease_changes == ()
    opened = recorded_state(leases={"train": window_lease(started_at=None)})
    assert len(plan(opened, MONDAY, request=SCHEDULE).creates) == 1
    assert plan(opened, MONDAY, request=SCHEDULE, clock=doubt).creates == ()


def test_the_end_of_all_windows_is_expiry_and_no_window_opens_after_it() -> None:
    soon = replace(HOURS, until=MONDAY + 4 * HOUR)
    declared = in_hours(active=soon, expires_at=soon.until)
    hours = window_lease().hours
    assert hours is not None
    hours = hours.with_(until=soon.until, closes_at=soon.until)
    mine = record(created_at=MONDAY)
    leases = {"train": window_lease(expires_at=soon.until, hours=hours)}
    state = recorded_state(mine, leases=leases)
    found = plan(state, soon.until, instance(mine), request=SCHEDULE, declared=declared)
    assert [one.reason for one in found.destroys] == [DestroyReason.EXPIRED]
    (row,) = found.fleets
    assert row.hours is not None
    assert row.hours.next_opens_at is None


def test_hours_that_were_never_applied_are_told_and_not_opened() -> None:
    found = plan(recorded_state(), MONDAY, request=SCHEDULE)
    assert not found.has_changes
    assert any("nobody applied these hours" in one.message for one in found.findings)


def test_a_slot_that_held_a_machine_in_this_window_is_filled_again_by_heal_alone() -> None:
    """Whoever gave it back, a person or a budget, gave it back for this window."""
    hours = window_lease().hours
    assert hours is not None
    held = window_lease(target=2, maximum=2, hours=hours.with_(opened=[0]))
    state = recorded_state(leases={"train": held})
    declared = in_hours(nodes=NodeCount(2, 2, 2))
    found = plan(state, MONDAY + HOUR, request=SCHEDULE, declared=declared)
    assert [str(one.slot) for one in found.creates] == ["fleet.train[1]"]
    healing = replace(SCHEDULE, heal=True)
    both = plan(state, MONDAY + HOUR, request=healing, declared=declared)
    assert [(one.slot.index, one.reason.value) for one in both.creates] == [
        (0, "healed"),
        (1, "new"),
    ]


@pytest.mark.parametrize("until", [None, CLOSES + HOUR], ids=["the next window", "an extension"])
def test_the_timer_of_a_machine_of_an_earlier_window_is_not_moved(until: datetime | None) -> None:
    """It is its last protection where nothing else ends it; that of the window's own is moved."""
    margin = timedelta(minutes=30)
    old = record(created_at=MONDAY - 24 * HOUR)
    new = record(index=1, created_at=MONDAY)
    timers = {
        old.mark: NodeTimer(ends_at=MONDAY + margin, margin=margin),
        new.mark: NodeTimer(ends_at=MONDAY + HOUR, margin=margin),
    }
    state = recorded_state(old, new, window_lease()).with_(node_timers=timers)
    found = early_timers(state, Assumed(None, frozenset()), fleet="train", until=until)
    assert [(one.record.mark, one.until) for one in found] == [
        (new.mark, (until or CLOSES) + margin)
    ]
