"""A plan that holds every kind of action, and a value other than the default in every field."""

from __future__ import annotations

from datetime import timedelta, timezone
from decimal import Decimal

from reconciler.model.address import Address, Slot
from reconciler.model.balance import BalanceSummary
from reconciler.model.budget import BudgetSummary
from reconciler.model.exit_code import ExitCode
from reconciler.model.office_windows import HoursSummary
from reconciler.model.plan import (
    Adopt,
    Announce,
    Create,
    Destroy,
    Difference,
    Doubt,
    Finding,
    Forget,
    Keep,
    LeaseChange,
    Mode,
    Plan,
    PlanRequest,
    RateChange,
    Stranger,
)
from reconciler.model.proposal import SwapProposal
from reconciler.model.reason import CreateReason, DestroyReason
from reconciler.model.record import (
    AbsenceEvidence,
    Doom,
    HoursRecord,
    InstanceRecord,
    LeaseEnding,
    Succession,
)
from tests.builders import (
    HOUR,
    create,
    instance,
    lease,
    offer,
    plan,
    record,
    specification,
    summary,
)
from tests.markets import START

CANARY = "hunter2-canary-sk-4242"
ENV = {"HF_TOKEN": CANARY, "MODE": "${env:SOMETHING}"}
EVIDENCE = AbsenceEvidence(
    last_seen_at=START, first_absent_at=START + HOUR, billed_at=START, ended_at=START
)
REQUEST = PlanRequest(
    mode=Mode.DESTROY,
    targets=(Address("train"), Address("lab", 2)),
    renew=frozenset({"train", "lab"}),
    heal=True,
    max_destroy=3,
    fused=False,
    excludes=(Address("train", 1), Address("idle")),
    replace=(Slot("lab", 2), Slot("train", 0)),
    only_record=True,
    from_state=True,
    allow_unbounded=True,
    schedule=True,
)


def sample_plan() -> Plan:
    """Everything at once; no real plan is like it."""
    doomed = Doom(
        reason=DestroyReason.EXPIRED,
        since=START,
        attempts=2,
        failures=1,
        last_attempt_at=START,
        accepted_at=START,
        last_error="busy",
        alerted_at=START,
    )
    bought = specification(image="training:1", env=ENV)
    old = record("train", 3, specification=bought, doom=doomed, absence=EVIDENCE)
    old = old.with_(recycled=True)
    place = Succession(mark="m-6", reason=DestroyReason.REQUESTED, looked_into_until=START + HOUR)
    heir = _create("train", 6, succeeds=place)
    late = record("train", 6, mark="m-6", succeeds=heir.succeeds)
    found = record("lab", 1, specification=None, ceiling_usd_per_hour=None, ready_at=None)
    return plan(
        request=REQUEST,
        creates=(_create("train", 3, replaces=old.mark), _create("train", 4), heir),
        destroys=(
            _destroy(old),
            _destroy(record("train", 5), succeeded=True),
            _destroy(late, after_successor=True),
        ),
        adopts=(Adopt(found, instance(found, ports=((8000, 41077),))),),
        forgets=(Forget(Slot("lab", 7), "m-7", "simulated", "record", "gone", unexpected=True),),
        doubts=(_doubt(),),
        announces=(Announce(record("lab", 3), DestroyReason.ORPHANED, START + HOUR, "soon"),),
        keeps=(Keep(record("lab", 4), instance(), "not read this time"),),
        sighted=("m-1",),
        became_ready=("m-2",),
        rate_changes=(RateChange(record("lab", 4), Decimal("0.75"), START + HOUR),),
        lease_changes=(_lease_change(),),
        strangers=(
            Stranger("foreign", instance(status_text="odd", rate_since=START), START + HOUR),
        ),
        fleets=(
            summary(
                creates=1,
                destroys=2,
                unfilled=3,
                note="lease ended",
                command="do something",
                hours=_hours(),
            ),
        ),
        findings=(
            Finding("a warning"),
            Finding("a rule", ExitCode.REFUSED_BY_RULE, blocks=True, fix="a fix"),
        ),
        rate_before=Decimal("0.40"),
        rate_after=Decimal("1.2345678901234567890"),
        worst_case_usd=Decimal("12.345678"),
        worst_case_until=START + 5 * HOUR + timedelta(microseconds=7),
        budgets=(
            BudgetSummary(
                name="vision",
                period="month",
                since=START,
                until=START + 700 * HOUR,
                limit_usd=Decimal(100),
                max_hourly_usd=Decimal(4),
                spent_usd=Decimal("12.5"),
                committed_usd=Decimal("30.25"),
                usd_per_hour=Decimal("1.5"),
                is_wall=True,
                changes=("limit raised",),
                unproven_usd=Decimal("0.25"),
            ),
        ),
        balances=(
            BalanceSummary(
                provider="simulated",
                balance_usd=Decimal("12.345678"),
                min_balance_usd=Decimal(5),
                committed_usd=Decimal("9.5"),
                usd_per_hour=Decimal("1.5"),
                empty_at=START + 8 * HOUR,
            ),
            BalanceSummary("vastai", None, None, Decimal(1), Decimal("0.5"), why="not told"),
        ),
        proposals=(
            SwapProposal(
                slot=Slot("lab", 4),
                mark="m-4",
                provider="simulated",
                instance_id="1004",
                usd_per_hour=Decimal("0.75"),
                to_provider="simulated",
                to_region="nl",
                to_offer="o9",
                to_usd_per_hour=Decimal("0.5"),
                setup_cost_usd=Decimal("0.1"),
                saving_usd=Decimal("0.9"),
                until=START + 4 * HOUR,
            ),
        ),
    )


def _create(
    fleet: str, index: int, replaces: str | None = None, succeeds: Succession | None = None
) -> Create:
    taken = offer(
        hosting="community",
        spot=True,
        stock=3,
        rentable_for=90 * HOUR,
        lacks=frozenset({"ports", "image"}),
    )
    return create(
        fleet,
        index,
        offer=taken,
        reason=CreateReason.SCALED_UP,
        specification=specification(taken, image="training:1", env=ENV),
        ranked=(taken, offer("o2"), offer("o3")),
        replaces=replaces,
        succeeds=succeeds,
        gang=2,
        spread=True,
        after=("m-8", "m-9"),
    )


def _destroy(old: InstanceRecord, **others: bool) -> Destroy:
    return Destroy(
        old,
        DestroyReason.DRIFTED,
        "it does not fit",
        soft=True,
        again=True,
        differences=(Difference("image", "training:1", "training:2"),),
        **others,
    )


def _doubt() -> Doubt:
    return Doubt(
        Slot("lab", 0),
        "m-0",
        "simulated",
        "not seen",
        Decimal("0.5"),
        EVIDENCE,
        worrying=False,
        recycled=True,
    )


def _hours() -> HoursSummary:
    berlin = timezone(2 * HOUR)
    return HoursSummary(
        hours="Mon-Fri 08:00-20:00",
        time_zone="Europe/Berlin",
        until=(START + 900 * HOUR).astimezone(berlin),
        opens_at=START.astimezone(berlin),
        closes_at=(START + HOUR).astimezone(berlin),
        next_opens_at=(START + 20 * HOUR).astimezone(berlin),
        windows_left=30,
        seconds_left=30 * 12 * 3600,
        later_usd=Decimal("144.5"),
        later_rate="cap",
        armed=True,
    )


def _lease_change() -> LeaseChange:
    after = lease(
        team="nlp",
        owner="ada",
        labels={"a": "b"},
        weight=7,
        expires_at=START + HOUR,
        extended_to=START + HOUR,
        ended_at=START,
        ended_by=LeaseEnding.RELEASED,
        prevent_destroy=True,
        hours=HoursRecord(
            text="Mon-Fri 08:00-20:00",
            time_zone="Europe/Berlin",
            until=START + 900 * HOUR,
            opens_at=START,
            closes_at=START + HOUR,
            opened=[0, 2],
            terms="0123456789abcdef",
        ),
    )
    return LeaseChange("train", lease(), after, ("ttl 4h -> 8h", "target 1 -> 2"))
