"""Mutated answers of every kind: no traceback, and never "gone", "empty" or "whole" by accident.

Ten kinds of answers, ``mutations.EXAMPLES`` of each.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
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
from reconciler.providers.tensordock.provider import TensorDockProvider
from tests.unit.providers.mutations import FUZZ, mutated
from tests.unit.providers.scripted import Said, Script
from tests.unit.providers.tensordock.rows import HOST, ID, INSTANCE, SECRETS, SHORT, error
from tests.unit.providers.tensordock.test_provider import ALWAYS, MADE, NO_NODES, ask_over, create

ENDED = {"data": {"type": "success", "attributes": {"message": "Instance deleted successfully"}}}
OTHER = "b" * 36
LISTS: list[Any] = [
    {"data": [INSTANCE, {**INSTANCE, "id": OTHER}]},
    {"data": {"instances": [SHORT, {**SHORT, "id": OTHER}]}},
    {"data": {"type": "list", "attributes": {"instances": [SHORT, {**SHORT, "id": OTHER}]}}},
]


def outcome(script: Script, question: Callable[[TensorDockProvider], Awaitable[Any]]) -> Any:
    """What came back, or the error; any other exception is a traceback for the user."""
    try:
        return ask_over(script, question)
    except ProviderError as found:
        return found


def told(*said: Said) -> Script:
    return Script(*said, always=ALWAYS)


def check_listing(said: Said) -> None:
    found = outcome(told(said, (500, "")), lambda provider: provider.list_instances())
    assert not isinstance(found, InstanceNotFound)
    if isinstance(found, Complete):
        status, body = said
        assert status == 200
        data = body["data"]
        if isinstance(data, dict):
            data = data["instances"] if "instances" in data else data["attributes"]["instances"]
        ids = {{**row, **row.get("attributes", {})}["id"] for row in data}
        ended = {
            row["id"]
            for row in ({**one, **one.get("attributes", {})} for one in data)
            if row.get("status") in ("deleted", "terminated")
        }
        assert {one.id for one in found.instances} == ids - ended


@FUZZ
@given(said=mutated(LISTS[0]))
def test_a_mutated_listing_as_seen(said: Said) -> None:
    check_listing(said)


@FUZZ
@given(said=mutated(LISTS[1]))
def test_a_mutated_listing_as_documented(said: Said) -> None:
    check_listing(said)


@FUZZ
@given(said=mutated(LISTS[2]))
def test_a_mutated_listing_for_beginners(said: Said) -> None:
    check_listing(said)


@FUZZ
@given(said=mutated(INSTANCE))
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
    assert not isinstance(found, InstanceNotFound)
    if found is None:
        assert (said[0], said[1]["data"]["type"]) == (200, "success")


@FUZZ
@given(said=mutated(error("Instance not found", 404)))
def test_a_mutated_denial(said: Said) -> None:
    found = outcome(told(said), lambda provider: provider.destroy_instance(ID))
    assert isinstance(found, ProviderError)
    assert not isinstance(found, InstanceNotFound) or _denies(said)


@FUZZ
@given(said=mutated(MADE[1]))
def test_a_mutated_create(said: Said) -> None:
    script = told(said)
    made = outcome(script, create)
    assert len(script.asked) == 1
    if isinstance(made, Created) or (isinstance(made, CreateOutcomeUnknown) and made.instance_id):
        assert made.instance_id == said[1]["data"]["id"]
    else:
        assert isinstance(made, CreateOutcomeUnknown)


@FUZZ
@given(said=mutated(error(NO_NODES, 400)))
def test_a_mutated_refusal_of_a_create(said: Said) -> None:
    made = outcome(told(said), create)
    assert isinstance(made, ProviderError)
    if isinstance(made, (InsufficientCapacity, CreateRefused)):
        assert said[0] < 500
        assert NO_NODES in said[1]["error"]
        assert "data" not in said[1]


@FUZZ
@given(said=mutated({"data": {"hostnodes": [HOST]}}))
def test_mutated_hosts(said: Said) -> None:
    found = outcome(told(said), lambda provider: provider.list_offers(OfferQuery()))
    for one in found.offers if isinstance(found, OfferListing) else ():
        assert one.usd_per_hour > 0
        assert one.usd_per_hour.is_finite()
        assert one.disk_usd_per_gib_hour >= 0
        assert one.stock > 0


@FUZZ
@given(said=mutated(SECRETS))
def test_mutated_keys(said: Said) -> None:
    made = outcome(Script(said, MADE), create)
    assert isinstance(made, (Created, CreateRefused))


@pytest.mark.parametrize("value", LISTS)
def test_what_is_mutated_is_whole_at_first(value: Any) -> None:
    found = outcome(told((200, value), (500, "")), lambda provider: provider.list_instances())
    assert isinstance(found, Complete)
    assert len(found.instances) == 2


def _denies(said: Said) -> bool:
    """Whether the answer itself says, in their words, that the machine does not exist."""
    status, body = said
    if not isinstance(body, dict):
        return False
    inside = body.get("status") if status == 200 else status
    if inside == 404 and body.get("error") == "Instance not found":
        return True
    return status == 200 and body.get("status") in ("deleted", "terminated")
