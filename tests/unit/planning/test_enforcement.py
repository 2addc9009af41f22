"""The table of rules: which one speaks first, and what it may override."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from reconciler.model.instance import InstanceStatus
from reconciler.model.plan import Mode, PlanRequest
from reconciler.model.reason import DestroyReason
from reconciler.model.record import LeaseEnding, Succession
from reconciler.planning.enforcement import ENFORCEMENT_RULES, first_verdict, rules_for
from reconciler.planning.enforcement_rule import Circumstances, Situation
from tests.builders import HOUR, TTL, fleet, instance, lease, record
from tests.markets import START

NOW = START + HOUR
REASONS = DestroyReason


def situation(mode: Mode = Mode.APPLY, *, heal: bool = False, **changes: Any) -> Situation:
    given: dict[str, Any] = {
        "fleet": fleet(),
        "documents": True,
        "lease": lease(),
        "ends_at": START + TTL,
        "request": PlanRequest(mode, heal=heal),
        "now": NOW,
    }
    given |= {name: changes.pop(name) for name in given if name in changes}
    machine = {"record": record(), "instance": instance(), **changes}
    return Situation(given=Circumstances(**given), **machine)


DEAR = instance(usd_per_hour=Decimal("0.421"))
FAILED = instance(status=InstanceStatus.FAILED)
STOPPED = instance(status=InstanceStatus.STOPPED)
BOOTING = instance(status=InstanceStatus.BOOTING)
STRANGE = instance(status=InstanceStatus.UNKNOWN)
REPLACE = PlanRequest(Mode.APPLY, replace=(record().slot,))
HEIR = record(
    instance_id="heir", succeeds=Succession(mark=record().mark, reason=DestroyReason.DRIFTED)
)
OTHER = HEIR.with_(specification=HEIR.specification and HEIR.specification.with_(image="another"))
UNREADY = HEIR.with_(ready_at=None, created_at=NOW)
LATE = NOW + timedelta(minutes=30)
RELEASED = lease(ended_at=START, ended_by=LeaseEnding.RELEASED)


SITUATIONS: list[tuple[Situation, str | None]] = [
    (situation(), None),
    (situation(Mode.LOOP), None),
    (situation(Mode.DESTROY), "REQUESTED"),
    (situation(ends_at=NOW), "LEASE_ENDED"),
    (situation(ends_at=NOW + timedelta(microseconds=1)), None),
    (situation(Mode.DESTROY, ends_at=NOW), "LEASE_ENDED"),
    (situation(instance=DEAR, ends_at=NOW), "LEASE_ENDED"),
    (situation(over_budget="max_total_usd"), "OVER_BUDGET"),
    (situation(over_new_budget="max_total_usd"), "OVER_NEW_BUDGET"),
    (situation(instance=DEAR), "OVERPRICED"),
    (situation(instance=instance(usd_per_hour=Decimal("0.42"))), None),
    (situation(instance=instance(usd_per_hour=None)), None),
    (situation(instance=None), None),
    (situation(instance=FAILED, fleet=None), "FAILED_READY"),
    (situation(fleet=None), "UNDECLARED"),
    (situation(fleet=None, documents=False), None),
    (situation(record=record(index=1)), "SCALED_DOWN"),
    (situation(fleet=fleet(ttl=HOUR)), None),
    (situation(Mode.LOOP, fleet=fleet(ttl=HOUR)), "SHORTENED"),
    (situation(Mode.LOOP, fleet=fleet(ttl=2 * HOUR)), None),
    (situation(Mode.LOOP, fleet=fleet(expires_at=NOW)), "SHORTENED"),
    (situation(fleet=fleet(gpu="H100")), "DRIFTED"),
    (situation(Mode.LOOP, fleet=fleet(gpu="H100")), None),
    (situation(Mode.LOOP, fleet=fleet(gpu="H100"), heal=True), None),
    (situation(instance=STOPPED), "DRIFTED"),
    (situation(Mode.LOOP, instance=STOPPED), None),
    (situation(Mode.LOOP, instance=STOPPED, heal=True), "DRIFTED"),
    (situation(request=REPLACE), "REPLACED"),
    (situation(request=REPLACE, record=record(index=1)), "SCALED_DOWN"),
    (situation(request=REPLACE, successor=HEIR), None),
    (situation(request=REPLACE, fleet=fleet(gpu="H100")), "REPLACED"),
    (situation(fleet=fleet(gpu="H100"), successor=HEIR), None),
    (situation(fleet=fleet(gpu="H100"), predecessor=record()), None),
    (situation(Mode.LOOP, successor=HEIR, successor_ready=True), "SUPERSEDED"),
    (situation(Mode.LOOP, successor=HEIR), None),
    (situation(predecessor=record(), now=LATE), None),
    (situation(record=UNREADY, instance=BOOTING, now=LATE), None),
    (situation(record=UNREADY, instance=BOOTING, predecessor=record()), None),
    (
        situation(record=UNREADY, instance=BOOTING, predecessor=record(), now=LATE),
        "SUCCESSOR_FAILED",
    ),
    (situation(record=UNREADY, instance=None, predecessor=record(), now=LATE), None),
    (situation(record=UNREADY, instance=STRANGE, predecessor=record(), now=LATE), None),
    (situation(record=HEIR, instance=BOOTING, predecessor=record(), now=LATE), None),
    (situation(record=HEIR, instance=STOPPED, predecessor=record()), "SUCCESSOR_FAILED"),
    (situation(record=HEIR, instance=FAILED, predecessor=record()), "FAILED_READY"),
    (situation(record=OTHER, predecessor=record(), predecessor_stands=True), "SUCCESSOR_UNFIT"),
    (situation(record=OTHER, predecessor=record()), None),
    (situation(record=HEIR, predecessor=record(), predecessor_stands=True), None),
    (situation(record=OTHER, predecessor=OTHER, predecessor_stands=True), None),
    (situation(Mode.LOOP, record=OTHER, predecessor=record(), predecessor_stands=True), None),
]


@pytest.mark.parametrize(("at", "rule"), SITUATIONS)
def test_the_first_rule_that_matches_speaks(at: Situation, rule: str | None) -> None:
    found = first_verdict(at)
    assert (found[0].name if found else None) == rule
    assert first_verdict(at, rules_for(at)) == found


@pytest.mark.parametrize("beside", [at for at, _ in SITUATIONS])
def test_what_was_learnt_of_machines_beside_it_changes_no_verdict(beside: Situation) -> None:
    for at, _ in SITUATIONS:
        given = replace(at.given, fitting=set(), asked={})
        for _ in range(2):
            other = Situation(beside.record, beside.instance, given)
            first_verdict(other, rules_for(other))
        learnt = replace(at, given=given)
        assert first_verdict(learnt, rules_for(learnt)) == first_verdict(at)


@pytest.mark.parametrize(
    ("held", "reason"), [(RELEASED, REASONS.REQUESTED), (lease(), REASONS.EXPIRED)]
)
def test_a_lease_that_a_person_ended_was_requested(held: Any, reason: DestroyReason) -> None:
    found = first_verdict(situation(lease=held, ends_at=START))
    assert found is not None
    assert found[1].reason is reason


def test_the_order_of_the_table_is_published() -> None:
    assert [rule.name for rule in ENFORCEMENT_RULES] == [
        "LEASE_ENDED",
        "OVER_BUDGET",
        "REQUESTED",
        "OVERPRICED",
        "FAILED_READY",
        "SUCCESSOR_FAILED",
        "SUCCESSOR_UNFIT",
        "SUPERSEDED",
        "UNDECLARED",
        "SCALED_DOWN",
        "SHORTENED",
        "OVER_NEW_BUDGET",
        "REPLACED",
        "TAKEN_AWAY",
        "DRIFTED",
    ]
    promises = [rule.name for rule in ENFORCEMENT_RULES if rule.outranks_protection]
    assert promises == ["LEASE_ENDED", "OVER_BUDGET"]
    soft = [rule.name for rule in ENFORCEMENT_RULES if rule.soft_in_loop]
    assert soft == ["UNDECLARED", "SCALED_DOWN", "SHORTENED", "OVER_NEW_BUDGET"]
