"""Mutated answers of every kind: no traceback, and never "gone", "empty" or "whole" by accident.

Eleven kinds of answers, ``EXAMPLES`` of each.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from hypothesis import given
from hypothesis import strategies as some

from reconciler.model.errors import (
    CreateOutcomeUnknown,
    InstanceNotFound,
    InsufficientCapacity,
    ProviderError,
)
from reconciler.model.instance import Instance
from reconciler.model.observation import Complete
from reconciler.model.offer import OfferListing
from reconciler.providers.base import Created, OfferQuery
from reconciler.providers.runpod.offers import choice_of
from reconciler.providers.runpod.provider import RunpodProvider
from tests.unit.providers.mutations import FUZZ, changed, mutated, places
from tests.unit.providers.runpod.rows import GPU, POD
from tests.unit.providers.runpod.test_provider import (
    FULL,
    ONLY_SPOT,
    SPOT,
    WHO,
    Script,
    ask_over,
    bid,
    create,
    destroy,
    listing,
    pods,
    problem,
    read,
)

POD_ID = "7h9k2m4n6p"
OWN_JUNK = ("TERMINATED", "Not Found", "pod not found", POD_ID, 404, 201, 200)
TWO_PODS = {"pods": [POD, {**POD, "id": "another1"}]}
NOT_FOUND = problem(404, "pod not found")[1]


@some.composite
def answered(draw: some.DrawFn, whole: Any, *statuses: int) -> tuple[int, Any]:
    """As ``mutated``, now and then with a word of theirs; ``statuses`` are drawn most often."""
    value = whole
    if draw(some.integers(0, 2)) == 0:
        path = draw(some.sampled_from(places(whole)))
        value = changed(whole, path, draw(some.sampled_from(OWN_JUNK)), "replace")
    status, body = draw(mutated(value))
    return draw(some.sampled_from([status, *statuses])), body


def outcome(script: Script, question: Callable[[RunpodProvider], Awaitable[Any]]) -> Any:
    """What came back, or the error; any other exception is a traceback for the user."""
    try:
        return ask_over(script, question)
    except ProviderError as error:
        return error


@FUZZ
@given(said=answered(TWO_PODS))
def test_a_mutated_listing(said: tuple[int, Any]) -> None:
    found = outcome(Script(said), listing)
    assert not isinstance(found, InstanceNotFound)
    if isinstance(found, Complete):
        assert said[0] == 200
        rows = [row for row in said[1]["pods"] if row.get("status") != "TERMINATED"]
        assert {one.id for one in found.instances} == {row["id"] for row in rows}


@FUZZ
@given(who=answered(WHO))
def test_a_mutated_account(who: tuple[int, Any]) -> None:
    found = outcome(Script(pods("a1"), who=who), listing)
    if not isinstance(found, ProviderError):
        assert (who[0], found.account) == (200, who[1]["data"]["myself"]["id"])
        assert not who[1].get("errors")


@FUZZ
@given(said=answered(POD))
def test_a_mutated_machine(said: tuple[int, Any]) -> None:
    found = outcome(Script(said), read)
    if isinstance(found, InstanceNotFound):
        assert _denies(said)
    elif isinstance(found, Instance):
        assert (said[0], found.id) == (200, POD_ID)


@FUZZ
@given(said=answered(NOT_FOUND, 404, 404))
def test_a_mutated_denial(said: tuple[int, Any]) -> None:
    for question in (read, destroy):
        found = outcome(Script(said), question)
        if isinstance(found, InstanceNotFound):
            assert _denies(said)
        elif found is None:
            assert (said[0], question) == (204, destroy)
        else:
            assert isinstance(found, ProviderError)


@FUZZ
@given(said=answered({}, 204))
def test_a_mutated_destroy(said: tuple[int, Any]) -> None:
    found = outcome(Script(said), destroy)
    assert (found is None) == (said[0] == 204)


@FUZZ
@given(said=answered(POD, 201, 201))
def test_a_mutated_create(said: tuple[int, Any]) -> None:
    script = Script(said)
    made = outcome(script, create)
    assert len(script.asked) == 1
    if isinstance(made, Created) or (isinstance(made, CreateOutcomeUnknown) and made.instance_id):
        assert made.instance_id == said[1]["id"]
    else:
        assert isinstance(made, CreateOutcomeUnknown)


@FUZZ
@given(said=answered(problem(400, FULL)[1], 400, 400))
def test_a_mutated_refusal_of_a_create(said: tuple[int, Any]) -> None:
    made = outcome(Script(said), create)
    assert isinstance(made, ProviderError)
    if isinstance(made, InsufficientCapacity):
        body = said[1]
        assert (said[0], body["status"]) == (400, 400)
        assert isinstance(body["title"], str)
        assert isinstance(body["detail"], str)
        assert "id" not in body


@FUZZ
@given(said=answered({"gpus": [GPU, {**GPU, "id": "NVIDIA L4"}]}))
def test_a_mutated_catalog(said: tuple[int, Any]) -> None:
    found = outcome(Script(said), lambda provider: provider.list_offers(OfferQuery()))
    for one in found.offers if isinstance(found, OfferListing) else ():
        assert one.usd_per_hour > 0
        assert one.usd_per_hour.is_finite()
        assert one.stock >= 1
        assert one.gpu_count > 0
        assert choice_of(one.id) is not None


@FUZZ
@given(said=answered({"data": {"podRentInterruptable": {"id": POD_ID, "name": "m"}}}))
def test_a_mutated_answer_to_a_bid(said: tuple[int, Any]) -> None:
    script = Script(who=said)
    made = outcome(script, bid)
    assert len(script.asked_graph) == 1
    if isinstance(made, Created) or (isinstance(made, CreateOutcomeUnknown) and made.instance_id):
        assert made.instance_id == said[1]["data"]["podRentInterruptable"]["id"]
    else:
        assert isinstance(made, CreateOutcomeUnknown)


@FUZZ
@given(said=answered({"data": {"podRentInterruptable": None}, "errors": [{"message": FULL}]}))
def test_a_mutated_refusal_of_a_bid(said: tuple[int, Any]) -> None:
    made = outcome(Script(who=said), bid)
    assert isinstance(made, ProviderError)
    if isinstance(made, InsufficientCapacity):
        assert said[0] in (200, 400)
        assert FULL in str(said[1]["errors"])


@FUZZ
@given(said=answered({"data": {"gpuTypes": [SPOT, {**SPOT, "id": "NVIDIA L4"}]}}))
def test_mutated_spot_prices(said: tuple[int, Any]) -> None:
    found = outcome(Script(who=said), lambda provider: provider.list_offers(ONLY_SPOT))
    for one in found.offers if isinstance(found, OfferListing) else ():
        assert one.usd_per_hour > 0
        assert one.usd_per_hour.is_finite()
        assert (one.spot, one.gpu_count) == (True, 2)
        assert choice_of(one.id) is not None


def _denies(said: tuple[int, Any]) -> bool:
    """Whether the answer itself says, in their words, that the pod does not exist."""
    status, body = said
    if not isinstance(body, dict):
        return False
    if status == 200:
        return body.get("status") == "TERMINATED"
    theirs = (body.get("title"), body.get("status"), status) == ("Not Found", 404, 404)
    return theirs and "not found" in str(body.get("detail"))
