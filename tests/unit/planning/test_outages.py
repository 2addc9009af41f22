"""Providers that cannot be read: when it matters, and what is left alone (decision 11, I5)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from reconciler.model.address import Address
from reconciler.model.exit_code import ExitCode
from reconciler.model.fleet import DesiredState, ProviderSettings, Where
from reconciler.model.instance import InstanceStatus
from reconciler.model.observation import DirectRead
from reconciler.model.offer import OfferBook
from reconciler.model.plan import Mode, Plan, PlanRequest
from reconciler.model.reason import DestroyReason
from reconciler.model.record import AbsenceEvidence, Doom, InstanceRecord, RecordedState
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
    listing,
    observed,
    offer,
    partial,
    record,
    recorded_state,
    unreadable,
)
from tests.markets import START

NOW = START + HOUR
APPLY = PlanRequest(Mode.APPLY)
LOOP = PlanRequest(Mode.LOOP)
HEAL = PlanRequest(Mode.LOOP, heal=True)
FAILURE = ExitCode.PROVIDER_FAILURE
OFFERS = [offer(f"o{number}") for number in range(4)]
NAMED = Where(providers=frozenset({"other"}))
NOT_NAMED = Where(exclude_providers=frozenset({"other"}))


def documents(*fleets: Any) -> DesiredState:
    both = {name: ProviderSettings(name, PROVIDER) for name in (PROVIDER, "other")}
    return desired(*fleets, providers=both)


def plan(
    wanted: DesiredState,
    state: RecordedState,
    other: Any,
    *rows: Any,
    request: PlanRequest = APPLY,
    reads: Any = None,
    failures: dict[str, str] | None = None,
) -> Plan:
    seen = observed(complete(PROVIDER, *rows, started_at=NOW), other, reads=reads or {})
    failed = [listing(provider=name, failure=why) for name, why in (failures or {}).items()]
    book = OfferBook((listing(*OFFERS), *failed))
    return compute_plan(wanted, state, seen, book, NOW, request)


def codes(found: Plan) -> set[ExitCode | None]:
    return {finding.code for finding in found.findings}


def there(**changes: Any) -> InstanceRecord:
    return record("far", provider="other", **changes)


@pytest.mark.parametrize("outage", [unreadable("other"), partial("other")])
@pytest.mark.parametrize(
    ("wanted", "state", "request_", "code"),
    [
        (documents(fleet()), recorded_state(), APPLY, None),
        (documents(fleet(where=NOT_NAMED)), recorded_state(), APPLY, None),
        (documents(fleet(where=NAMED)), recorded_state(), APPLY, FAILURE),
        (documents(fleet(where=NAMED)), recorded_state(), LOOP, None),
        (documents(fleet(where=NAMED)), recorded_state(lease(started_at=None)), HEAL, FAILURE),
        (documents(fleet()), recorded_state(there()), APPLY, FAILURE),
        (documents(fleet()), recorded_state(intent("far", provider="other")), LOOP, FAILURE),
    ],
)
def test_decision_11_an_outage_is_8_only_where_it_matters(
    outage: Any, wanted: DesiredState, state: RecordedState, request_: PlanRequest, code: Any
) -> None:
    found = plan(wanted, state, outage, request=request_)
    told = [one for one in found.findings if one.message.startswith(("other could", "the listing"))]
    assert [one.code for one in told] == [code]


def test_the_only_provider_that_a_fleet_may_use_is_named_by_it() -> None:
    only = Where(exclude_providers=frozenset({PROVIDER}))
    assert FAILURE in codes(plan(documents(fleet(where=only)), recorded_state(), partial("other")))
    excluded = PlanRequest(Mode.APPLY, excludes=(Address("train"),))
    found = plan(documents(fleet(where=only)), recorded_state(), partial("other"), request=excluded)
    assert codes(found) == {None}


def test_slots_without_history_are_created_elsewhere_while_a_provider_is_out() -> None:
    found = plan(documents(fleet(nodes=2)), recorded_state(), unreadable("other"))
    assert [create.offer.provider for create in found.creates] == [PROVIDER] * 2
    assert codes(found) == {None}


@pytest.mark.parametrize("wanted", [documents(fleet()), documents(fleet(where=NAMED))])
def test_a_provider_that_shows_no_offers_matters_where_it_is_named(wanted: DesiredState) -> None:
    found = plan(wanted, recorded_state(), complete("other"), failures={"other": "timeout"})
    told = [one.code for one in found.findings if "shows no offers" in one.message]
    assert told == [FAILURE if wanted.fleets["train"].where is NAMED else None]


def test_a_provider_without_a_key_is_told_once() -> None:
    away = unreadable("other")
    found = plan(documents(fleet()), recorded_state(), away, failures={"other": away.why})
    assert [away.why in one.message for one in found.findings] == [True]
    apart = plan(documents(fleet()), recorded_state(), away, failures={"other": "something else"})
    assert len(apart.findings) == 2


OLD = AbsenceEvidence(last_seen_at=START, first_absent_at=START + timedelta(minutes=10))


@pytest.mark.parametrize("outage", [unreadable("other"), partial("other", started_at=NOW)])
@pytest.mark.parametrize("request_", [APPLY, HEAL])
def test_I5_no_record_is_dropped_and_no_slot_is_filled_elsewhere(
    outage: Any, request_: PlanRequest
) -> None:
    """Decision 7: a slot whose last home is on an unreadable provider, doomed or not."""
    denied = {("other", there().instance_id): DirectRead(not_found=True)}
    doom = Doom(reason=DestroyReason.DRIFTED, since=START, accepted_at=START)
    for held in (there(absence=OLD), there(absence=OLD, doom=doom)):
        found = plan(
            documents(fleet("far")), recorded_state(held), outage, request=request_, reads=denied
        )
        assert (found.forgets, found.creates) == ((), ())
        assert FAILURE in codes(found)
    whole = complete("other", started_at=NOW)
    found = plan(documents(fleet("far")), recorded_state(there(absence=OLD)), whole, reads=denied)
    assert len(found.forgets) == len(found.creates) == 1


@pytest.mark.parametrize(
    ("changes", "documented"),
    [
        ({}, documents(fleet())),
        ({}, documents(fleet("far", image="another"))),
        ({"index": 1}, documents(fleet("far"))),
    ],
    ids=["undeclared", "drifted", "scaled-down"],
)
def test_I5_nothing_that_may_be_a_slip_is_destroyed_on_half_a_listing(
    changes: Any, documented: DesiredState
) -> None:
    held = there(**changes)
    row = instance(held)
    for request in (APPLY, PlanRequest(Mode.APPLY, replace=(held.slot,))):
        half = partial("other", row, started_at=NOW)
        assert plan(documented, recorded_state(held), half, request=request).destroys == ()
        whole = complete("other", row, started_at=NOW)
        assert len(plan(documented, recorded_state(held), whole, request=request).destroys) == 1


def test_I5_expiry_and_what_the_provider_calls_failed_go_all_the_same() -> None:
    held = there()
    ended = recorded_state(held, lease("far", ttl=HOUR))
    wanted = documents(fleet("far", ttl=HOUR))
    assert len(plan(wanted, ended, unreadable("other"), request=LOOP).destroys) == 1
    failed = partial("other", instance(held, status=InstanceStatus.FAILED), started_at=NOW)
    found = plan(documents(fleet("far")), recorded_state(held), failed, request=LOOP)
    assert [one.reason for one in found.destroys] == [DestroyReason.FAILED_READY]
