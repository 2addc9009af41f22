"""Where periods begin, in every time zone and in the nights when the clocks change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.model.budget import Budget, BudgetPeriod
from reconciler.model.quantity import NEVER
from reconciler.planning.budget_periods import period_of

ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def period(kind: BudgetPeriod, zone: str, moment: str) -> tuple[datetime, datetime]:
    return period_of(Budget(name="b", period=kind, time_zone=zone), at(moment))


@pytest.mark.parametrize(
    ("kind", "zone", "moment", "since", "until"),
    [
        ("hour", "UTC", "2026-07-01T12:34Z", "2026-07-01T12:00Z", "2026-07-01T13:00Z"),
        ("day", "UTC", "2026-07-01T12:34Z", "2026-07-01T00:00Z", "2026-07-02T00:00Z"),
        ("week", "UTC", "2026-07-01T12:34Z", "2026-06-29T00:00Z", "2026-07-06T00:00Z"),
        ("month", "UTC", "2026-12-31T23:59Z", "2026-12-01T00:00Z", "2027-01-01T00:00Z"),
        ("day", "Asia/Kolkata", "2026-07-01T19:00Z", "2026-07-01T18:30Z", "2026-07-02T18:30Z"),
        # C12.6: days of 23 and of 25 hours
        ("day", "Europe/Berlin", "2026-03-29T12:00Z", "2026-03-28T23:00Z", "2026-03-29T22:00Z"),
        ("day", "Europe/Berlin", "2026-10-25T12:00Z", "2026-10-24T22:00Z", "2026-10-25T23:00Z"),
    ],
)
def test_a_period_begins_by_the_clocks_of_its_zone(
    kind: BudgetPeriod, zone: str, moment: str, since: str, until: str
) -> None:
    assert period(kind, zone, moment) == (at(since), at(until))


def test_a_total_has_neither_beginning_nor_end() -> None:
    assert period("total", "UTC", "2026-07-01T12:34Z")[1] == NEVER


@given(
    kind=st.sampled_from([one for one in get_args(BudgetPeriod) if one != "total"]),
    zone=st.sampled_from(ZONES),
    seconds=st.integers(min_value=0, max_value=3 * 366 * 86400),
)
def test_every_moment_lies_in_one_period_and_they_leave_no_gap(
    kind: BudgetPeriod, zone: str, seconds: int
) -> None:
    now = datetime(2025, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    budget = Budget(name="b", period=kind, time_zone=zone)
    since, until = period_of(budget, now)
    assert since <= now < until
    assert period_of(budget, since) == (since, until)
    assert period_of(budget, until)[0] == until


def test_a_zone_that_is_not_known_here_counts_as_utc_and_never_stops_a_loop() -> None:
    assert period("day", "Mars/Olympus", "2026-07-01T12:00Z")[0] == at("2026-07-01T00:00Z")
