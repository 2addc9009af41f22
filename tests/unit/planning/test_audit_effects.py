"""What a change of the state tells: every kind of it once."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from reconciler.model.audit import Effect
from reconciler.model.pins import ProviderPin
from reconciler.model.reason import CreateReason, DestroyReason
from reconciler.model.record import AbsenceEvidence, Doom, LeaseEnding, RecordedState, SoftNotice
from reconciler.planning.audit_effects import effects
from tests.unit.statefile.states import NOW, instance, intent, lease, state

HOUR = timedelta(hours=1)
EMPTY = state(instances={}, intents={}, leases={})


def between(
    before: RecordedState | None, after: RecordedState, *, by_hand: bool = False
) -> list[Effect]:
    return effects(before, after, NOW + HOUR, by_hand=by_hand)


def words(
    before: RecordedState | None, after: RecordedState, *, by_hand: bool = False
) -> list[str]:
    return [f"{one.action} {one.outcome}" for one in between(before, after, by_hand=by_hand)]


def with_machine(**changes: object) -> RecordedState:
    return EMPTY.with_(instances={"m-0": instance(0, **changes)})


def test_the_same_state_and_a_pass_of_the_loop_tell_nothing() -> None:
    full = state()
    assert between(full, full) == []
    assert between(full, full.with_(loop_last_seen=NOW, loop_due_at=NOW, serial=9)) == []


def test_evidence_of_absence_is_nobodys_effect() -> None:
    doubted = with_machine(absence=AbsenceEvidence(last_seen_at=NOW))
    assert between(with_machine(), doubted) == []


def test_a_first_state_tells_everything_that_it_holds() -> None:
    assert words(None, state()) == ["lease opened", "create intent", "adopt done", "ready done"]


def test_a_create_from_intent_to_ready() -> None:
    asked = intent(0).with_(mark="m-0", reason=CreateReason.HEALED)
    waiting = EMPTY.with_(intents={"m-0": asked})
    (wish,) = between(EMPTY, waiting)
    assert (wish.action, wish.outcome, wish.mark) == ("create", "intent", "m-0")
    assert (wish.reason, wish.usd_per_hour) == ("healed", Decimal("2.00"))
    assert wish.instance_id is None
    bought = with_machine(ready_at=None)
    (done,) = between(waiting, bought)
    assert (done.action, done.outcome, done.mark) == ("create", "done", "m-0")
    assert (done.instance_id, done.reason) == ("i-0", "healed")
    assert words(bought, with_machine()) == ["ready done"]
    assert words(EMPTY, bought) == ["adopt done"]
    assert words(waiting, EMPTY) == ["create refused"]
    watched = EMPTY.with_(intents={"m-0": asked.with_(watched_until=NOW)})
    assert words(waiting, watched) == ["create absent"]
    assert words(watched, EMPTY) == ["forget done"]
    assert words(watched, bought) == ["adopt done"]


def test_a_destroy_from_intent_to_proof() -> None:
    doom = Doom(reason=DestroyReason.EXPIRED, since=NOW)
    doomed = with_machine(doom=doom)
    (wish,) = between(with_machine(), doomed)
    assert (wish.action, wish.outcome, wish.reason) == ("destroy", "intent", "expired")
    assert wish.usd == Decimal("2.000000"), "what the ledger says of an hour"
    failed = with_machine(doom=doom.with_(attempts=1, failures=1, last_error="busy"))
    (refused,) = between(doomed, failed)
    assert (refused.outcome, refused.detail) == ("failed", "attempt 1: busy")
    accepted = with_machine(doom=doom.with_(attempts=2, failures=1))
    assert words(failed, accepted) == ["destroy accepted"]
    at_once = ["destroy intent", "destroy failed", "destroy accepted"]
    assert words(with_machine(), accepted) == at_once, "two attempts that one write has saved"
    thrice = with_machine(doom=doom.with_(attempts=3, failures=3, last_error="busy"))
    assert [one.detail for one in between(failed, thrice)] == [
        "attempt 2, told with attempt 3",
        "attempt 3: busy",
    ]
    assert words(accepted, with_machine(doom=doom.with_(attempts=2, alerted_at=NOW))) == [
        "alert done"
    ]
    (gone,) = between(accepted, EMPTY)
    assert (gone.action, gone.outcome, gone.reason) == ("destroy", "gone", "expired")
    assert words(with_machine(), EMPTY) == ["lose gone"]
    assert words(doomed, with_machine()) == ["destroy withdrawn"]


def test_leases_notices_rates_accounts_and_copies() -> None:
    leased = EMPTY.with_(leases={"train": lease()})
    ended = lease().with_(ended_at=NOW, ended_by=LeaseEnding.RELEASED)
    assert words(leased, EMPTY) == ["lease closed"]
    assert words(leased, EMPTY.with_(leases={"train": ended})) == ["lease ended"]
    moved = lease().with_(extended_to=NOW + 9 * HOUR)
    (extended,) = between(leased, EMPTY.with_(leases={"train": moved}))
    assert (extended.outcome, extended.ends_at) == ("extended", NOW + 9 * HOUR)
    waiting = EMPTY.with_(leases={"train": lease().with_(started_at=None)})
    assert words(waiting, leased) == ["lease started"]
    larger = EMPTY.with_(leases={"train": lease().with_(target=3)})
    assert words(leased, larger) == ["lease changed"]

    notice = SoftNotice(reason=DestroyReason.UNDECLARED, noticed_at=NOW, due_at=NOW + HOUR)
    warned = with_machine().with_(notices={"m-0": notice})
    (announced,) = between(with_machine(), warned)
    assert (announced.action, announced.ends_at) == ("announce", NOW + HOUR)
    assert words(warned, with_machine()) == ["announce withdrawn"]
    doomed = with_machine(doom=Doom(reason=DestroyReason.UNDECLARED, since=NOW))
    assert words(warned, doomed) == ["destroy intent"]

    assert words(with_machine(), with_machine(usd_per_hour=Decimal(3))) == ["rate changed"]
    pinned = EMPTY.with_(providers={"vast": ProviderPin(type="simulated", account="a")})
    assert words(EMPTY, pinned) == ["provider changed"]
    copied = EMPTY.with_(duplicates={"simulated i-7": "m-0"})
    (copy,) = between(EMPTY, copied)
    assert (copy.action, copy.provider, copy.instance_id) == ("duplicate", "simulated", "i-7")


def test_an_edit_by_hand_proves_nothing_and_says_what_it_touched() -> None:
    assert words(with_machine(), EMPTY, by_hand=True) == ["forget done", "state changed"]
    waiting = EMPTY.with_(intents={"p-1": intent(1)})
    told = between(waiting, EMPTY, by_hand=True)
    assert [one.action for one in told] == ["forget", "state"]
    assert told[-1].detail == "edited by hand: intents"
    moved = between(with_machine(), EMPTY.with_(instances={"m-0": instance(4, mark="m-0")}))
    assert [one.action for one in moved] == ["state"]
    assert "index, instance_id changed; it was fleet.train[0] i-0" in (moved[0].detail or "")
    assert moved[0].slot == "fleet.train[4]"
