"""Whose machine is each one? The table of SPEC.md section 4."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from reconciler.model.instance import Instance, InstanceStatus
from reconciler.model.observation import DirectRead
from reconciler.model.reason import DestroyReason
from reconciler.model.record import AbsenceEvidence, Doom
from reconciler.planning.absence import Presence
from reconciler.planning.classification import carries_another_mark, classify_instances
from tests.builders import (
    HOUR,
    complete,
    instance,
    intent,
    mark_text,
    observed,
    record,
    recorded_state,
)
from tests.markets import START

EXPIRED = DestroyReason.EXPIRED
WINDOW = timedelta(seconds=10)
SEEN_WINDOW = {"simulated": WINDOW}


def stranger(label: str | None, machine_id: str = "x") -> Instance:
    return instance(label=label, id=machine_id)


@pytest.mark.parametrize(
    ("label", "kind"),
    [
        (mark_text(nonce="zzzzzzzz"), "orphaned"),
        (mark_text(nonce="zzzzzzzz", lineage="another"), "other-lineage"),
        (mark_text(nonce="zzzzzzzz", workspace="neighbours"), "neighbour"),
        (mark_text(), "duplicate"),
        (mark_text(end=START), "duplicate"),
        (mark_text("other", 7, nonce="00000000"), "duplicate"),
        (mark_text(index=5), "duplicate"),
        (mark_text()[:-1], "foreign"),
        (mark_text().upper(), "foreign"),
        (mark_text() + "-2", "foreign"),
        (f" {mark_text()}", "foreign"),
        ("", "foreign"),
        (None, "foreign"),
    ],
)
def test_a_machine_without_a_record_is_told_by_its_whole_mark(label: str | None, kind: str) -> None:
    state = recorded_state(record(), intent(index=5))
    listing = complete("simulated", instance(), instance(intent(index=5)), stranger(label))
    found = classify_instances(state, observed(listing))
    assert [(one.instance.id, one.kind) for one in found.strangers] == [("x", kind)]


def test_of_two_machines_under_the_mark_of_a_create_one_is_ours_and_one_a_duplicate() -> None:
    twins = [stranger(mark_text(), "m-2"), stranger(mark_text(), "m-1")]
    found = classify_instances(recorded_state(intent()), observed(complete("simulated", *twins)))
    assert [one.instance and one.instance.id for one in found.intents] == ["m-1"]
    assert [(one.instance.id, one.kind) for one in found.strangers] == [("m-2", "duplicate")]


def _gone() -> AbsenceEvidence:
    """Of a machine that no look ever had, missed long enough ago for the next one to prove it."""
    return AbsenceEvidence(
        last_seen_at=START - HOUR, first_absent_at=START - HOUR / 2, billed_at=START - 9 * HOUR
    )


@pytest.mark.parametrize(
    ("seen", "kind"),
    [
        ({"absence": _gone()}, "other-id"),
        ({"absence": _gone(), "provider": "elsewhere"}, "duplicate"),
        ({"absence": _gone().with_(billed_at=START)}, "duplicate"),
        ({"absence": _gone(), "doom": Doom(reason=EXPIRED, since=START)}, "duplicate"),
        ({"ready_at": START}, "duplicate"),
    ],
)
def test_C2_12_a_mark_whose_machine_was_never_seen_may_have_got_another_id(
    seen: dict[str, Any], kind: str
) -> None:
    """A copy stands beside the machine that it copies, which somebody saw."""
    known = record(**{"ready_at": None, **seen})
    looked = observed(complete("simulated", stranger(known.mark)))
    found = classify_instances(recorded_state(known), looked)
    assert [one.kind for one in found.strangers] == [kind]
    noted = recorded_state(known, other_ids={known.mark: "x"})
    found = classify_instances(noted, looked)
    expected = "duplicate" if "provider" in seen else "other-id"
    assert [one.kind for one in found.strangers] == [expected], "once noted it stays so"


def test_C2_12_the_machine_is_the_one_with_the_mark_once_the_id_of_the_answer_is_proven_gone() -> (
    None
):
    known = record(ready_at=None, absence=_gone())
    reads = {("simulated", known.instance_id): DirectRead(not_found=True)}
    looked = observed(complete("simulated", stranger(known.mark)), reads=reads)
    found = classify_instances(recorded_state(known), looked)
    assert [one.kind for one in found.strangers] == ["other-id"], "it is noted first"
    noted = recorded_state(known, other_ids={known.mark: "x"})
    found = classify_instances(noted, looked)
    assert not found.strangers
    (sighting,) = found.records
    assert (sighting.record.instance_id, sighting.found_by_mark) == ("x", True)
    assert sighting.weighed.presence is Presence.SEEN


@pytest.mark.parametrize(("told", "is_ours"), [("x", True), ("y", False), ("", False)])
def test_C2_12_it_is_also_the_one_that_the_provider_shows_to_whoever_asks_for_the_id_of_the_answer(
    told: str, is_ours: bool
) -> None:
    """An id in capitals, say: it never would be proven gone."""
    known = record(absence=_gone().with_(first_absent_at=None))
    reads = {("simulated", known.instance_id): DirectRead(why="another machine", other_id=told)}
    looked = observed(complete("simulated", stranger(known.mark)), reads=reads)
    noted = recorded_state(known, other_ids={known.mark: "x"})
    (sighting,) = classify_instances(noted, looked).records
    assert sighting.found_by_mark is is_ours
    (first,) = classify_instances(recorded_state(known), looked).strangers
    assert first.kind == ("other-id" if is_ours else "duplicate"), "it is noted first"


def test_a_create_is_found_only_at_the_provider_that_was_asked() -> None:
    elsewhere = instance(intent(), provider="other")
    found = classify_instances(
        recorded_state(intent()), observed(complete("other", elsewhere), complete())
    )
    assert found.intents[0].instance is None


def test_I12_a_create_on_its_way_is_not_absent_before_its_deadline() -> None:
    state = recorded_state(intent())
    deadline = intent().deadline_at
    for second in range(int((deadline + 2 * WINDOW - START).total_seconds())):
        listing = complete(started_at=START + timedelta(seconds=second))
        seen = classify_instances(state, observed(listing, visibility=SEEN_WINDOW)).intents[0]
        assert seen.weighed.presence is Presence.MISSING, second
        state = recorded_state(intent(absence=seen.weighed.evidence))
    listing = complete(started_at=deadline + 2 * WINDOW)
    seen = classify_instances(state, observed(listing, visibility=SEEN_WINDOW)).intents[0]
    assert seen.weighed.presence is Presence.GONE


@pytest.mark.parametrize(
    ("label", "doubt", "another"),
    [
        (mark_text(), "", False),
        (mark_text(end=START), "", False),
        (None, "its mark is missing or was changed at the provider", False),
        ("my own name", "its mark is missing or was changed at the provider", False),
        (mark_text(nonce="zzzzzzzz"), "the provider shows another machine's mark", True),
        (mark_text(workspace="else"), "the provider shows another machine's mark", True),
    ],
)
def test_I4_a_machine_is_ours_while_its_identity_stands(
    label: str | None, doubt: str, another: bool
) -> None:
    found = instance(label=label)
    sighting = classify_instances(
        recorded_state(record()), observed(complete("simulated", found))
    ).records[0]
    assert sighting.identity_doubt.startswith(doubt)
    assert bool(sighting.identity_doubt) == bool(doubt)
    assert carries_another_mark(record(), found) is another


def test_a_machine_that_only_the_direct_read_shows_is_seen() -> None:
    reads = {("simulated", record().instance_id): DirectRead(instance())}
    sighting = classify_instances(
        recorded_state(record()), observed(complete(), reads=reads)
    ).records[0]
    assert (sighting.instance, sighting.weighed.presence) == (instance(), Presence.SEEN)


def test_I21_two_rows_of_one_machine_are_read_alike_in_any_order() -> None:
    rows = (instance(), replace(instance(), status=InstanceStatus.FAILED, label=None))
    first, second = (
        classify_instances(recorded_state(record()), observed(complete("simulated", *order)))
        for order in (rows, rows[::-1])
    )
    assert first == second
