"""What applying does to a lease, and when one ends (SPEC.md section 12, 2)."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from reconciler.model.reason import DestroyReason
from reconciler.model.record import Doom, LeaseEnding, LeaseRecord, SoftNotice
from reconciler.planning.leases import (
    describe_change,
    has_ended,
    lease_after_apply,
    next_deadline,
    planned_end,
)
from tests.builders import HOUR, TTL, fleet, lease, record, recorded_state
from tests.markets import START

NOW = START + HOUR
LATE = START + 5 * HOUR


@pytest.mark.parametrize(
    ("given", "end"),
    [
        (lease(), START + TTL),
        (lease(expires_at=START + HOUR), START + HOUR),
        (lease(expires_at=START + 9 * HOUR), START + TTL),
        (lease(extended_to=START + 6 * HOUR), START + 6 * HOUR),
        (lease(extended_to=START + 6 * HOUR, ended_at=NOW), NOW),
        (lease(started_at=None), None),
        (lease(started_at=None, expires_at=NOW), None),
    ],
)
def test_a_lease_ends_at_the_earliest_of_what_is_known(
    given: LeaseRecord, end: datetime | None
) -> None:
    assert given.ends_at == end


def test_a_lease_has_ended_at_its_very_second() -> None:
    assert not has_ended(lease(), START + TTL - timedelta(microseconds=1))
    assert has_ended(lease(), START + TTL)
    assert not has_ended(None, LATE)
    assert not has_ended(lease(started_at=None), LATE)


@pytest.mark.parametrize("extended_to", [None, START + 7 * HOUR])
def test_I17_applying_unchanged_documents_changes_no_lease(extended_to: datetime | None) -> None:
    before = lease(extended_to=extended_to)
    after = lease_after_apply(fleet(), before, NOW, renew=False, occupied=True)
    assert after == before
    assert describe_change(before, after) is None


def test_a_changed_ttl_moves_the_end_from_the_same_start_and_drops_an_extension() -> None:
    before = lease(extended_to=START + 7 * HOUR)
    after = lease_after_apply(fleet(ttl=2 * HOUR), before, NOW, renew=False, occupied=True)
    assert (after.started_at, after.ends_at) == (START, START + 2 * HOUR)


@pytest.mark.parametrize(
    ("ended_by", "renew", "occupied", "started_at"),
    [
        (None, False, True, START),
        (LeaseEnding.RELEASED, False, False, START),
        (LeaseEnding.DESTROYED, False, False, None),
        (LeaseEnding.DESTROYED, False, True, None),
        (None, True, False, None),
        (None, True, True, LATE),
        (LeaseEnding.RELEASED, True, False, None),
    ],
)
def test_an_ended_lease_reopens_by_renew_or_after_a_destroy_only(
    ended_by: LeaseEnding | None, renew: bool, occupied: bool, started_at: datetime | None
) -> None:
    before = lease(ended_by=ended_by, ended_at=NOW if ended_by else None)
    after = lease_after_apply(fleet(), before, LATE, renew=renew, occupied=occupied)
    assert after.started_at == started_at
    assert (after == before) is (started_at == START)


def test_renew_leaves_a_lease_that_runs_as_it_is() -> None:
    assert lease_after_apply(fleet(), lease(), NOW, renew=True, occupied=True) == lease()


@pytest.mark.parametrize(
    ("given", "end"),
    [
        (lease(started_at=None), NOW + TTL),
        (lease(started_at=None, expires_at=START + 2 * HOUR), START + 2 * HOUR),
        (lease(), START + TTL),
        (lease(started_at=None, ended_at=START), START),
    ],
)
def test_a_machine_bought_now_would_end_with_the_lease(given: LeaseRecord, end: datetime) -> None:
    assert planned_end(given, NOW) == end


def test_the_reader_is_told_what_changes() -> None:
    change = describe_change(lease(), lease(ttl=2 * HOUR, target=3, grace=timedelta(0)))
    assert change is not None
    assert change.what == (
        "lease end 2026-07-01 16:00:00 UTC -> 2026-07-01 14:00:00 UTC",
        "grace 10m -> 0s",
        "target 1 -> 3",
    )
    opened = describe_change(None, lease())
    assert opened is not None
    assert opened.what == ()


def test_the_next_deadline_is_a_lease_end_or_a_due_notice_of_what_lives() -> None:
    tick = timedelta(seconds=60)
    doomed = record(doom=Doom(reason=DestroyReason.EXPIRED, since=START))
    notice = SoftNotice(reason=DestroyReason.UNDECLARED, noticed_at=START, due_at=START + 2 * HOUR)
    alive = recorded_state(record())
    assert next_deadline(alive, NOW, tick) == START + TTL
    assert next_deadline(alive.with_(notices={"m": notice}), NOW, tick) == START + 2 * HOUR
    assert next_deadline(recorded_state(lease()), NOW, tick) is None
    assert next_deadline(recorded_state(doomed).with_(notices={"m": notice}), NOW, tick) is not None
