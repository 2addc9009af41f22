"""Two machines in one slot: which one goes, and when (SPEC.md section 12, 7)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from reconciler.model.exit_code import ExitCode
from reconciler.model.instance import InstanceStatus
from reconciler.model.plan import Mode, Plan, PlanRequest
from reconciler.model.reason import CreateReason, DestroyReason
from reconciler.model.record import Doom, InstanceRecord, Succession
from reconciler.planning.leases import next_deadline
from reconciler.planning.planner import compute_plan
from reconciler.planning.succession import NO_SUCCESSIONS, find_successions
from tests.builders import (
    HOUR,
    PROVIDER,
    complete,
    desired,
    fleet,
    instance,
    mark_text,
    observed,
    offer,
    offer_book,
    partial,
    record,
    recorded_state,
)
from tests.markets import START

NOW = START + HOUR
MINUTE = timedelta(minutes=1)
APPLY = PlanRequest(Mode.APPLY)
LOOP = PlanRequest(Mode.LOOP)
OLD = record()
HEIR = record(
    mark=mark_text(nonce="theheir0"),
    instance_id="heir",
    created_at=NOW - 5 * MINUTE,
    ready_at=None,
    succeeds=Succession(mark=OLD.mark, reason=DestroyReason.DRIFTED),
)
BOOTING = instance(HEIR, status=InstanceStatus.BOOTING)
FIRST = fleet(create_before_destroy=True)


def plan(
    *rows: Any,
    held: tuple[InstanceRecord, ...] = (OLD, HEIR),
    wanted: Any = FIRST,
    request: PlanRequest = LOOP,
    listing: Any = None,
    offers: int = 3,
) -> Plan:
    seen = listing or complete(PROVIDER, *rows, started_at=NOW)
    book = offer_book(*(offer(f"o{number}") for number in range(offers)))
    return compute_plan(desired(wanted), recorded_state(*held), observed(seen), book, NOW, request)


def going(found: Plan) -> list[str]:
    return [entry.record.instance_id for entry in found.destroys]


@pytest.mark.parametrize("request_", [LOOP, APPLY])
def test_the_old_machine_goes_when_its_successor_is_seen_ready(request_: PlanRequest) -> None:
    found = plan(instance(OLD), instance(HEIR), request=request_)
    assert going(found) == [OLD.instance_id]
    (destroy,) = found.destroys
    assert (destroy.reason, destroy.succeeded) == (DestroyReason.DRIFTED, True)
    assert found.became_ready == (HEIR.mark,)
    assert found.creates == ()


@pytest.mark.parametrize(
    "rows",
    [
        (instance(OLD), BOOTING),
        (instance(OLD),),
        (instance(OLD), instance(HEIR, status=InstanceStatus.UNKNOWN)),
        (instance(OLD), instance(HEIR, ssh=None)),
        (instance(OLD), instance(HEIR, label="renamed by hand")),
        (instance(HEIR),),
        (instance(OLD, label="renamed by hand"), instance(HEIR)),
    ],
    ids=["booting", "unseen", "strange", "no ssh", "relabelled", "old unseen", "old relabelled"],
)
def test_in_any_doubt_both_stay(rows: tuple[Any, ...]) -> None:
    found = plan(*rows)
    assert found.destroys == ()
    assert found.creates == ()


def test_I5_half_a_listing_lets_nothing_go() -> None:
    half = partial(PROVIDER, instance(OLD), instance(HEIR), started_at=NOW)
    assert plan(listing=half).destroys == ()


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (instance(HEIR, usd_per_hour=Decimal("9.99")), DestroyReason.OVERPRICED),
        (instance(HEIR, status=InstanceStatus.FAILED), DestroyReason.FAILED_READY),
        (instance(HEIR, status=InstanceStatus.STOPPED), DestroyReason.FAILED_READY),
    ],
)
def test_a_successor_that_has_to_go_itself_takes_nothing_with_it(
    row: Any, reason: DestroyReason
) -> None:
    for request in (LOOP, replace(APPLY, fused=False)):
        found = plan(instance(OLD), row, request=request)
        assert going(found) == [HEIR.instance_id]
        assert found.destroys[0].reason is reason


def test_documents_that_were_changed_back_end_the_successor_and_keep_what_they_declare() -> None:
    assert HEIR.specification is not None
    unfit = HEIR.with_(specification=HEIR.specification.with_(image="another"))
    for request in (APPLY, replace(APPLY, replace=(OLD.slot,))):
        found = plan(instance(OLD), BOOTING, held=(OLD, unfit), request=request)
        assert going(found) == [HEIR.instance_id]


@pytest.mark.parametrize("heir", [BOOTING, instance(HEIR)], ids=["booting", "ready"])
def test_documents_that_were_changed_back_never_end_both_machines_of_a_slot(heir: Any) -> None:
    """The old one is as declared and goes all the same: the other one keeps the slot."""
    assert HEIR.specification is not None
    unfit = HEIR.with_(specification=HEIR.specification.with_(image="another"))
    dear = instance(OLD, usd_per_hour=Decimal("9.99"))
    found = plan(dear, heir, held=(OLD, unfit), request=replace(APPLY, fused=False))
    assert going(found) == [OLD.instance_id]
    assert found.destroys[0].reason is DestroyReason.OVERPRICED


@pytest.mark.parametrize("rows", [(instance(OLD), instance(HEIR)), (instance(OLD), BOOTING)])
def test_a_successor_that_is_not_as_declared_any_more_asks_for_one_more_apply(rows: Any) -> None:
    assert HEIR.specification is not None
    other = fleet(image="a third")
    found = plan(*rows, wanted=other, request=APPLY)
    assert HEIR.instance_id not in going(found)
    assert found.creates == (), "a slot of two is not given a third"
    (said,) = [one for one in found.findings if one.code is ExitCode.PARTIAL]
    assert HEIR.instance_id in said.message
    assert "image" in said.message
    assert not any(one.code for one in plan(*rows, wanted=other, request=LOOP).findings)
    assert not any(one.code for one in plan(*rows, request=APPLY).findings)


def test_after_half_an_hour_a_successor_that_was_never_ready_goes() -> None:
    for age, expected in ((29, []), (30, [HEIR.instance_id])):
        late = HEIR.with_(created_at=NOW - age * MINUTE)
        assert going(plan(instance(OLD), BOOTING, held=(OLD, late))) == expected
        ready = late.with_(ready_at=NOW - 20 * MINUTE)
        assert going(plan(instance(OLD), BOOTING, held=(OLD, ready))) == []


@pytest.mark.parametrize("wanted", [FIRST, fleet()])
@pytest.mark.parametrize("request_", [APPLY, replace(APPLY, replace=(OLD.slot,))])
def test_I3_a_slot_of_two_is_not_given_a_third(wanted: Any, request_: PlanRequest) -> None:
    drifted = replace(wanted, image="another")
    found = plan(instance(OLD), BOOTING, wanted=drifted, request=request_)
    assert (found.destroys, found.creates) == ((), ())
    told = any("is being replaced already" in one.message for one in found.findings)
    assert told is bool(request_.replace)


def test_a_drifted_machine_goes_after_the_one_that_is_bought() -> None:
    drifted = replace(FIRST, image="another")
    found = plan(instance(OLD), held=(OLD,), wanted=drifted, request=APPLY)
    (create,), (destroy,) = found.creates, found.destroys
    assert create.reason is CreateReason.REPLACED
    assert create.succeeds == Succession(mark=OLD.mark, reason=DestroyReason.DRIFTED)
    assert create.replaces is None
    assert destroy.after_successor
    assert found.rate_after == create.usd_per_hour + OLD.usd_per_hour


def test_without_an_offer_it_stays_and_the_plan_says_so() -> None:
    drifted = replace(FIRST, image="another")
    found = plan(instance(OLD), held=(OLD,), wanted=drifted, request=APPLY, offers=0)
    assert (found.destroys, found.creates) == ((), ())
    assert [entry.detail for entry in found.keeps] == ["drifted, stays until it has a successor"]
    assert [finding.code for finding in found.findings] == [ExitCode.NO_OFFER]
    assert found.fleets[0].unfilled == 0


def test_a_machine_beyond_the_target_needs_no_successor() -> None:
    from reconciler.model.fleet import NodeCount

    ranged = fleet(nodes=NodeCount(1, 1, 3), create_before_destroy=True, image="another")
    current = OLD.with_(
        specification=OLD.specification and OLD.specification.with_(image="another")
    )
    extra = record(index=1)
    found = plan(
        instance(current), instance(extra), held=(current, extra), wanted=ranged, request=APPLY
    )
    assert going(found) == [extra.instance_id]
    assert not found.destroys[0].after_successor
    assert found.creates == ()


def test_pairs_are_of_living_machines_in_one_slot_the_older_one_first() -> None:
    from reconciler.planning.classification import classify_instances

    def pairs(*held: InstanceRecord) -> Any:
        return find_successions(
            classify_instances(recorded_state(*held), observed(complete(started_at=NOW))).records
        )

    found = pairs(OLD, HEIR)
    assert (list(found.successors), list(found.predecessors)) == ([OLD.mark], [HEIR.mark])
    doom = Doom(reason=DestroyReason.DRIFTED, since=NOW)
    assert pairs(OLD.with_(doom=doom), HEIR).successors == {}
    assert pairs(OLD, HEIR.with_(doom=doom)) == NO_SUCCESSIONS
    assert pairs(HEIR).successors == {}
    assert pairs(OLD, HEIR.with_(index=1)).successors == {}
    circle = OLD.with_(succeeds=Succession(mark=HEIR.mark, reason=DestroyReason.DRIFTED))
    assert list(pairs(circle, HEIR).successors) == [OLD.mark]


def test_a_daemon_comes_back_while_two_share_a_slot() -> None:
    tick = timedelta(seconds=60)
    alone = next_deadline(recorded_state(OLD), NOW, tick)
    assert alone != NOW + tick
    assert next_deadline(recorded_state(OLD, HEIR), NOW, tick) == NOW + tick
