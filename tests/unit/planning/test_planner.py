"""Whole plans: safety, money, leases and purchases together."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from reconciler.model.address import Address, Slot
from reconciler.model.exit_code import ExitCode
from reconciler.model.fleet import DesiredState, NodeCount, Safety
from reconciler.model.instance import InstanceStatus
from reconciler.model.ledger import EMPTY_LEDGER
from reconciler.model.plan import Mode, Plan, PlanRequest
from reconciler.model.reason import CreateReason, DestroyReason
from reconciler.model.record import AbsenceEvidence, Doom, RecordedState, SoftNotice
from reconciler.planning.fingerprint import plan_fingerprint, under_approved_ceilings
from reconciler.planning.planner import compute_plan
from tests.builders import (
    HOUR,
    PROVIDER,
    complete,
    desired,
    fleet,
    instance,
    intent,
    lease,
    mark_text,
    observed,
    offer,
    offer_book,
    partial,
    record,
    recorded_state,
    unreadable,
)
from tests.markets import START

NOW = START + HOUR
APPLY = PlanRequest(Mode.APPLY)
LOOP = PlanRequest(Mode.LOOP)
OFFERS = [offer(f"o{number}", f"0.{40 + number}") for number in range(1, 7)]


def plan(
    documents: DesiredState | None,
    state: RecordedState,
    *rows: Any,
    request: PlanRequest = APPLY,
    listing: Any = None,
    offers: Any = OFFERS,
) -> Plan:
    seen = listing or complete(PROVIDER, *rows, started_at=NOW)
    return compute_plan(documents, state, observed(seen), offer_book(*offers), NOW, request)


def codes(found: Plan) -> set[ExitCode | None]:
    return {finding.code for finding in found.findings}


def test_a_new_fleet_is_bought_cheapest_first_and_its_worst_case_is_known() -> None:
    found = plan(desired(fleet(nodes=2)), recorded_state())
    assert [(str(one.slot), one.offer.id, one.reason) for one in found.creates] == [
        ("fleet.train[0]", "o1", CreateReason.NEW),
        ("fleet.train[1]", "o2", CreateReason.NEW),
    ]
    assert found.rate_after == Decimal("0.83")
    # 4 h + one tick of a minute + a minute to destroy, and the second begun.
    assert found.worst_case_usd == Decimal("3.347898")
    assert found.worst_case_until == NOW + 4 * HOUR + timedelta(minutes=2)
    assert found.enforced_by.startswith("NOTHING")


def test_the_ceiling_is_five_percent_above_the_plan_and_never_above_a_cap() -> None:
    (create,) = plan(desired(fleet()), recorded_state()).creates
    assert create.ceiling_usd_per_hour == Decimal("0.430500")
    assert [one.id for one in create.ranked] == ["o1", "o2", "o3"]
    capped = desired(fleet(max_gpu_hour_usd=Decimal("0.42")))
    (create,) = plan(capped, recorded_state()).creates
    assert create.ceiling_usd_per_hour == Decimal("0.42")


@pytest.mark.parametrize(
    ("minimum", "offers", "code"), [(2, 1, ExitCode.NO_OFFER), (1, 1, None), (1, 0, ExitCode(7))]
)
def test_below_the_minimum_is_exit_7_and_below_the_target_is_said(
    minimum: int, offers: int, code: ExitCode | None
) -> None:
    wanted = desired(fleet(nodes=NodeCount(minimum, 3, 3)))
    found = plan(wanted, recorded_state(), offers=OFFERS[:offers])
    assert len(found.creates) == offers
    assert codes(found) == {code}


@pytest.mark.parametrize("mode", [Mode.APPLY, Mode.LOOP])
def test_an_ended_lease_destroys_even_what_is_protected_and_creates_nothing(mode: Mode) -> None:
    documents = desired(fleet(prevent_destroy=True, ttl=HOUR))
    state = recorded_state(record(), lease(ttl=HOUR, prevent_destroy=True))
    found = plan(documents, state, request=PlanRequest(mode, heal=True))
    assert [one.reason for one in found.destroys] == [DestroyReason.EXPIRED]
    assert found.creates == ()
    assert not found.blocked


@pytest.mark.parametrize("listing", [partial(), unreadable(), complete(started_at=NOW)])
def test_I9_an_expired_machine_of_ours_goes_whatever_the_listing_says(listing: Any) -> None:
    state = recorded_state(record(), lease(ttl=HOUR))
    found = plan(desired(fleet(ttl=HOUR)), state, request=LOOP, listing=listing)
    assert [one.reason for one in found.destroys] == [DestroyReason.EXPIRED]


@pytest.mark.parametrize(
    ("request_", "destroys", "announces", "code"),
    [
        (LOOP, [], 1, None),
        (APPLY, [DestroyReason.UNDECLARED], 0, None),
        (PlanRequest(Mode.DESTROY), [DestroyReason.REQUESTED], 0, None),
    ],
)
def test_what_is_not_declared_goes_at_once_in_apply_and_after_a_grace_in_the_loop(
    request_: PlanRequest, destroys: list[DestroyReason], announces: int, code: ExitCode | None
) -> None:
    documents = desired(fleet("other", nodes=1))
    state = recorded_state(record())
    found = plan(documents, state, instance(), request=request_, offers=())
    assert [one.reason for one in found.destroys] == destroys
    assert len(found.announces) == announces


@pytest.mark.parametrize(("minutes", "destroyed"), [(1, 0), (0, 1), (-1, 1)])
def test_an_announced_destroy_is_carried_out_when_it_is_due(minutes: int, destroyed: int) -> None:
    due = SoftNotice(
        reason=DestroyReason.UNDECLARED, noticed_at=START, due_at=NOW + timedelta(minutes=minutes)
    )
    state = recorded_state(record(), notices={record().mark: due})
    found = plan(desired(fleet("other")), state, instance(), request=LOOP)
    assert len(found.destroys) == destroyed
    assert all(one.soft for one in found.destroys)


def test_safety_undeclared_report_only_reports() -> None:
    documents = desired(fleet("other"), safety=Safety(undeclared="report"))
    found = plan(documents, recorded_state(record()), instance(), request=LOOP)
    assert (found.destroys, found.announces) == ((), ())
    assert "safety.undeclared is report" in found.findings[0].message


@pytest.mark.parametrize(("live", "allowed"), [(1, 1), (3, 1), (4, 1), (7, 2), (10, 3)])
def test_I16_an_unfused_apply_is_refused_beyond_a_third(live: int, allowed: int) -> None:
    records = [record("lab", index) for index in range(live)]
    rows = [instance(one) for one in records]
    keep_count = live - allowed
    documents = desired(fleet("lab", nodes=max(keep_count, 1)))
    found = plan(documents, recorded_state(*records), *rows)
    assert not found.blocked
    if keep_count > 1:
        fewer = desired(fleet("lab", nodes=keep_count - 1))
        refused = plan(fewer, recorded_state(*records), *rows)
        assert refused.blocked
        assert ExitCode.REFUSED_BY_RULE in codes(refused)
        named = PlanRequest(Mode.APPLY, max_destroy=allowed + 1)
        assert not plan(fewer, recorded_state(*records), *rows, request=named).blocked


def test_I16_what_went_within_the_hour_counts() -> None:
    records = [record("lab", index) for index in range(10)]
    rows = [instance(one) for one in records]
    documents = desired(fleet("lab", nodes=8))
    for minutes, blocked in ((61, False), (60, False), (59, True)):
        spent = [NOW - timedelta(minutes=minutes)] * 2
        state = recorded_state(*records, soft_destroys=spent)
        assert plan(documents, state, *rows).blocked is blocked, minutes


def test_I16_documents_without_a_fleet_destroy_nothing_without_the_number() -> None:
    state, row = recorded_state(record()), instance()
    assert plan(desired(), state, row).blocked
    allowed = desired(safety=Safety(allow_empty=True))
    assert not plan(allowed, state, row).blocked
    assert not plan(desired(), state, row, request=PlanRequest(Mode.APPLY, max_destroy=1)).blocked
    assert plan(desired(), state, row, request=replace(APPLY, fused=False)).blocked


def test_I3_a_create_held_back_by_the_fuse_still_holds_its_slot() -> None:
    """Found by its mark and billed too high, while the fuse is spent: heal must not buy again."""
    pending = intent()
    row = instance(pending, usd_per_hour=Decimal("9.99"))
    state = recorded_state(pending, lease(), soft_destroys=[NOW])
    found = plan(desired(fleet()), state, row, request=PlanRequest(Mode.LOOP, heal=True))
    assert found.creates == ()
    assert [one.record.mark for one in found.adopts] == [pending.mark]
    assert [one.record.mark for one in found.keeps] == [pending.mark]


def test_I3_a_late_arrival_held_back_by_the_fuse_is_not_taken_for_a_machine_of_its_slot() -> None:
    pending = intent(watched_until=NOW + HOUR)
    state = recorded_state(pending, lease(), soft_destroys=[NOW])
    found = plan(desired(fleet()), state, instance(pending), request=LOOP)
    assert (found.destroys, found.adopts, found.keeps) == ((), (), ())


def test_I9_a_late_arrival_whose_mark_and_lease_have_ended_goes_whatever_the_fuse_says() -> None:
    pending = intent(watched_until=NOW + HOUR, mark=mark_text(end=NOW - HOUR))
    row = instance(pending)
    for kept, reasons in ((lease(ttl=HOUR / 2), ["expired"]), (lease(ttl=100 * HOUR), [])):
        state = recorded_state(pending, kept, soft_destroys=[NOW])
        for listing in (complete(PROVIDER, row, started_at=NOW), partial(PROVIDER, row)):
            found = plan(desired(fleet()), state, listing=listing, request=LOOP)
            assert [one.reason for one in found.destroys] == reasons
            assert len(found.adopts) == len(reasons)


def test_I16_a_destroy_that_is_repeated_is_not_counted_again() -> None:
    doom = Doom(reason=DestroyReason.UNDECLARED, since=NOW - timedelta(minutes=10))
    state = recorded_state(record(doom=doom), soft_destroys=[doom.since])
    for request in (LOOP, APPLY):
        found = plan(desired(fleet("other")), state, instance(), request=request, offers=())
        assert [one.again for one in found.destroys] == [True]
        assert not found.blocked


@pytest.mark.parametrize("mode", [Mode.APPLY, Mode.DESTROY])
def test_a_create_that_was_found_is_as_protected_as_its_fleet(mode: Mode) -> None:
    pending = intent()
    row = instance(pending, usd_per_hour=Decimal("9.99"))
    state = recorded_state(pending, lease(prevent_destroy=True))
    found = plan(desired(fleet(prevent_destroy=True)), state, row, request=PlanRequest(mode))
    assert found.destroys == ()
    assert found.blocked


def test_I5_a_late_arrival_is_destroyed_by_a_whole_listing_only() -> None:
    pending = intent(watched_until=NOW + HOUR)
    state = recorded_state(pending, lease())
    listing = partial(PROVIDER, instance(pending), started_at=NOW)
    assert plan(desired(), state, listing=listing, request=LOOP).destroys == ()
    found = plan(desired(fleet("other")), state, instance(pending), request=LOOP)
    assert [one.reason for one in found.destroys] == [DestroyReason.ORPHANED]


def test_a_slot_with_two_machines_on_their_way_out_is_filled_once_both_are_gone() -> None:
    doom = Doom(reason=DestroyReason.DRIFTED, since=START)
    two = [
        record(mark=mark_text(nonce=f"{name:0>8}"), instance_id=name, doom=doom) for name in "ab"
    ]
    rows = [instance(one) for one in two]
    found = plan(desired(fleet()), recorded_state(*two, lease()), *rows)
    assert len(found.destroys) == 2
    (create,) = found.creates
    assert {create.replaces, *create.after} == {one.mark for one in two}
    found = plan(desired(fleet()), recorded_state(two[0], lease()), rows[0])
    assert [one.replaces for one in found.creates] == [two[0].mark]


@pytest.mark.parametrize("wrong_account", [True, False])
def test_nothing_is_bought_at_a_provider_that_cannot_be_read(wrong_account: bool) -> None:
    listing = unreadable(wrong_account=wrong_account, credentials_refused=wrong_account)
    assert plan(desired(fleet()), recorded_state(), listing=listing).creates == ()
    two = recorded_state(lease(target=2, maximum=2), record())
    heal = PlanRequest(Mode.LOOP, heal=True)
    assert plan(desired(fleet(nodes=2)), two, listing=listing, request=heal).creates == ()
    assert len(plan(desired(fleet(nodes=2)), two, instance(), request=heal).creates) == 1


def test_heal_opens_no_lease_and_never_grows_a_fleet() -> None:
    heal = PlanRequest(Mode.LOOP, heal=True)
    assert plan(desired(fleet()), recorded_state(), request=heal).creates == ()
    unstarted = recorded_state(lease(started_at=None))
    assert plan(desired(fleet()), unstarted, request=heal).creates == ()
    grown = plan(desired(fleet(nodes=3)), recorded_state(record()), instance(), request=heal)
    assert grown.creates == ()
    assert plan(desired(fleet()), recorded_state(lease()), request=LOOP).creates == ()


@pytest.mark.parametrize(
    ("presence", "creates"),
    [
        ("kept", 0),
        ("missing", 0),
        ("proven gone", 1),
    ],
)
def test_I11_unknown_blocks_and_proof_frees_a_slot(presence: str, creates: int) -> None:
    old = AbsenceEvidence(last_seen_at=START, first_absent_at=START + timedelta(minutes=10))
    held = record(absence=old if presence == "proven gone" else None)
    rows = [instance()] if presence == "kept" else []
    seen = observed(
        complete(PROVIDER, *rows, started_at=NOW),
        reads={} if rows else {(PROVIDER, held.instance_id): _denied()},
    )
    found = compute_plan(
        desired(fleet()), recorded_state(held), seen, offer_book(*OFFERS), NOW, APPLY
    )
    assert len(found.creates) == creates
    assert len(found.forgets) == creates
    if presence == "missing":
        assert codes(found) == {ExitCode.PROVIDER_FAILURE}


def _denied() -> Any:
    from reconciler.model.observation import DirectRead

    return DirectRead(not_found=True)


def test_targets_leave_everything_else_alone() -> None:
    records = [record("lab", 0), record("lab", 1), record("train")]
    request = PlanRequest(Mode.DESTROY, targets=(Address("lab", 1),))
    found = plan(desired(), recorded_state(*records), *map(instance, records), request=request)
    assert [one.slot for one in found.destroys] == [Slot("lab", 1)]
    assert len(found.keeps) == 2


@pytest.mark.parametrize(("heal", "destroys"), [(True, 1), (False, 0)])
def test_the_loop_replaces_a_stopped_machine_only_to_heal(heal: bool, destroys: int) -> None:
    row = instance(status=InstanceStatus.STOPPED)
    found = plan(
        desired(fleet()), recorded_state(record()), row, request=PlanRequest(Mode.LOOP, heal=heal)
    )
    assert len(found.destroys) == len(found.creates) == destroys


def test_approval_holds_while_prices_stay_under_what_was_approved() -> None:
    approved = plan(desired(fleet()), recorded_state())
    dearer = plan(desired(fleet()), recorded_state(), offers=[offer("x", "0.43")])
    agreed = under_approved_ceilings(approved, dearer)
    assert agreed is not None
    assert agreed.creates[0].ceiling_usd_per_hour == Decimal("0.430500")
    too_dear = plan(desired(fleet()), recorded_state(), offers=[offer("x", "0.431")])
    assert under_approved_ceilings(approved, too_dear) is None
    other = plan(desired(fleet(nodes=2)), recorded_state())
    assert under_approved_ceilings(approved, other) is None
    destroying = plan(desired(fleet()), recorded_state(record("lab")), instance(record("lab")))
    assert plan_fingerprint(destroying) != plan_fingerprint(approved)


_HASHED = """
import hashlib
import tests.unit.planning.test_planner as t
records = [t.record("lab", i) for i in range(4)] + [t.record("train", i) for i in range(3)]
docs = t.desired(t.fleet("lab", nodes=2), t.fleet("train", nodes=5), t.fleet("x"))
found = t.plan(docs, t.recorded_state(*records, t.intent("x")), *map(t.instance, records))
print(hashlib.sha256(repr(found).encode()).hexdigest())
"""


def test_I21_the_plan_is_the_same_under_every_hash_seed() -> None:
    digests = set()
    for seed in ("0", "1", "4711"):
        environ = {**os.environ, "PYTHONHASHSEED": seed}
        done = subprocess.run(
            [sys.executable, "-c", _HASHED],
            env=environ,
            capture_output=True,
            text=True,
            check=True,
        )
        digests.add(done.stdout)
    assert len(digests) == 1


@pytest.mark.parametrize("missing", [1, 2], ids=["alone", "with many others"])
def test_I27_what_the_look_does_not_show_that_ends_it_was_billed_for_sure_until_the_one_before(
    missing: int,
) -> None:
    """Found by the simulator, seed 56322: many at once are not believed to be gone, and were
    destroyed as if they had just been seen.
    """
    looked = EMPTY_LEDGER.model_copy(update={"looked_at": {PROVIDER: START + HOUR / 2}})
    ended = lease(ttl=HOUR / 2, target=missing, maximum=missing)
    records = [record(index=number) for number in range(missing)]
    made = plan(None, recorded_state(ended, *records, ledger=looked), request=LOOP)
    assert len(made.destroys) == missing
    for one in made.destroys:
        assert one.record.absence is not None
        assert one.record.absence.billed_at == START + HOUR / 2


def test_I27_a_look_of_a_narrowed_command_counts_for_what_it_does_not_touch_too() -> None:
    """Found by the simulator, seed 54794: it missed one, and the next look thought it was seen."""
    narrowed = PlanRequest(Mode.DESTROY, targets=(Address("train"),))
    others = [record("lab", number) for number in range(3)]
    been = others[0].with_(absence=AbsenceEvidence(last_seen_at=START, first_absent_at=START))
    state = recorded_state(record(), been, *others[1:])
    made = plan(None, state, *map(instance, (record(), *others[:2])), request=narrowed)
    assert made.sighted == (been.mark,), "it is no longer on its way to a proof"
    assert [one.record.mark for one in made.keeps] == [one.mark for one in others[:2]]
    (missed,) = made.doubts
    assert (missed.mark, missed.evidence) == (
        others[2].mark,
        AbsenceEvidence(last_seen_at=NOW),
    )
