"""Which machines a budget gives up, and what it lets a plan buy: the decision alone."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from reconciler.model.budget import Budget, BudgetMatch, BudgetRecord
from reconciler.model.exit_code import ExitCode
from reconciler.model.plan import Mode, Plan, PlanRequest
from reconciler.model.reason import DestroyReason
from reconciler.model.record import InstanceRecord, LetGo
from reconciler.planning.forecast import forecast
from reconciler.planning.planner import compute_plan
from tests.builders import (
    HOUR,
    complete,
    desired,
    fleet,
    instance,
    lease,
    mark_text,
    observed,
    offer,
    offer_book,
    record,
    recorded_state,
    unreadable,
)
from tests.markets import START


def budget(**changes: Any) -> Budget:
    fields: dict[str, Any] = {"name": "all", "match": BudgetMatch(), "limit_usd": Decimal(4)}
    return Budget(**{**fields, **changes})


def decided(
    limits: Budget,
    *machines: InstanceRecord,
    mode: Mode = Mode.LOOP,
    now: timedelta = HOUR,
    listed: bool = True,
    killed: bool = False,
    let_go: InstanceRecord | None = None,
    **request: Any,
) -> Plan:
    kept = BudgetRecord(budget=limits, killed_at=START if killed else None)
    leases = [
        lease("batch", ttl=30 * HOUR, target=4, maximum=4, weight=10),
        lease("serve", ttl=30 * HOUR, target=4, maximum=4, weight=90),
    ]
    fleets = (fleet("batch", 4, ttl=30 * HOUR, weight=10), fleet("serve", 4, ttl=30 * HOUR))
    seen = complete("simulated", *map(instance, machines), started_at=START + now)
    state = recorded_state(*machines, *leases, budgets={"all": kept})
    if let_go is not None:
        gone = LetGo(record=let_go, since=START, ends_at=START + 30 * HOUR)
        state = state.with_(let_go={let_go.mark: gone})
    return compute_plan(
        desired(*fleets, budgets={"all": limits}),
        state,
        observed(seen if listed else unreadable()),
        offer_book(*(offer(f"o{number}") for number in range(9))),
        START + now,
        PlanRequest(mode, **request),
    )


def machine(name: str, at: int, **changes: Any) -> InstanceRecord:
    mark = mark_text(name, at, end=START + 30 * HOUR)
    return record(name, at, mark=mark, **changes)


def slots(plan: Plan) -> list[str]:
    reasons = {one.reason for one in plan.destroys}
    assert reasons <= {DestroyReason.OVER_BUDGET}
    return [str(one.slot) for one in plan.destroys]


FOUR = (machine("batch", 0), machine("batch", 1), machine("serve", 0), machine("serve", 1))


def test_while_the_money_lasts_nothing_goes() -> None:
    assert slots(decided(budget(), *FOUR)) == []


def test_i6_everything_goes_one_tick_before_the_limit() -> None:
    # four machines at $0.40 for two and a half hours cost $4; a tick, the clocks and a destroy
    # take three minutes
    early = decided(budget(), *FOUR, now=timedelta(minutes=146))
    late = decided(budget(), *FOUR, now=timedelta(minutes=147, seconds=30))
    assert slots(early) == []
    assert len(slots(late)) == 4


def test_a_budget_kills_known_ids_of_a_provider_that_cannot_be_read() -> None:
    assert len(slots(decided(budget(), *FOUR, now=3 * HOUR, listed=False))) == 4


def test_budgets_are_promises_and_no_fuse_holds_them_back() -> None:
    plan = decided(budget(), *FOUR, now=3 * HOUR)
    assert [one.code for one in plan.findings if one.code] == []


def test_shrink_takes_the_lightest_fleet_and_in_it_the_machine_with_the_least_to_lose() -> None:
    steps = ["shrink", "destroy"]
    young = machine("batch", 1, created_at=START + HOUR / 2)
    machines = (machine("batch", 0), young, machine("serve", 0), machine("serve", 1))
    # 3 machines until hour 30 cost $0.40 x 29 h each, and $1.40 are spent
    three = budget(limit_usd=Decimal("36.30"), on_exceed=steps)
    assert slots(decided(three, *machines)) == ["fleet.batch[1]"]
    two = budget(limit_usd=Decimal("24.80"), on_exceed=steps)
    assert slots(decided(two, *machines)) == ["fleet.batch[0]", "fleet.batch[1]"]


@pytest.mark.parametrize(
    "limit", [{"limit_usd": None, "max_hourly_usd": Decimal("1.30")}, {"limit_usd": Decimal(40)}]
)
def test_a_machine_that_was_let_go_is_no_victim_and_another_one_goes(limit: Any) -> None:
    """It lives to its end whatever a budget says, so giving it up would save nothing."""
    light = machine("batch", 1, created_at=START + HOUR / 2)
    limits = budget(on_exceed=["shrink", "destroy"], **limit)
    plan = decided(limits, FOUR[0], FOUR[2], FOUR[3], let_go=light)
    assert slots(plan) == ["fleet.batch[0]"]


def test_without_destroy_nothing_is_ended_and_it_is_called_no_wall() -> None:
    plan = decided(budget(on_exceed=["notify", "freeze"]), *FOUR, now=9 * HOUR)
    assert slots(plan) == []
    assert any("NOT A WALL" in one.message for one in plan.findings)


@pytest.mark.parametrize(("killed", "bought"), [(False, 2), (True, 0)])
def test_heal_buys_nothing_where_a_budget_has_just_killed(killed: bool, bought: int) -> None:
    plan = decided(budget(limit_usd=Decimal(1000)), *FOUR[:2], FOUR[2], killed=killed, heal=True)
    assert len(plan.creates) >= bought
    assert bool(plan.creates) is not killed
    codes = {one.code for one in plan.findings}
    assert (ExitCode.REFUSED_BY_BUDGET in codes) is killed


def test_prevent_destroy_does_not_stop_a_budget() -> None:
    plan = decided(budget(), *FOUR, now=3 * HOUR)
    assert len(slots(plan)) == 4


def test_a_budget_of_the_documents_alone_only_announces() -> None:
    machines = FOUR[:1]
    leases = [lease("batch", ttl=30 * HOUR)]
    seen = complete("simulated", *map(instance, machines), started_at=START + HOUR)
    plan = compute_plan(
        desired(fleet("batch", ttl=30 * HOUR), budgets={"all": budget(limit_usd=Decimal("0.1"))}),
        recorded_state(*machines, *leases),
        observed(seen),
        offer_book(),
        START + HOUR,
        PlanRequest(Mode.LOOP),
    )
    assert [one.reason for one in plan.announces] == [DestroyReason.OVER_BUDGET]
    assert plan.destroys == ()


def test_create_before_destroy_reserves_both() -> None:
    old = machine("serve", 0)
    limits = budget(limit_usd=Decimal("13"))  # one for 29 h is $11.60, $0.40 is spent
    kept = BudgetRecord(budget=limits)
    plan = compute_plan(
        desired(
            fleet("serve", ttl=30 * HOUR, gpu="A100-SXM-80GB", create_before_destroy=True),
            budgets={"all": limits},
        ),
        recorded_state(old, lease("serve", ttl=30 * HOUR), budgets={"all": kept}),
        observed(complete("simulated", instance(old), started_at=START + HOUR)),
        offer_book(offer("big", gpu="A100-SXM-80GB", gpu_memory_bytes=80 * 2**30)),
        START + HOUR,
        PlanRequest(Mode.APPLY, fused=False),
    )
    assert plan.creates == ()
    assert plan.destroys == ()
    assert ExitCode.REFUSED_BY_BUDGET in {one.code for one in plan.findings}


def test_the_runway_counts_each_machine_until_its_lease_ends() -> None:
    kept = BudgetRecord(budget=budget(limit_usd=Decimal(2)))
    state = recorded_state(
        machine("batch", 0), machine("serve", 0),
        lease("batch", ttl=2 * HOUR), lease("serve", ttl=30 * HOUR), budgets={"all": kept},
    )  # fmt: skip
    found = forecast(state, START + HOUR)
    (runway,) = found.runways
    # $0.80 are spent, $0.80 more until hour 2, then $0.40 an hour: empty at hour 3
    assert runway.empty_at is not None
    assert abs(runway.empty_at - (START + 3 * HOUR)) < timedelta(seconds=5)
    assert found.usd_per_hour == Decimal("0.80")
    lasting = state.with_(budgets={"all": BudgetRecord(budget=budget(limit_usd=Decimal(20)))})
    (runway,) = forecast(lasting, START + HOUR).runways
    assert runway.empty_at is None
    assert runway.lasts_until == START + 30 * HOUR
