from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.model.budget import Budget, BudgetMatch, BudgetRecord
from reconciler.model.instance import InstanceStatus
from reconciler.model.ledger import (
    EMPTY_LEDGER,
    NOTHING,
    Amounts,
    Ledger,
    Segment,
    closed_machine_of,
)
from reconciler.model.observation import NOTHING_OBSERVED
from reconciler.model.plan import Forget, RateChange
from reconciler.model.reason import DestroyReason
from reconciler.model.record import AbsenceEvidence, Doom, InstanceRecord
from reconciler.planning import billing, departures, transitions
from reconciler.planning.budgets import budget_views
from reconciler.planning.costs import costs_of
from reconciler.planning.ledger import (
    cost_between,
    looked,
    rate_changed,
    running_segments,
    seen_again,
    sightings,
    total_of,
)
from reconciler.planning.ledger_buckets import buckets_of, rolled_up
from reconciler.planning.ledger_closing import closed, closing_of
from reconciler.planning.machines import decide_doomed
from tests.builders import (
    HOUR,
    PROVIDER,
    complete,
    instance,
    intent,
    lease,
    observed,
    record,
    recorded_state,
    unreadable,
)
from tests.markets import START

RATES = st.decimals(min_value=0, max_value=50, places=9, allow_nan=False)
SPANS = st.integers(min_value=0, max_value=40 * 86400 * 10**6).map(
    lambda us: timedelta(microseconds=us)
)


@given(rate=RATES, disk=RATES, cuts=st.lists(SPANS, min_size=2, max_size=8))
def test_i27_the_parts_of_a_segment_add_up_to_the_whole_to_the_micro_dollar(
    rate: Decimal, disk: Decimal, cuts: list[timedelta]
) -> None:
    segment = Segment(START, None, rate, min(rate, disk))
    moments = sorted(START + cut for cut in cuts)
    parts = NOTHING
    for left, right in pairwise(moments):
        parts += cost_between(segment, left, right)
    assert parts == cost_between(segment, moments[0], moments[-1])


@given(rate=RATES, seconds=st.integers(min_value=0, max_value=10**7))
def test_i27_a_stretch_is_rounded_half_even_once(rate: Decimal, seconds: int) -> None:
    segment = Segment(START, None, rate, Decimal(0))
    cost = cost_between(segment, START, START + timedelta(seconds=seconds))
    assert cost.micro_usd == round(Fraction(rate) * seconds * 10**6 / 3600)


def test_every_second_begun_is_billed() -> None:
    segment = Segment(START, None, Decimal(3600), Decimal(0))
    cost = cost_between(segment, START, START + timedelta(milliseconds=1001))
    assert (cost.usd, cost.seconds) == (Decimal(2), 2)


def test_a_machine_that_costs_no_more_than_its_disk_is_stopped() -> None:
    running = Segment(START, None, Decimal("0.50"), Decimal("0.10"))
    stopped = Segment(START, None, Decimal("0.10"), Decimal("0.10"))
    assert cost_between(running, START, START + HOUR) == Amounts(400_000, 100_000, seconds=3600)
    assert cost_between(stopped, START, START + HOUR) == Amounts(stopped=100_000, seconds=3600)


def test_a_record_without_a_row_is_billed_since_its_create_at_its_rate() -> None:
    (only,) = running_segments(record(), EMPTY_LEDGER)
    assert (only.since, only.usd_per_hour) == (START, Decimal("0.40"))


def test_a_create_that_took_a_while_is_billed_from_the_intent_on_with_its_disk() -> None:
    begun = intent(disk_usd_per_hour=Decimal("0.05"))
    state = recorded_state(begun)
    made = transitions.created(begun, "m-1", None, START + timedelta(seconds=9))(state)
    (only,) = running_segments(made.instances[begun.mark], made.ledger)
    assert (only.since, only.disk_usd_per_hour) == (START, Decimal("0.05"))
    told = billing.billing_began(begun.mark, START + timedelta(seconds=4))(made)
    (only,) = running_segments(told.instances[begun.mark], told.ledger)
    assert (only.since, only.disk_usd_per_hour) == (START + timedelta(seconds=4), Decimal("0.05"))


@pytest.mark.parametrize("told", [datetime.fromtimestamp(0, UTC), START - HOUR, START + 2 * HOUR])
def test_nothing_is_billed_before_it_was_ordered_whatever_a_providers_clock_says(
    told: datetime,
) -> None:
    begun = intent(disk_usd_per_hour=Decimal("0.05"))
    answered = START + timedelta(seconds=9)
    made = transitions.created(begun, "m-1", None, answered)(recorded_state(begun))
    assert billing.billing_began(begun.mark, told)(made) == made


def test_c5_15_a_rate_change_opens_a_new_segment_and_what_was_billed_stays() -> None:
    mark = record().mark
    state = recorded_state(record())
    dearer = billing.billed_at(mark, Decimal("0.80"), START + HOUR)(state)
    segments = running_segments(dearer.instances[mark], dearer.ledger)
    assert [one.usd_per_hour for one in segments] == [Decimal("0.40"), Decimal("0.80")]
    assert total_of(segments, START, START + 2 * HOUR).usd == Decimal("1.20")


def test_the_first_reading_of_a_rate_holds_from_the_start() -> None:
    mark = record().mark
    state = billing.billed_at(mark, Decimal("0.44"))(recorded_state(record()))
    (only,) = running_segments(state.instances[mark], state.ledger)
    assert (only.since, only.usd_per_hour) == (START, Decimal("0.44"))


def test_time_in_which_a_provider_was_dark_is_billed_and_marked() -> None:
    state = sightings(observed(unreadable()), START + HOUR)(recorded_state(record()))
    again = sightings(observed(unreadable()), START + HOUR + HOUR / 2)(state)
    assert again is state
    seen = sightings(observed(complete()), START + 2 * HOUR)(state)
    segments = running_segments(seen.instances[record().mark], seen.ledger)
    assert total_of(segments, START, START + 3 * HOUR) == Amounts(
        gpu=1_200_000, unknown=400_000, seconds=3 * 3600
    )
    assert seen.ledger.unseen == {}
    assert sightings(observed(complete()), START + 3 * HOUR)(seen) is seen


@pytest.mark.parametrize(
    "changes",
    [
        {"absence": AbsenceEvidence(last_seen_at=START + HOUR)},
        {
            "doom": Doom(
                reason=DestroyReason.EXPIRED,
                since=START,
                last_attempt_at=START + HOUR,
                accepted_at=START + HOUR,
            )
        },
        {"doom": Doom(reason=DestroyReason.EXPIRED, since=START + HOUR)},
    ],
    ids=["missed", "its destroy was accepted", "nobody knows whether it was"],
)
def test_I13_a_machine_that_may_be_gone_is_billed_on_and_that_is_marked(
    changes: dict[str, Any],
) -> None:
    state = recorded_state(record(**changes))
    total = costs_of(state, START, START + 2 * HOUR).total
    assert total == Amounts(gpu=800_000, unknown=400_000, seconds=2 * 3600)


def _gone(**changes: Any) -> InstanceRecord:
    accepted = START + HOUR
    doom = Doom(
        reason=DestroyReason.EXPIRED, since=accepted, last_attempt_at=accepted, accepted_at=accepted
    )
    absence = AbsenceEvidence(
        last_seen_at=accepted, first_absent_at=accepted + timedelta(minutes=2)
    )
    return record(**{"doom": doom, "absence": absence, **changes})


def test_a_destroyed_machine_is_billed_until_its_destroy_was_over_and_that_part_is_marked() -> None:
    eight = timedelta(seconds=8)
    ledger = closed(EMPTY_LEDGER, [closing_of(_gone(), lease(), eight, START + 2 * HOUR)])
    (row,) = (closed_machine_of(text) for text in ledger.closed)
    assert row.until == START + HOUR + eight
    (spent,) = ledger.spent.values()
    total = sum((one.amounts for one in buckets_of(spent)), NOTHING)
    assert total.seconds == 3608
    assert total.unknown == round(Decimal("0.40") * 8 * 10**6 / 3600)


def test_a_destroy_that_takes_long_is_billed_no_longer_than_it_was_seen() -> None:
    closing = closing_of(_gone(), lease(), HOUR, START + 2 * HOUR)
    assert closing.until == START + HOUR + timedelta(minutes=2)


def test_a_destroy_that_a_run_may_have_sent_before_it_died_may_have_ended_it_then() -> None:
    """Found by the simulator, seed 17977: the next run was an hour later, and sent it again."""
    late = _gone()
    assert late.doom is not None
    for since, sure in ((START, START), (START + HOUR, START + HOUR)):
        one = late.with_(doom=late.doom.with_(since=since))
        closing = closing_of(one, lease(), timedelta(seconds=8), START + 4 * HOUR)
        assert (closing.seen_until, closing.until) == (sure, START + HOUR + timedelta(seconds=8))


def test_a_destroy_that_was_sent_again_after_its_time_may_have_ended_nothing() -> None:
    """Found by the simulator, seed 104: a destroy was answered "not found", and it lived on; 3211:
    so it did within the time in which a listing may show what is gone.
    """
    eight = timedelta(seconds=8)
    later = START + 2 * HOUR
    lied_to = _gone()
    assert lied_to.doom is not None
    again = lied_to.with_(
        doom=lied_to.doom.with_(attempts=2, last_attempt_at=later),
        absence=AbsenceEvidence(last_seen_at=later, first_absent_at=later + HOUR),
    )
    closing = closing_of(again, lease(), eight, START + 4 * HOUR)
    assert (closing.seen_until, closing.until) == (START + HOUR, later + eight)
    soon = again.with_(doom=lied_to.doom.with_(last_attempt_at=START + HOUR + eight))
    assert closing_of(soon, lease(), eight, later).until == START + HOUR + eight


def test_an_account_that_closes_while_its_provider_is_dark_is_marked_since_then() -> None:
    dark, eight = START + HOUR / 2, timedelta(seconds=8)
    closing = closing_of(_gone(), lease(), eight, START + 2 * HOUR, dark)
    assert (closing.seen_until, closing.until) == (dark, START + HOUR + eight)


def test_a_machine_that_left_by_itself_is_billed_until_it_was_missed() -> None:
    absence = AbsenceEvidence(last_seen_at=START + HOUR, first_absent_at=START + 2 * HOUR)
    closing = closing_of(record(absence=absence), None, None, START + 3 * HOUR)
    assert closing.until == START + HOUR


def test_a_machine_that_never_became_ready_is_a_failed_boot_with_its_id_and_times() -> None:
    ledger = closed(
        EMPTY_LEDGER, [closing_of(_gone(ready_at=None), lease(), None, START + 2 * HOUR)]
    )
    (row,) = (closed_machine_of(text) for text in ledger.failed)
    assert (row.instance_id, row.since, row.why) == ("m-train-0", START, "expired")
    (spent,) = ledger.spent.values()
    total = sum((one.amounts for one in buckets_of(spent)), NOTHING)
    assert total.gpu == 0
    assert total.failed == total.micro_usd == row.usd * 10**6


def test_the_cost_of_a_machine_goes_to_whoever_pays_for_its_fleet() -> None:
    paid = lease(team="vision", owner="ada", labels={"run": "7"})
    ledger = closed(EMPTY_LEDGER, [closing_of(_gone(), paid, None, START + HOUR)])
    (text,) = ledger.spent
    assert text == '["train","vision","ada",[["run","7"]],"simulated","RTX4090"]'


@given(
    lives=st.lists(st.tuples(SPANS, SPANS, RATES), min_size=1, max_size=6),
    later=st.integers(min_value=0, max_value=900),
)
def test_rolling_up_changes_no_sum(
    lives: list[tuple[timedelta, timedelta, Decimal]], later: int
) -> None:
    closings = [
        closing_of(
            record(
                index=at,
                created_at=START + begin,
                usd_per_hour=rate,
                absence=AbsenceEvidence(last_seen_at=START + begin + length),
            ),
            None,
            None,
            START,
        )
        for at, (begin, length, rate) in enumerate(lives)
    ]
    state = recorded_state(ledger=closed(EMPTY_LEDGER, closings))
    rolled = rolled_up(START + timedelta(days=later))(state)
    assert _sum(rolled.ledger) == _sum(state.ledger)
    assert rolled_up(START + timedelta(days=later))(rolled) is rolled


def _sum(ledger: Ledger) -> Amounts:
    found = NOTHING
    for row in ledger.spent.values():
        for bucket in buckets_of(row):
            found += bucket.amounts
    return found


def test_hours_become_days_after_five_weeks_and_days_months_after_a_year() -> None:
    state = recorded_state(ledger=closed(EMPTY_LEDGER, [closing_of(_gone(), None, None, START)]))

    def spans(days: int) -> list[timedelta]:
        rolled = rolled_up(START + timedelta(days=days))(state)
        return [
            one.until - one.since for row in rolled.ledger.spent.values() for one in buckets_of(row)
        ]

    assert set(spans(34)) == {HOUR}
    assert spans(37) == [timedelta(days=1)]
    assert spans(420)[0] >= timedelta(days=28)


def test_a_machine_that_closes_twice_is_counted_once() -> None:
    state = recorded_state(_gone())
    gone = Forget(record().slot, record().mark, PROVIDER, "record", "proven gone")
    once = departures.forgotten([gone, gone], START + 2 * HOUR, {})(state)
    assert departures.forgotten([gone], START + 2 * HOUR, {})(once) == once
    assert len(once.ledger.closed) == 1


def test_C2_15_a_machine_that_is_found_after_its_account_was_closed_is_not_counted_twice() -> None:
    gone = record(absence=AbsenceEvidence(last_seen_at=START + HOUR, first_absent_at=START + HOUR))
    ledger = closed(EMPTY_LEDGER, [closing_of(gone, lease(), None, START + HOUR)])
    again = record(mark=gone.mark, instance_id=gone.instance_id)
    found = seen_again(ledger, again, START + 3 * HOUR)
    doubt, running = running_segments(again, found)
    assert (doubt.since, doubt.until, doubt.unknown) == (START + HOUR, START + 3 * HOUR, True)
    assert (running.since, running.until, running.unknown) == (START + 3 * HOUR, None, False)
    other = record(instance_id="another")
    assert seen_again(ledger, other, START + 3 * HOUR) is ledger


def test_moments_before_1970_and_far_rates_do_not_break_a_row() -> None:
    odd = record(created_at=datetime(1970, 1, 1, tzinfo=UTC), usd_per_hour=Decimal("1E-9"))
    ledger = rate_changed(EMPTY_LEDGER, odd, Decimal("1E+1"), START)
    kept = Ledger.model_validate(ledger.model_dump())
    assert running_segments(odd, kept)[0].usd_per_hour == Decimal("1E-9")


def test_a_dearer_rate_that_began_in_the_dark_counts_for_all_of_the_dark() -> None:
    """Found by the random histories: the rise lay before the first pass that saw nothing."""
    mark = record().mark
    state = recorded_state(record(), saved_at=START + HOUR)
    dark = sightings(observed(unreadable()), START + 2 * HOUR)(state)
    assert dark.ledger.unseen == {PROVIDER: START + HOUR}
    seen = sightings(observed(complete()), START + 3 * HOUR)(dark)
    (change,) = billing.rates_seen([RateChange(record(), Decimal("0.80"))], dark, START + 3 * HOUR)
    told = change(seen)
    total = total_of(running_segments(told.instances[mark], told.ledger), START, START + 4 * HOUR)
    assert total.usd == Decimal("0.40") + 3 * Decimal("0.80")
    assert total.unknown == 1_600_000


def test_a_dearer_rate_counts_from_the_last_look_and_not_from_a_save_without_one() -> None:
    """Who extends a lease saves the state, and has seen no rate."""
    mark = record().mark
    first = looked(observed(complete(started_at=START + HOUR)))(recorded_state(record()))
    extended = first.with_(saved_at=START + 2 * HOUR)
    seen_at = START + 3 * HOUR
    (change,) = billing.rates_seen([RateChange(record(), Decimal("0.80"))], extended, seen_at)
    told = change(extended)
    total = total_of(running_segments(told.instances[mark], told.ledger), START, seen_at + HOUR)
    assert total.usd == Decimal("0.40") + 3 * Decimal("0.80")
    assert total.unknown == 1_600_000  # of the two hours between the looks, no more


def test_a_cheaper_rate_counts_from_when_it_was_seen_and_the_time_before_is_marked() -> None:
    mark = record().mark
    first = looked(observed(complete(started_at=START + HOUR)))(recorded_state(record()))
    (change,) = billing.rates_seen([RateChange(record(), Decimal("0.10"))], first, START + 3 * HOUR)
    told = change(first)
    total = total_of(running_segments(told.instances[mark], told.ledger), START, START + 4 * HOUR)
    assert (total.usd, total.unknown) == (Decimal("1.30"), 800_000)


@pytest.mark.parametrize(
    ("minutes", "usd"), [(90, "1.35"), (30, "1.40"), (200, "1.40")], ids=["told", "before", "late"]
)
def test_a_provider_that_says_when_its_rate_changed_is_believed_between_two_looks(
    minutes: int, usd: str
) -> None:
    """Half past one: 1.5 hours at $0.40 and 1.5 at $0.50. Else a clock of theirs is wrong."""
    mark = record().mark
    first = looked(observed(complete(started_at=START + HOUR)))(recorded_state(record()))
    dearer = RateChange(record(), Decimal("0.50"), START + timedelta(minutes=minutes))
    (change,) = billing.rates_seen([dearer], first, START + 3 * HOUR)
    told = change(first)
    total = total_of(running_segments(told.instances[mark], told.ledger), START, START + 3 * HOUR)
    assert total.usd == Decimal(usd)
    assert total.unknown == (0 if minutes == 90 else 1_000_000)


def test_a_provider_that_says_when_a_machine_ended_is_believed_and_nothing_is_marked() -> None:
    absence = AbsenceEvidence(
        last_seen_at=START + 2 * HOUR,
        first_absent_at=START + 2 * HOUR,
        billed_at=START + HOUR,
        ended_at=START + HOUR + HOUR / 2,
    )
    assert closing_of(record(absence=absence), None, None, START + 3 * HOUR).until == (
        START + HOUR + HOUR / 2
    )
    for wrong in (START + HOUR / 2, START + 5 * HOUR):
        closing = closing_of(
            record(absence=absence.with_(ended_at=wrong)), None, None, START + 6 * HOUR
        )
        assert (closing.seen_until, closing.until) == (START + HOUR, START + 2 * HOUR)


def test_folding_quiet_accounts_takes_no_money_from_any_budget() -> None:
    """Over 1,000 fleets that came and went: what a budget knows them by outlives the folding."""
    closings = [
        closing_of(
            record(
                f"run-{number}",
                absence=AbsenceEvidence(last_seen_at=START + HOUR),
            ),
            lease(f"run-{number}", labels={"project": f"p{number % 3}", "run": str(number)}),
            None,
            START,
        )
        for number in range(1100)
    ]
    budgets = [
        Budget(name="all", match=BudgetMatch(), limit_usd=Decimal(9)),
        Budget(name="label", match=BudgetMatch(labels={"project": "p1"}), limit_usd=Decimal(9)),
        Budget(name="one", fleets=["run-7"], limit_usd=Decimal(9)),
        Budget(name="two", match=BudgetMatch(fleets=["run-8", "run-9"]), limit_usd=Decimal(9)),
    ]
    records = [BudgetRecord(budget=one) for one in budgets]
    state = recorded_state(
        ledger=closed(EMPTY_LEDGER, closings),
        budgets={one.budget.name: one for one in records},
    )
    later = START + timedelta(days=60)
    folded = rolled_up(later)(state)
    assert len(folded.ledger.spent) < 10
    assert _sum(folded.ledger) == _sum(state.ledger)
    for before, after in zip(
        budget_views(records, state, {}, NOTHING_OBSERVED, later),
        budget_views(records, folded, {}, NOTHING_OBSERVED, later),
        strict=True,
    ):
        assert before.spent == after.spent > 0
    assert rolled_up(later)(folded) is folded


@pytest.mark.parametrize(
    ("usd", "status", "noted"),
    [("0.80", "running", True), ("0.05", "stopped", True), ("0.05", "destroying", False)],
)
def test_the_rate_of_a_machine_whose_destroys_fail_counts_too(
    usd: str, status: str, noted: bool
) -> None:
    doom = Doom(reason=DestroyReason.EXPIRED, since=START, attempts=1, last_attempt_at=START)
    doomed = record(doom=doom)
    seen = instance(doomed, usd_per_hour=Decimal(usd), status=InstanceStatus(status))
    decisions = decide_doomed(
        recorded_state(doomed), observed(complete(PROVIDER, seen)), START + HOUR
    )
    assert [one.usd_per_hour for one in decisions.rate_changes] == ([Decimal(usd)] if noted else [])
