"""The shared ``dataclass`` means what the standard library's means."""

from __future__ import annotations

import dataclasses

import pytest

from reconciler.model.quantity import Range
from reconciler.model.value import dataclass


@dataclass(frozen=True, slots=True)
class Point:
    x: int
    y: int = 0


@dataclass(frozen=True, slots=True)
class Other:
    x: int
    y: int = 0


def test_values_are_equal_by_class_and_every_field() -> None:
    assert Point(1, 2) == Point(1, 2)
    assert Point(1, 2) != Point(1, 3)
    other: object = Other(1, 2)
    assert Point(1, 2) != other
    assert len({Point(1), Point(1), Point(2)}) == 2


def test_values_are_frozen_slotted_replaceable_and_shown_with_their_fields() -> None:
    point = Point(1)
    with pytest.raises(dataclasses.FrozenInstanceError):
        point.x = 2  # type: ignore[misc]
    assert not hasattr(point, "__dict__")
    assert dataclasses.replace(point, y=5) == Point(1, 5)
    assert repr(point) == "Point(x=1, y=0)"
    assert repr(Range(None, None)) == "Range(minimum=None, maximum=None)"


def test_what_is_not_frozen_has_no_hash() -> None:
    @dataclass(slots=True)
    class Draft:
        x: int

    with pytest.raises(TypeError):
        hash(Draft(1))
