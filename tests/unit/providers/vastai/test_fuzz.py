"""Mutated answers of every kind: no traceback, and never "gone", "empty" or "whole" by accident."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

from hypothesis import given

from reconciler.model.errors import (
    CreateOutcomeUnknown,
    InstanceNotFound,
    OfferGone,
    ProviderError,
)
from reconciler.model.instance import Instance
from reconciler.model.observation import Complete
from reconciler.model.offer import OfferListing
from reconciler.providers.base import Created, OfferQuery
from reconciler.providers.vastai.provider import VastProvider
from tests.unit.providers.mutations import FUZZ, mutated
from tests.unit.providers.vastai.rows import INSTANCE, OFFER
from tests.unit.providers.vastai.test_provider import USER, Script, ask_over, create, error

PAGE = {
    "success": True,
    "instances_found": 2,
    "total_instances": 2,
    "next_token": None,
    "instances": [INSTANCE, {**INSTANCE, "id": 12345679}],
}


def outcome(script: Script, question: Callable[[VastProvider], Awaitable[Any]]) -> Any:
    """What came back, or the error; any other exception is a traceback for the user."""
    try:
        return ask_over(script, question)
    except ProviderError as error:
        return error


@FUZZ
@given(said=mutated(PAGE))
def test_a_mutated_listing(said: tuple[int, Any]) -> None:
    found = outcome(Script(said), lambda provider: provider.list_instances())
    assert not isinstance(found, InstanceNotFound)
    if isinstance(found, Complete):
        body = said[1]
        assert said[0] == 200
        assert body["next_token"] is None
        assert {one.id for one in found.instances} == {str(row["id"]) for row in body["instances"]}


@FUZZ
@given(who=mutated(USER))
def test_a_mutated_account(who: tuple[int, Any]) -> None:
    script = Script((200, {**PAGE, "total_instances": 0, "instances": []}), who=who)
    found = outcome(script, lambda provider: provider.list_instances())
    if isinstance(found, ProviderError):
        assert not isinstance(found, InstanceNotFound)
        assert not script.asked, "nothing is listed before it is clear whose it is"
    else:
        assert (who[0], found.account) == (200, str(who[1]["id"]))
        assert who[1].get("success") is not False


@FUZZ
@given(said=mutated({"success": False, "error": "no_such_instance", "msg": "gone"}))
def test_a_mutated_denial(said: tuple[int, Any]) -> None:
    found = outcome(Script(said), lambda provider: provider.destroy_instance("12345678"))
    if isinstance(found, InstanceNotFound):
        assert _denies(said)


@FUZZ
@given(said=mutated({"instances": INSTANCE}))
def test_a_mutated_machine(said: tuple[int, Any]) -> None:
    found = outcome(Script(said), lambda provider: provider.get_instance("12345678"))
    if isinstance(found, InstanceNotFound):
        assert _denies(said)
    elif isinstance(found, Instance):
        assert (said[0], found.id) == (200, "12345678")


@FUZZ
@given(said=mutated({"success": True, "msg": "destroying instance 12345678."}))
def test_a_mutated_destroy(said: tuple[int, Any]) -> None:
    found = outcome(Script(said), lambda provider: provider.destroy_instance("12345678"))
    if isinstance(found, InstanceNotFound):
        assert _denies(said)
    elif found is None:
        assert (said[0], said[1]["success"]) == (200, True)


@FUZZ
@given(said=mutated({"success": True, "new_contract": 12345678, "instance_api_key": "d15a"}))
def test_a_mutated_create(said: tuple[int, Any]) -> None:
    script = Script(said)
    made = outcome(script, create)
    assert len(script.asked) == 1
    if isinstance(made, Created) or (isinstance(made, CreateOutcomeUnknown) and made.instance_id):
        assert made.instance_id == str(said[1]["new_contract"])
    elif not isinstance(made, CreateOutcomeUnknown):
        assert isinstance(said[1], dict)
        assert said[1].get("success") is not True
        assert said[1].get("new_contract") is None


@FUZZ
@given(said=mutated(error("invalid_args", "error 404/3603: no_such_ask Instance type by id 1")))
def test_a_mutated_refusal_of_a_create(said: tuple[int, Any]) -> None:
    made = outcome(Script(said), create)
    assert isinstance(made, ProviderError)
    if isinstance(made, OfferGone):
        assert "no_such_ask" in json.dumps(said[1]) or said[0] == 403
        assert said[0] < 500


@FUZZ
@given(said=mutated({"offers": [OFFER, {**OFFER, "id": 2}]}))
def test_a_mutated_search(said: tuple[int, Any]) -> None:
    found = outcome(Script(said), lambda provider: provider.list_offers(OfferQuery()))
    for one in found.offers if isinstance(found, OfferListing) else ():
        assert one.usd_per_hour > 0
        assert one.usd_per_hour.is_finite()
        assert one.disk_usd_per_gib_hour >= 0
        assert one.id.removesuffix("-bid").isdigit()
        assert one.gpu_count > 0


def _denies(said: tuple[int, Any]) -> bool:
    """Whether the answer itself says, in their words, that the machine does not exist."""
    status, body = said
    if not isinstance(body, dict):
        return False
    if body.get("error") in ("no_such_instance", "not_found"):
        return True
    return status == 200 and "instances" in body and body["instances"] is None
