"""Faults as a person writes them."""

from __future__ import annotations

import pytest

from reconciler.market.fault_catalogue import CATALOGUE
from reconciler.market.fault_words import ENDPOINTS, FAULT_WORDS, fault_text, parse_fault
from reconciler.market.faults import HEALTHY, OPERATIONS, Fault
from tests.markets import START, small_world

EVERY = [f"{endpoint}={word}" for word, one in FAULT_WORDS.items() for endpoint in one.endpoints]


@pytest.mark.parametrize("text", [*EVERY, *(f"vastai:{text}" for text in EVERY[::7])])
def test_what_is_written_is_what_is_listed_again(text: str) -> None:
    wanted = parse_fault(text)
    assert wanted.fault != HEALTHY
    where = f"{wanted.served_as}:{wanted.operation}" if wanted.served_as else wanted.operation
    assert fault_text(where, wanted.fault) == text


def test_every_endpoint_is_an_operation_and_every_word_says_what_it_does() -> None:
    assert set(ENDPOINTS.values()) == set(OPERATIONS)
    assert all(one.meaning for one in FAULT_WORDS.values())


@pytest.mark.parametrize("number", CATALOGUE)
def test_a_number_of_the_catalogue_is_its_fault(number: str) -> None:
    wanted = parse_fault(f"vastai:{number}")
    assert (wanted.operation, wanted.fault) == CATALOGUE[number]
    assert wanted.served_as == "vastai"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("nonsense", "write ENDPOINT=FAULT"),
        ("delete=500", "an endpoint is one of search, list, read, create, destroy"),
        ("search=404", "a fault of search is one of 500, 429"),
        ("list=", "a fault of list is one of"),
        ("", "write ENDPOINT=FAULT"),
    ],
)
def test_anything_else_is_refused_with_what_may_be_written(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse_fault(text)


def test_a_fault_of_one_face_is_met_by_no_other_and_can_be_taken_back() -> None:
    with small_world() as world:
        world.script_fault(Fault(error="unavailable"), "list_instances", served_as="vastai")
        assert world.begin_call("list_instances", START)[1] is None
        world.served_as = "lambda"
        assert world.begin_call("list_instances", START)[1] is None
        world.served_as = "vastai"
        assert world.begin_call("list_instances", START)[1] == Fault(error="unavailable")
        (script,) = world.faults(START)
        world.end_fault(script.number)
        world.end_fault(script.number)
        assert world.begin_call("list_instances", START)[1] is None
