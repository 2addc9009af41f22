"""Whatever happens to a recorded decision, it is refused, or it is one that can be stored again."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings

from reconciler.model.errors import StateError
from reconciler.statefile.decision_file import decode_decision, encode_decision
from tests.unit.statefile.damage import check_told, damaged, forged, sealed
from tests.unit.statefile.test_decision_file import decision

STORED = encode_decision(decision())
FIELDS = {name: value for name, value in json.loads(STORED).items() if name != "checksum"}

few = settings(max_examples=40, suppress_health_check=list(HealthCheck))


def _is_refused(data: bytes) -> bool:
    try:
        found = decode_decision(data, "d.json")
    except StateError as error:
        check_told(error, 13)
        return True
    stored = encode_decision(found)
    assert encode_decision(decode_decision(stored, "d.json")) == stored
    return False


@few
@given(damaged(STORED))
def test_I7_any_change_of_a_decision_is_refused(data: bytes) -> None:
    assert _is_refused(data) == (data != STORED)


@few
@given(forged(FIELDS))
def test_a_forged_decision_is_refused_or_can_be_stored_again(data: bytes) -> None:
    _is_refused(data)


@pytest.mark.parametrize("kind", [[], {}, None, 1, "NoSuchThing"])
def test_a_value_of_a_kind_that_is_no_name_is_refused(kind: object) -> None:
    """Found as the one above, with more examples: a list there ended in a traceback."""
    assert not _is_refused(sealed(FIELDS))
    assert _is_refused(sealed(_with_kinds(FIELDS, lambda _: kind)))


def _with_kinds(value: object, change: Callable[[object], object]) -> object:
    if isinstance(value, dict):
        return {
            name: change(one) if name == "is" else _with_kinds(one, change)
            for name, one in value.items()
        }
    return [_with_kinds(one, change) for one in value] if isinstance(value, list) else value
