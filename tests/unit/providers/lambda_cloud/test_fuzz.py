"""Mutated answers of every kind: no traceback, and never "gone", "empty" or "whole" by accident.

Nine kinds of answers, ``mutations.EXAMPLES`` of each.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from hypothesis import given

from reconciler.model.errors import (
    CreateOutcomeUnknown,
    CreateRefused,
    InstanceNotFound,
    InsufficientCapacity,
    ProviderError,
)
from reconciler.model.instance import Instance
from reconciler.model.observation import Complete
from reconciler.model.offer import OfferListing
from reconciler.providers.base import Created, OfferQuery
from reconciler.providers.lambda_cloud.provider import LambdaProvider
from tests.unit.providers.lambda_cloud.rows import EVENTS, ID, INSTANCE, ITEM, KEYS, error
from tests.unit.providers.lambda_cloud.test_provider import ALWAYS, CAPACITY, MADE, ask_over, create
from tests.unit.providers.mutations import FUZZ, mutated
from tests.unit.providers.scripted import Said, Script

GONE = "global/object-does-not-exist"
ENDED = {"data": {"terminated_instances": [{**INSTANCE, "status": "terminating"}]}}
PAGE = {"data": [INSTANCE, {**INSTANCE, "id": "b" * 32}]}


def outcome(script: Script, question: Callable[[LambdaProvider], Awaitable[Any]]) -> Any:
    """What came back, or the error; any other exception is a traceback for the user."""
    try:
        return ask_over(script, question)
    except ProviderError as found:
        return found


def told(*said: Said) -> Script:
    return Script(*said, always=ALWAYS)


@FUZZ
@given(said=mutated(PAGE))
def test_a_mutated_listing(said: Said) -> None:
    found = outcome(told(said), lambda provider: provider.list_instances())
    assert not isinstance(found, InstanceNotFound)
    if isinstance(found, Complete):
        status, body = said
        assert status == 200
        living = {
            row["id"]
            for row in body["data"]
            if row.get("status") not in ("terminated", "preempted")
        }
        assert {one.id for one in found.instances} == living


@FUZZ
@given(said=mutated(EVENTS))
def test_a_mutated_audit_log(said: Said) -> None:
    script = Script(said, (200, {"data": []}))
    found = outcome(script, lambda provider: provider.list_instances())
    if isinstance(found, Complete):
        owners = {row["resource_owner_lrn"] for row in said[1]["data"] if isinstance(row, dict)}
        assert f"lrn:cloud:account:{found.account}" in owners


@FUZZ
@given(said=mutated({"data": INSTANCE}))
def test_a_mutated_machine(said: Said) -> None:
    found = outcome(told(said), lambda provider: provider.get_instance(ID))
    if isinstance(found, InstanceNotFound):
        assert _denies(said)
    elif isinstance(found, Instance):
        assert (said[0], found.id) == (200, ID)


@FUZZ
@given(said=mutated(ENDED))
def test_a_mutated_destroy(said: Said) -> None:
    found = outcome(told(said), lambda provider: provider.destroy_instance(ID))
    if isinstance(found, InstanceNotFound):
        assert _denies(said)
    elif found is None:
        assert said[0] == 200
        assert ID in [row["id"] for row in said[1]["data"]["terminated_instances"] if "id" in row]


@FUZZ
@given(said=mutated(error(GONE)))
def test_a_mutated_denial(said: Said) -> None:
    found = outcome(told(said), lambda provider: provider.destroy_instance(ID))
    assert isinstance(found, ProviderError)
    assert not isinstance(found, InstanceNotFound) or _denies(said)


@FUZZ
@given(said=mutated(MADE[1]))
def test_a_mutated_launch(said: Said) -> None:
    script = told(said)
    made = outcome(script, create)
    assert len(script.asked) == 1
    if isinstance(made, Created) or (isinstance(made, CreateOutcomeUnknown) and made.instance_id):
        assert made.instance_id == said[1]["data"]["instance_ids"][0]
    else:
        assert isinstance(made, CreateOutcomeUnknown)


@FUZZ
@given(said=mutated(CAPACITY))
def test_a_mutated_refusal_of_a_launch(said: Said) -> None:
    made = outcome(told(said), create)
    assert isinstance(made, ProviderError)
    if isinstance(made, (InsufficientCapacity, CreateRefused)):
        assert 400 <= said[0] < 500
        assert isinstance(said[1]["error"]["code"], str)
        assert "data" not in said[1]


@FUZZ
@given(said=mutated({"data": {"gpu_1x_a10": ITEM}}))
def test_mutated_types(said: Said) -> None:
    found = outcome(told(said), lambda provider: provider.list_offers(OfferQuery()))
    for one in found.offers if isinstance(found, OfferListing) else ():
        assert one.usd_per_hour > 0
        assert one.usd_per_hour.is_finite()
        assert one.gpu_count > 0


@FUZZ
@given(said=mutated(KEYS))
def test_mutated_keys(said: Said) -> None:
    script = Script(said, MADE)
    made = outcome(script, create)
    assert isinstance(made, (Created, CreateRefused))


def _denies(said: Said) -> bool:
    """Whether the answer itself says, in their words, that the machine does not exist."""
    status, body = said
    if not isinstance(body, dict):
        return False
    problem, data = body.get("error"), body.get("data")
    if status == 404 and isinstance(problem, dict) and problem.get("code") == GONE:
        return True
    ended = isinstance(data, dict) and data.get("status") in ("terminated", "preempted")
    return status == 200 and ended
