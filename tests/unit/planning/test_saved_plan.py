"""What of a saved plan still holds (I15): exactly what was shown, or nothing."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.model.address import Slot
from reconciler.model.exit_code import ExitCode
from reconciler.model.fleet import DesiredState
from reconciler.model.observation import ObservedState
from reconciler.model.plan import LeaseChange, Mode, Plan, PlanRequest
from reconciler.model.reason import CreateReason, DestroyReason
from reconciler.model.record import RecordedState
from reconciler.model.saved_plan import PlanOrigin, SavedPlan
from reconciler.planning.fingerprint import plan_fingerprint, under_approved_ceilings
from reconciler.planning.planner import assess, complete_plan
from reconciler.planning.saved_plan import (
    Present,
    agreement,
    only_saved,
    other_account,
    what_moved,
)
from tests.builders import (
    HOUR,
    complete,
    create,
    desired,
    destroy,
    fleet,
    instance,
    lease,
    observed,
    offer,
    offer_book,
    plan,
    record,
    recorded_state,
)
from tests.markets import START
from tests.unit.planning.test_plan_properties import NOW, Scene, planned, scenes, walk

ORIGIN = PlanOrigin("lineage-1", 1, "d" * 64, {"simulated": "account-1"})
SAVED = SavedPlan(plan(), ORIGIN)


def present(**changes: Any) -> Present:
    fields: dict[str, Any] = {
        "workspace": "demo",
        "recorded": recorded_state(),
        "documents_digest": "d" * 64,
    }
    return Present(**{**fields, **changes})


# --- what moved -------------------------------------------------------------------------------


def test_nothing_moved() -> None:
    assert what_moved(SAVED, present()) == ""
    first = SavedPlan(plan(), replace(ORIGIN, lineage=None, serial=None))
    assert what_moved(first, present(recorded=None)) == ""


def test_serials_that_only_a_loop_moved_are_no_change() -> None:
    assert what_moved(SAVED, present(recorded=recorded_state(serial=8, decided_serial=1))) == ""


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"workspace": "other"}, "workspace demo, the documents here are of other"),
        ({"recorded": recorded_state(lineage="l-2")}, "lineage lineage-1, the state here has"),
        ({"recorded": recorded_state(serial=8, decided_serial=2)}, "now there is state serial 8"),
        ({"recorded": recorded_state(serial=0)}, "at state serial 1, and now there is state se"),
        ({"recorded": None}, "at state serial 1, and now there is no state"),
        ({"documents_digest": "e" * 64}, "digest dddddddddddd then, eeeeeeeeeeee now"),
    ],
)  # fmt: skip
def test_bad_inputs_33_and_34_what_moved_is_told_with_both_sides(
    changes: dict[str, Any], told: str
) -> None:
    assert told in what_moved(SAVED, present(**changes))


def test_a_plan_from_before_there_was_a_state_is_stale_once_there_is_one() -> None:
    first = SavedPlan(plan(), replace(ORIGIN, lineage=None, serial=None))
    told = what_moved(first, present())
    assert told == "it was made before there was a state, and now there is state serial 1"


def test_I14_another_account_is_told_and_an_unread_one_is_not() -> None:
    assert "account-1 of simulated" in other_account(SAVED, {"simulated": "account-2"})
    assert other_account(SAVED, {"simulated": "account-1"}) == ""
    assert other_account(SAVED, {}) == ""


# --- what still holds -------------------------------------------------------------------------


def approved(**changes: Any) -> Plan:
    fields: dict[str, Any] = {"creates": (create(),), "destroys": (destroy(record("lab")),)}
    return plan(**{**fields, **changes})


def test_the_same_actions_agree_and_say_nothing() -> None:
    agreed = agreement(approved(), approved())
    assert agreed.plan == approved()
    assert (agreed.reasons, agreed.remarks) == ((), ())


def test_a_cheaper_or_another_offer_below_the_ceiling_is_taken_and_said() -> None:
    other = create(offer=offer("o9", "0.41"))
    agreed = agreement(approved(), approved(creates=(other,)))
    assert agreed.plan is not None
    (taken,) = agreed.plan.creates
    assert (taken.offer.id, taken.ceiling_usd_per_hour) == ("o9", Decimal("0.4200"))
    (remark,) = agreed.remarks
    assert "offer o1 is not the cheapest or has gone; simulated o9 instead" in remark


@pytest.mark.parametrize(
    ("fresh", "told"),
    [
        ({"creates": (create(offer=offer("o1", "0.43")),)},
         "approved up to $0.420/h, and the cheapest is $0.430/h now"),
        ({"creates": ()}, "fleet.train[0] cannot be bought now"),
        ({"creates": (create(reason=CreateReason.HEALED),)}, "as new, not healed"),
        ({"creates": (create(replaces="m"),)}, "was to be bought as"),
        ({"destroys": ()}, "fleet.lab[0] would not be destroyed as expired now"),
        ({"destroys": (destroy(record("lab"), reason=DestroyReason.DRIFTED),)}, "as expired now"),
        ({"destroys": (destroy(record("lab", mark="another")),)}, "as expired now"),
        ({"lease_changes": (LeaseChange("train", lease(), lease(target=9), ("target",)),)},
         "what it changes about the leases"),
    ],
)  # fmt: skip
def test_M26_whatever_cannot_be_done_as_shown_makes_the_whole_plan_stale(
    fresh: dict[str, Any], told: str
) -> None:
    agreed = agreement(approved(), approved(**fresh))
    assert agreed.plan is None
    assert told in "; ".join(agreed.reasons)


def test_no_ceiling_is_ever_raised() -> None:
    dearer = create(ceiling_usd_per_hour=Decimal("9"), ranked=(offer(), offer("o2", "5")))
    agreed = agreement(approved(), approved(creates=(dearer,)))
    assert agreed.plan is not None
    (taken,) = agreed.plan.creates
    assert taken.ceiling_usd_per_hour == Decimal("0.4200")
    assert [one.id for one in taken.ranked] == ["o1"]


def test_a_renewed_lease_that_starts_a_minute_later_is_the_same_decision() -> None:
    def renewed(minutes: int) -> Plan:
        after = lease(started_at=START + minutes * HOUR / 60)
        return plan(lease_changes=(LeaseChange("train", lease(), after, (f"end {minutes}",)),))

    assert plan_fingerprint(renewed(1)) == plan_fingerprint(renewed(2))
    assert under_approved_ceilings(renewed(1), renewed(2)) == renewed(2)
    assert agreement(renewed(1), renewed(2)).plan == renewed(2)


# --- only what was shown ----------------------------------------------------------------------

Inputs = tuple[DesiredState, RecordedState, ObservedState]


def two_fleets() -> Inputs:
    """A machine each; the lease of ``lab`` ends three hours before that of ``train``."""
    machines = (record("train"), record("lab"))
    state = recorded_state(*machines, lease("train"), lease("lab", ttl=HOUR))
    seen = observed(complete("simulated", *(instance(one) for one in machines)))
    return desired(fleet("train", nodes=2), fleet("lab", ttl=HOUR)), state, seen


def test_what_was_not_shown_is_kept_and_counted_as_running() -> None:
    documents, state, seen = two_fleets()
    request = PlanRequest(Mode.APPLY)
    offers = offer_book(offer())
    before = complete_plan(assess(documents, state, seen, START, request), offers)
    assert [one.slot for one in before.creates] == [Slot("train", 1)]
    assert before.destroys == ()

    later = START + 2 * HOUR
    free = complete_plan(assess(documents, state, seen, later, request), offers)
    assert [one.slot.fleet for one in free.destroys] == ["lab"]
    narrowed = only_saved(assess(documents, state, seen, later, request), before)
    fresh = complete_plan(narrowed, offers)
    assert [one.slot for one in fresh.creates] == [Slot("train", 1)]
    assert fresh.destroys == ()
    assert {one.slot.fleet: one.detail for one in fresh.keeps} == {
        "lab": "expired, not in the saved plan",
        "train": "",
    }
    assert fresh.rate_after == free.rate_after + Decimal("0.40")
    assert agreement(before, fresh).plan is not None


def test_slots_that_were_not_shown_are_not_bought() -> None:
    documents, state, seen = two_fleets()
    request = PlanRequest(Mode.APPLY)
    nothing = plan(request=request)
    narrowed = only_saved(assess(documents, state, seen, START, request), nothing)
    assert complete_plan(narrowed, offer_book(offer())).creates == ()


def test_slots_that_could_not_be_filled_are_still_told_of_and_not_bought() -> None:
    documents, state, seen = two_fleets()
    request = PlanRequest(Mode.APPLY)
    short = complete_plan(assess(documents, state, seen, START, request), offer_book())
    assert [one.code for one in short.findings] == [ExitCode.NO_OFFER]
    narrowed = only_saved(assess(documents, state, seen, START, request), short)
    agreed = agreement(short, complete_plan(narrowed, offer_book(offer()))).plan
    assert agreed is not None
    assert agreed.creates == ()
    assert [one.code for one in agreed.findings] == [ExitCode.NO_OFFER]
    assert sum(one.unfilled for one in agreed.fleets) == 1


@walk
@given(scenes(Mode.APPLY, Mode.DESTROY), st.integers(0, 2**16 - 1))
def test_I15_what_is_carried_out_is_a_subset_of_what_was_shown(scene: Scene, bits: int) -> None:
    """Of any plan any part is saved: later nothing beside that part is done."""
    shown = planned(scene)
    part = replace(
        shown,
        creates=tuple(one for at, one in enumerate(shown.creates) if bits >> at & 1),
        destroys=tuple(one for at, one in enumerate(shown.destroys) if bits >> at + 5 & 1),
        adopts=shown.adopts[: bits & 1],
        forgets=shown.forgets[: bits & 2],
    )
    documents, state, seen, book, request = scene
    narrowed = only_saved(assess(documents, state, seen, NOW, request), part)
    fresh = complete_plan(narrowed, book)
    agreed = agreement(part, fresh).plan or fresh
    assert {one.slot for one in agreed.creates} <= {one.slot for one in part.creates}
    assert {one.record.mark for one in agreed.destroys} <= {
        one.record.mark for one in part.destroys
    }
    assert {one.record.mark for one in agreed.adopts} <= {one.record.mark for one in part.adopts}
    assert {one.mark for one in agreed.forgets} <= {one.mark for one in part.forgets}


@walk
@given(scenes(Mode.APPLY, Mode.DESTROY))
def test_the_same_world_gives_the_whole_saved_plan(scene: Scene) -> None:
    shown = planned(scene)
    documents, state, seen, book, request = scene
    narrowed = only_saved(assess(documents, state, seen, NOW, request), shown)
    agreed = agreement(shown, complete_plan(narrowed, book)).plan
    assert agreed is not None
    assert replace(agreed, findings=()) == replace(shown, findings=())
    codes = {finding.code for finding in agreed.findings}
    assert codes == {finding.code for finding in shown.findings}
