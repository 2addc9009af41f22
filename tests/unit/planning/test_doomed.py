"""What a look says about machines whose end was asked for already."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from reconciler.model.observation import DirectRead
from reconciler.model.plan import Mode, Plan, PlanRequest
from reconciler.model.reason import DestroyReason
from reconciler.model.record import AbsenceEvidence, Doom, InstanceRecord
from reconciler.planning import transitions
from reconciler.planning.machines import decide_doomed
from reconciler.planning.planner import compute_plan
from tests.builders import (
    complete,
    instance,
    lease,
    mark_text,
    observed,
    offer_book,
    record,
    recorded_state,
    unreadable,
)
from tests.markets import START

NOW = START + timedelta(hours=1)


def _doomed(**facts: Any) -> InstanceRecord:
    accepted = START + timedelta(minutes=5)
    return record(doom=Doom(reason=DestroyReason.EXPIRED, since=accepted, **facts))


@pytest.mark.parametrize(
    ("listing", "put_off", "sent"),
    [
        (complete(started_at=NOW), True, 0),
        (complete(started_at=NOW), False, 1),
        (unreadable(), True, 1),
    ],
    ids=["not asked for", "not answered", "no listing"],
)
def test_I9_what_there_was_no_time_to_ask_for_is_not_asked_to_end_again(
    listing: Any, put_off: bool, sent: int
) -> None:
    """A whole listing lacks it, so that it may wait; without one it may not."""
    known = _doomed()
    reads = {(known.provider, known.instance_id): DirectRead(why="?", put_off=put_off)}
    found = decide_doomed(recorded_state(known), observed(listing, reads=reads), NOW)
    assert len(found.destroys) == sent


def test_I4_C2_13_what_a_listing_lacked_after_its_destroy_is_not_asked_to_end_unseen() -> None:
    """Found by the simulator, seed 68330: its id was somebody else's when no listing came."""
    accepted = START + timedelta(minutes=5)
    missed = AbsenceEvidence(last_seen_at=accepted, first_absent_at=accepted + timedelta(minutes=9))
    for absence, sent in ((None, 1), (missed, 0)):
        known = _doomed(accepted_at=accepted).with_(absence=absence)
        found = decide_doomed(recorded_state(known), observed(unreadable()), NOW)
        assert (len(found.destroys), len(found.doubts)) == (sent, 1 - sent)


def test_I4_C2_13_an_id_that_stood_for_another_machine_is_not_asked_to_end_unseen() -> None:
    """Found by the simulator, seed 55234: the next look failed, and that machine was destroyed."""
    known = _doomed()
    theirs = instance(known, label=mark_text(workspace="else"))
    state = recorded_state(known)
    (doubt,) = decide_doomed(state, observed(complete("simulated", theirs)), NOW).doubts
    assert doubt.recycled
    state = transitions.doubted(doubt)(state)
    blind = decide_doomed(state, observed(unreadable()), NOW)
    assert (len(blind.destroys), len(blind.doubts)) == (0, 1)
    again = decide_doomed(state, observed(complete("simulated", instance(known))), NOW)
    assert len(again.destroys) == 1, "under its own mark it is ours"


def test_I4_C2_13_the_lease_of_an_id_that_stood_for_another_machine_ends_nothing_unseen() -> None:
    """Found by the simulator, seed 24418: remembered was it only of machines on their way out."""
    ended = lease("train", ttl=timedelta(minutes=30), started_at=START)
    theirs = complete("simulated", instance(label=mark_text(workspace="else")))
    known = record(absence=AbsenceEvidence(last_seen_at=START, first_absent_at=START))
    state = recorded_state(known, leases={"train": ended})

    def looked(listing: Any) -> Plan:
        return compute_plan(
            None, state, observed(listing), offer_book(), NOW, PlanRequest(Mode.LOOP)
        )

    for given in (theirs, unreadable()):
        found = looked(given)
        assert (found.destroys, [one.recycled for one in found.doubts]) == ((), [True])
        state = transitions.doubted(found.doubts[0])(state)
    unnamed = looked(complete("simulated", instance(label=None)))
    assert unnamed.sighted == (), "without a label nobody knows whose it is"
    ours = looked(complete("simulated", instance()))
    assert (len(ours.destroys), ours.sighted) == (1, (known.mark,)), "under its own mark it is ours"
    state = transitions.sighted(record().mark)(state)
    assert len(looked(unreadable()).destroys) == 1, "and unseen, too"
