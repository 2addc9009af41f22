"""What each event does to the state; each may be applied again, and no id is ever lost (I28)."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from reconciler.model.plan import Adopt, Doubt, Forget, Stranger
from reconciler.model.reason import DestroyReason
from reconciler.model.record import AbsenceEvidence, LeaseEnding, RecordedState, SoftNotice
from reconciler.planning import billing, departures, other_ids
from reconciler.planning import transitions as go
from reconciler.planning.lease_transitions import lease_changed, lease_ended, lease_extended
from reconciler.planning.leases import describe_change
from tests.builders import (
    HOUR,
    destroy,
    instance,
    intent,
    lease,
    record,
    recorded_state,
)
from tests.markets import START

NOW = START + HOUR
MARK = record().mark
EMPTY = recorded_state()
UNREADY = record(ready_at=None)
SEEN = AbsenceEvidence(last_seen_at=START)


def forget(what: str) -> Forget:
    return Forget(record().slot, MARK, "simulated", what, "")  # type: ignore[arg-type]


CHANGES = {
    "begin_create": go.begin_create(intent()),
    "create_refused": go.create_refused(MARK),
    "created": go.created(intent(), "m-1", Decimal("0.41"), NOW),
    "billed_at": billing.billed_at(MARK, Decimal("0.5")),
    "became_ready": go.became_ready(MARK, NOW),
    "doomed": go.doomed(destroy(reason=DestroyReason.UNDECLARED), NOW),
    "doubted": go.doubted(Doubt(record().slot, MARK, "simulated", "", Decimal(0), SEEN)),
    "sighted": go.sighted(MARK),
    "forgotten": departures.forgotten([forget("record")], NOW, {}),
    "proven absent": departures.forgotten([forget("intent")], NOW, {}),
    "lease_ended": lease_ended("train", LeaseEnding.RELEASED, NOW),
    "noticed": other_ids.noticed([Stranger(other_ids.OTHER_ID, instance(id="x"), None)]),
    "loop_passed": go.loop_passed(NOW, NOW + HOUR),
}
STATES = {
    "nothing": EMPTY,
    "a create": recorded_state(intent(), lease(started_at=None)),
    "a machine": recorded_state(record()),
    "a machine not ready": recorded_state(UNREADY),
}


@pytest.mark.parametrize("state", STATES.values(), ids=STATES)
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_I28_each_change_may_be_repeated_on_any_state_and_loses_no_id(
    change: go.Change, state: RecordedState
) -> None:
    once = change(state)
    assert change(once) == once
    for mark in state.instances:
        dropped = change is CHANGES["forgotten"]
        assert mark in once.instances or dropped


def test_the_first_machine_starts_the_lease_and_a_second_does_not() -> None:
    waiting = recorded_state(intent(), intent(index=1), lease(started_at=None))
    first = go.created(intent(), "m-1", None, NOW)(waiting)
    assert first.leases["train"].started_at == NOW
    assert (first.instances[MARK].usd_per_hour, len(first.intents)) == (Decimal("0.40"), 1)
    second = go.created(intent(index=1), "m-2", Decimal("0.5"), NOW + HOUR)(first)
    assert second.leases["train"].started_at == NOW
    assert second.intents == {}


def test_an_ended_lease_is_not_started_by_a_machine_that_comes_late() -> None:
    ended = recorded_state(intent(), lease(started_at=None, ended_at=START))
    assert go.created(intent(), "m-1", None, NOW)(ended).leases["train"].started_at is None


def test_I28_an_id_is_kept_where_its_intent_is_gone_and_a_known_record_stands() -> None:
    assert go.created(intent(), "m-1", None, NOW)(EMPTY).instances[MARK].instance_id == "m-1"
    known = recorded_state(record())
    kept = go.created(intent(), "m-9", None, NOW)(known)
    assert kept.instances[MARK].instance_id == record().instance_id


@pytest.mark.parametrize(
    ("reason", "soft", "counted"),
    [
        (DestroyReason.EXPIRED, False, 0),
        (DestroyReason.EXPIRED, True, 1),
        (DestroyReason.REQUESTED, False, 0),
        (DestroyReason.FAILED_READY, False, 0),
        (DestroyReason.UNDECLARED, True, 1),
        (DestroyReason.OVERPRICED, False, 1),
        (DestroyReason.ORPHANED, False, 1),
    ],
)
def test_I16_a_doom_that_may_be_a_slip_is_counted_for_an_hour(
    reason: DestroyReason, soft: bool, counted: int
) -> None:
    state = recorded_state(record(), soft_destroys=[NOW - HOUR])
    after = go.doomed(destroy(reason=reason, soft=soft), NOW)(state)
    assert after.soft_destroys == [NOW] * counted
    doom = after.instances[MARK].doom
    assert doom is not None
    assert (doom.reason, doom.since) == (reason, NOW)


def test_the_first_doom_stands_and_ends_the_notice() -> None:
    notice = SoftNotice(reason=DestroyReason.UNDECLARED, noticed_at=START, due_at=NOW)
    state = recorded_state(record(), notices={MARK: notice})
    first = go.doomed(destroy(), NOW)(state)
    assert first.notices == {}
    again = go.doomed(destroy(reason=DestroyReason.UNDECLARED), NOW + HOUR)(first)
    assert again == first


def test_an_attempt_counts_and_begins_the_proof_anew() -> None:
    state = go.doomed(destroy(), NOW)(recorded_state(record()))
    failed = go.destroy_attempted(MARK, NOW, error="503")(state)
    accepted = go.destroy_attempted(MARK, NOW + HOUR, error="")(failed)
    again = go.destroy_attempted(MARK, NOW + 2 * HOUR, error="")(accepted)
    dooms = [one.instances[MARK].doom for one in (failed, accepted, again)]
    assert [(one.attempts, one.failures, one.accepted_at) for one in dooms if one] == [
        (1, 1, None),
        (2, 1, NOW + HOUR),
        (3, 1, NOW + HOUR),
    ]
    in_doubt = AbsenceEvidence(last_seen_at=NOW + 2 * HOUR, billed_at=NOW)  # since the first
    assert again.instances[MARK].absence == in_doubt
    assert go.destroy_attempted(MARK, NOW, error="")(recorded_state(record())) == recorded_state(
        record()
    )


def test_C1_17_a_machine_that_was_never_ready_is_watched_for_a_day_after_its_proof() -> None:
    watched = departures.forgotten([forget("record")], NOW, {})(recorded_state(UNREADY))
    assert watched.instances == {}
    assert watched.intents[MARK].watched_until == NOW + timedelta(hours=24)
    assert not watched.intents[MARK].blocks_slot
    ready = departures.forgotten([forget("record")], NOW, {})(recorded_state(record()))
    assert (ready.instances, ready.intents) == ({}, {})
    found = record(ready_at=None, specification=None, ceiling_usd_per_hour=None)
    assert departures.forgotten([forget("record")], NOW, {})(recorded_state(found)).intents == {}


def test_a_create_proven_absent_is_watched_and_then_dropped() -> None:
    watched = departures.forgotten([forget("intent")], NOW, {})(
        recorded_state(intent(absence=SEEN))
    )
    assert watched.intents[MARK].watched_until == NOW + timedelta(hours=24)
    assert watched.intents[MARK].absence is None
    assert departures.forgotten([forget("watch")], NOW, {})(watched).intents == {}


def test_a_lease_keeps_a_start_that_came_in_between() -> None:
    change = describe_change(lease(started_at=None), lease(started_at=None, target=2))
    assert change is not None
    after = lease_changed(change)(recorded_state(lease())).leases["train"]
    assert (after.started_at, after.target) == (START, 2)
    renewed = describe_change(lease(ended_at=NOW), lease(started_at=None))
    assert renewed is not None
    state = recorded_state(lease(ended_at=NOW))
    assert lease_changed(renewed)(state).leases["train"].started_at is None


def test_an_ended_lease_keeps_its_first_end() -> None:
    once = lease_ended("train", LeaseEnding.DESTROYED, NOW)(recorded_state(lease()))
    again = lease_ended("train", LeaseEnding.RELEASED, NOW + HOUR)(once)
    assert again == once
    assert once.leases["train"].ends_at == NOW


def test_extending_moves_the_fleets_announced_destroys_by_as_much() -> None:
    notice = SoftNotice(reason=DestroyReason.UNDECLARED, noticed_at=START, due_at=NOW)
    other = record("lab").mark
    state = recorded_state(record(), record("lab"), notices={MARK: notice, other: notice})
    after = lease_extended("train", START + 9 * HOUR, 2 * HOUR)(state)
    assert after.leases["train"].ends_at == START + 9 * HOUR
    assert after.notices[MARK].due_at == NOW + 2 * HOUR
    assert after.notices[other].due_at == NOW


def test_C2_12_a_record_gets_the_id_that_was_noted_for_it_and_no_other() -> None:
    """It stays what it was: its price, its doom, and when it began."""
    found = instance(id="x")
    new = Adopt(record(instance_id="x", usd_per_hour=Decimal(9)), found)
    assert go.adopted(new, NOW)(recorded_state(UNREADY)).instances == {MARK: UNREADY}
    noted = other_ids.noticed([Stranger(other_ids.OTHER_ID, found, None)])(recorded_state(UNREADY))
    assert noted.other_ids == {MARK: "x"}
    after = go.adopted(new, NOW)(noted)
    assert after.instances == {MARK: UNREADY.with_(instance_id="x")}
    assert after.other_ids == {}


def test_what_was_noted_of_a_record_that_is_gone_is_not_kept() -> None:
    noted = recorded_state(UNREADY, other_ids={MARK: "x"})
    assert departures.forgotten([forget("record")], NOW, {})(noted).other_ids == {}
