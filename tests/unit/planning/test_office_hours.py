"""Windows of office hours: in every zone, and in the nights when the clocks change (C12.6)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.documents.time_zones import zone_clock
from reconciler.model.office_hours import MINUTES_OF_A_WEEK, OfficeHours, Span
from reconciler.model.office_windows import shown_in
from reconciler.planning.office_hours import next_window, window_at, windows_after, windows_from

ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe",
         "Africa/Casablanca", "Pacific/Apia")  # fmt: skip
UNTIL = datetime(2028, 6, 1, tzinfo=UTC)
DAY = 24 * 60


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def hours(
    *spans: tuple[int, int], zone: str = "Europe/Berlin", until: datetime = UNTIL
) -> OfficeHours:
    made = tuple(Span(start, end) for start, end in spans)
    return OfficeHours("as the test says", zone_clock(zone, until), made, until)


def of_sunday(start: str, end: str) -> OfficeHours:
    """Both nights of the change are on a Sunday."""

    def minutes(text: str) -> int:
        return 6 * DAY + int(text[:2]) * 60 + int(text[3:])

    return hours((minutes(start), minutes(end)))


@pytest.mark.parametrize(
    ("start", "end", "opens", "closes"),
    [
        # 2026-03-29: from 02:00 the clocks go to 03:00; 02:00 until 03:00 are left out.
        ("01:00", "05:00", "2026-03-29T00:00Z", "2026-03-29T03:00Z"),
        ("02:30", "05:00", "2026-03-29T01:00Z", "2026-03-29T03:00Z"),
        ("00:00", "02:30", "2026-03-28T23:00Z", "2026-03-29T01:00Z"),
        ("03:00", "05:00", "2026-03-29T01:00Z", "2026-03-29T03:00Z"),
        # 2026-10-25: from 03:00 the clocks go back to 02:00; 02:00 until 03:00 come twice.
        ("01:00", "05:00", "2026-10-24T23:00Z", "2026-10-25T04:00Z"),
        ("02:30", "05:00", "2026-10-25T00:30Z", "2026-10-25T04:00Z"),
        ("00:00", "02:30", "2026-10-24T22:00Z", "2026-10-25T00:30Z"),
        ("02:15", "02:45", "2026-10-25T00:15Z", "2026-10-25T00:45Z"),
        ("03:00", "05:00", "2026-10-25T02:00Z", "2026-10-25T04:00Z"),
    ],
)
def test_C12_6_a_window_in_the_night_of_the_change_opens_once_and_counts_real_hours(
    start: str, end: str, opens: str, closes: str
) -> None:
    window = next_window(of_sunday(start, end), at(opens) - timedelta(days=2))
    assert window is not None
    assert (window.opens_at, window.closes_at) == (at(opens), at(closes))
    following = next_window(of_sunday(start, end), window.opens_at)
    assert following is not None
    assert following.opens_at >= window.opens_at + timedelta(days=6)


def test_C12_6_a_window_that_the_clocks_leave_out_is_none() -> None:
    week_before, week_after = islice(
        windows_from(of_sunday("02:10", "02:50"), at("2026-03-20T00:00Z")), 2
    )
    assert week_before.opens_at == at("2026-03-22T01:10Z")
    assert week_after.opens_at == at("2026-04-05T00:10Z")


def test_a_window_over_midnight_and_over_the_end_of_the_week_is_one() -> None:
    over = hours((6 * DAY + 22 * 60, 7 * DAY + 6 * 60))  # Sun 22:00-06:00
    window = window_at(over, at("2026-07-06T01:00Z"))  # Monday 03:00 there
    assert window is not None
    assert window.opens_at == at("2026-07-05T20:00Z")
    assert window.closes_at == at("2026-07-06T04:00Z")


def test_the_last_window_closes_at_the_end_and_none_opens_after_it() -> None:
    ends = hours((8 * 60, 20 * 60), until=at("2026-07-06T10:00Z"))
    window = window_at(ends, at("2026-07-06T07:00Z"))
    assert window is not None
    assert window.closes_at == at("2026-07-06T10:00Z")
    assert window_at(ends, at("2026-07-06T10:00Z")) is None
    assert next_window(ends, at("2026-07-06T07:00Z")) is None


@st.composite
def spans_of_a_week(draw: st.DrawFn) -> list[tuple[int, int]]:
    """Up to eight windows, apart from one another, one perhaps over the end of the week."""
    cuts = sorted(draw(st.sets(st.integers(0, MINUTES_OF_A_WEEK - 1), min_size=2, max_size=16)))
    spans = [(start, end) for start, end in zip(cuts[::2], cuts[1::2], strict=False)]
    if len(cuts) % 2:
        spans.append((cuts[-1], MINUTES_OF_A_WEEK + cuts[0] - 1))
    return [span for span in spans if span[0] < span[1]]


@settings(max_examples=40, deadline=None)
@given(
    spans=spans_of_a_week(),
    zone=st.sampled_from(ZONES),
    minutes=st.integers(0, 3 * 366 * DAY),
)
def test_every_moment_lies_in_at_most_one_window_and_they_come_in_order(
    spans: list[tuple[int, int]], zone: str, minutes: int
) -> None:
    now = datetime(2025, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    active = hours(*spans, zone=zone)
    windows = list(islice(windows_from(active, now - timedelta(days=3)), 20))
    for before, after in pairwise(windows):
        assert before.opens_at < before.closes_at <= after.opens_at
    inside = [one for one in windows if one.opens_at <= now < one.closes_at]
    assert window_at(active, now) == (inside[0] if inside else None)
    assert len(inside) <= 1
    number, length = windows_after(active, now)
    every = [one for one in windows_from(active, now) if one.opens_at > now]
    assert (number, length) == (len(every), sum((one.length for one in every), timedelta(0)))
    coming = next_window(active, now)
    assert coming is None or coming.opens_at > now


@given(
    spans=spans_of_a_week(),
    zone=st.sampled_from(ZONES),
    minutes=st.integers(0, 3 * 366 * DAY),
)
def test_far_from_a_change_a_fleet_is_open_when_the_clocks_on_the_wall_say_so(
    spans: list[tuple[int, int]], zone: str, minutes: int
) -> None:
    """Against the standard library's own conversion."""
    now = datetime(2025, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    local = now.astimezone(ZoneInfo(zone))
    week = timedelta(days=8)
    offsets = {(now + by).astimezone(ZoneInfo(zone)).utcoffset() for by in (-week, week)}
    if offsets != {local.utcoffset()}:
        return
    minute = local.weekday() * DAY + local.hour * 60 + local.minute
    expected = any(
        start <= minute < end or start <= minute + MINUTES_OF_A_WEEK < end for start, end in spans
    )
    assert (window_at(hours(*spans, zone=zone), now) is not None) is expected


@given(zone=st.sampled_from(ZONES), minutes=st.integers(0, 3 * 365 * DAY))
def test_a_zone_as_a_value_shows_what_the_database_says(zone: str, minutes: int) -> None:
    now = datetime(2025, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    clock = zone_clock(zone, UNTIL)
    assert shown_in(clock, now).isoformat() == now.astimezone(ZoneInfo(zone)).isoformat()
