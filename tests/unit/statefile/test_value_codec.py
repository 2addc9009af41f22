"""What is recorded comes back whole: every field of every class that a decision is made of."""

from __future__ import annotations

import dataclasses
import json
import types
import typing
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any

import pytest
from pydantic import AwareDatetime, BaseModel

from reconciler.model.decision import RecordedDecision
from reconciler.model.fleet import Fleet
from reconciler.model.observation import (
    Complete,
    ObservedState,
    Partial,
    ProviderInventory,
    Unknown,
)
from reconciler.model.offer import Offer
from reconciler.model.quantity import Range
from reconciler.statefile.value_codec import UnreadableValue, _names, codec_of
from tests.builders import complete, fleet, observed, offer, partial, unreadable

_PLAIN: dict[Any, tuple[Any, Any]] = {
    str: ("a", "b\ud800\x1b"),
    int: (1, 2**40),
    bool: (False, True),
    Decimal: (Decimal("0.400"), Decimal("-1E+3")),
    datetime: (
        datetime(2026, 7, 1, tzinfo=UTC),
        datetime.fromisoformat("2026-07-01T12:00:00.000001+05:30"),
    ),
    timedelta: (timedelta(hours=4), timedelta(days=-1, seconds=7)),
}


def hints_of(kind: Any) -> dict[str, Any]:
    """The type of every field of a class of the model."""
    if issubclass(kind, BaseModel):
        return {name: one.annotation for name, one in kind.model_fields.items()}
    hints = typing.get_type_hints(kind, localns=_names())
    return {one.name: hints[one.name] for one in dataclasses.fields(kind)}


def is_class(kind: Any) -> bool:
    return isinstance(kind, type) and (
        dataclasses.is_dataclass(kind) or issubclass(kind, BaseModel)
    )


def sample(kind: Any, number: int) -> Any:
    """The first (0) or second (1) of two different values; no part of either is empty or None."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        others = [one for one in arguments if one is not types.NoneType]
        return sample(others[number % len(others)], number)
    if origin is typing.Literal:
        return arguments[number % len(arguments)]
    if origin is tuple and arguments[-1] is not Ellipsis:
        return tuple(sample(one, number) for one in arguments)
    if origin in (tuple, list, frozenset, set):
        return origin([sample(arguments[0], number)])
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return {sample(arguments[0], number): sample(arguments[1], number)}
    kind = datetime if kind is AwareDatetime else kind
    if kind in _PLAIN:
        return _PLAIN[kind][number]
    if isinstance(kind, type) and issubclass(kind, Enum):
        return list(kind)[number]
    assert is_class(kind), kind
    values = {name: sample(one, number) for name, one in hints_of(kind).items()}
    return kind(**values)


def reachable(kind: Any, seen: set[Any]) -> Iterator[type]:
    """Every class that a value of ``kind`` may hold."""
    if kind in seen:
        return
    seen.add(kind)
    for part in typing.get_args(kind):
        yield from reachable(part, seen)
    if is_class(kind):
        yield kind
        for part in hints_of(kind).values():
            yield from reachable(part, seen)


CLASSES = sorted(reachable(RecordedDecision, set()), key=lambda one: one.__name__)
FIELDS = [(one, name) for one in CLASSES for name in hints_of(one)]


def again(kind: Any, value: Any) -> Any:
    codec = codec_of(kind)
    return codec.decode(json.loads(json.dumps(codec.encode(value))))


def test_the_classes_of_a_decision_are_really_reached() -> None:
    names = {one.__name__ for one in CLASSES}
    assert {"Fleet", "Offer", "InstanceRecord", "Instance", "Unknown", "PlanRequest"} <= names
    assert len(FIELDS) > 150


@pytest.mark.parametrize("kind", CLASSES, ids=lambda one: one.__name__)
@pytest.mark.parametrize("number", [0, 1])
def test_a_value_with_every_field_set_comes_back_equal(kind: type, number: int) -> None:
    value = sample(kind, number)
    assert again(kind, value) == value
    assert type(again(kind, value)) is kind


@pytest.mark.parametrize(
    ("kind", "name"), FIELDS, ids=[f"{one.__name__}.{name}" for one, name in FIELDS]
)
def test_no_field_is_lost(kind: type, name: str) -> None:
    """A field that somebody adds stands here from then on."""
    first, second = sample(kind, 0), sample(kind, 1)
    values = {one: getattr(first, one) for one in hints_of(kind)}
    changed = kind(**{**values, name: getattr(second, name)})
    if changed == first:  # a word that has no second one
        assert typing.get_origin(hints_of(kind)[name]) is typing.Literal
        return
    assert codec_of(kind).encode(changed) != codec_of(kind).encode(first)
    assert getattr(again(kind, changed), name) == getattr(second, name)


@pytest.mark.parametrize("inventory", [complete(), partial(), unreadable()])
def test_the_kinds_of_an_inventory_are_told_apart(
    inventory: Complete | Partial | Unknown,
) -> None:
    assert type(again(ProviderInventory, inventory)) is type(inventory)
    whole = observed(inventory, reads={}, visibility={"simulated": timedelta(seconds=2)})
    assert again(ObservedState, whole) == whole


def test_money_keeps_its_digits_and_a_mapping_its_order() -> None:
    assert str(again(Decimal, Decimal("0.400"))) == "0.400"
    wanted = fleet(env={"B": "2", "A": "${env:HOME}"})
    assert list(again(Fleet, wanted).env) == ["B", "A"]


def test_sets_are_stored_in_one_order() -> None:
    codec = codec_of(frozenset[str])
    assert codec.encode(frozenset("zyxab")) == ["a", "b", "x", "y", "z"]


def test_what_a_later_version_added_is_refused_and_what_an_earlier_one_lacked_is_the_default() -> (
    None
):
    codec = codec_of(Range)
    with pytest.raises(UnreadableValue, match="newer: no such field is known"):
        codec.decode({"minimum": None, "maximum": None, "newer": 1})
    assert codec.decode({"minimum": "2"}) == Range(Decimal(2))
    stored = codec_of(Offer).encode(offer())
    del stored["stock"]
    with pytest.raises(UnreadableValue, match="stock: it is missing"):
        codec_of(Offer).decode(stored)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("usd_per_hour", "NaN"),
        ("usd_per_hour", "Infinity"),
        ("usd_per_hour", "1E+9999"),
        ("usd_per_hour", 0.4),
        ("usd_per_hour", "much"),
        ("gpu_count", True),
        ("gpu_count", "8"),
        ("gpu_count", 1.0),
        ("spot", 1),
        ("country", 7),
        ("hosting", "cellar"),
        ("provider", None),
        ("id", ["o1"]),
    ],
)
def test_a_value_of_a_wrong_kind_is_refused_with_its_place(field: str, value: object) -> None:
    stored = {**codec_of(Offer).encode(offer()), field: value}
    with pytest.raises(UnreadableValue, match=f"^{field}\\."):
        codec_of(Offer).decode(stored)


@pytest.mark.parametrize(
    "value", ["yesterday", "2026-07-01T12:00:00", 1_700_000_000, "2026-07-01", None]
)
def test_a_moment_without_an_offset_is_refused(value: object) -> None:
    with pytest.raises(UnreadableValue):
        codec_of(datetime).decode(value)


def test_a_type_that_nobody_thought_of_is_an_error_and_not_a_loss() -> None:
    for kind in (float, complex, bytes, object):
        with pytest.raises(TypeError, match="no way to store"):
            codec_of(kind)
