"""The shared ``dataclass`` means what the standard library's means."""

from __future__ import annotations

import copy
import dataclasses
import pickle

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


def test_a_large_value_is_as_frozen_as_a_small_one() -> None:
    @dataclass(frozen=True, slots=True)
    class Large:
        a: int
        b: int
        c: int
        d: int
        e: int
        f: int
        g: int = 7
        h: list[int] = dataclasses.field(default_factory=list)

        def __post_init__(self) -> None:
            assert type(self) is Large

    large = Large(1, 2, 3, 4, 5, 6, h=[8])
    assert (large.a, large.f, large.g, large.h) == (1, 6, 7, [8])
    assert large == dataclasses.replace(large, g=7) == copy.copy(large)
    assert large != dataclasses.replace(large, a=0)
    assert Large(1, 2, 3, 4, 5, 6).h is not Large(1, 2, 3, 4, 5, 6).h
    with pytest.raises(dataclasses.FrozenInstanceError):
        large.a = 2  # type: ignore[misc]
    assert not hasattr(large, "__dict__")


def test_what_is_not_frozen_has_no_hash() -> None:
    @dataclass(slots=True)
    class Draft:
        x: int

    with pytest.raises(TypeError):
        hash(Draft(1))


def test_defaults_are_made_anew_and_what_follows_init_is_done() -> None:
    @dataclass(slots=True)
    class Basket:
        owner: str
        things: list[int] = dataclasses.field(default_factory=list)

        def __post_init__(self) -> None:
            self.owner = self.owner.upper()

    one, two = Basket("ada"), Basket(owner="bo", things=[1])
    one.things.append(7)
    assert (one.owner, one.things, Basket("x").things) == ("ADA", [7], [])
    assert two.things == [1]
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'owner'"):
        Basket()  # type: ignore[call-arg]


def test_frozen_values_are_copied_pickled_and_cannot_lose_a_field() -> None:
    point = Point(1, 2)
    assert copy.deepcopy(point) == point
    assert pickle.loads(pickle.dumps(point)) == point
    with pytest.raises(dataclasses.FrozenInstanceError):
        del point.x


def test_the_standard_library_knows_their_fields() -> None:
    assert [entry.name for entry in dataclasses.fields(Point)] == ["x", "y"]
    assert dataclasses.asdict(Point(1)) == {"x": 1, "y": 0}
    match Point(3, 4):
        case Point(x, y):
            assert (x, y) == (3, 4)


def test_a_default_that_all_would_share_is_refused() -> None:
    with pytest.raises(ValueError, match="things of all values would be one"):

        @dataclass(slots=True)
        class Basket:
            things: list[int] = []  # noqa: RUF012 - it is what is tested


def test_a_value_has_the_fields_of_its_base_first() -> None:
    @dataclass(slots=True)
    class Placed:
        line: int

    @dataclass(slots=True)
    class Word(Placed):
        text: str = ""

    assert (Word(3, "x").line, Word(3).text) == (3, "")
    assert [entry.name for entry in dataclasses.fields(Word)] == ["line", "text"]
    assert dataclasses.replace(Word(3), text="y") == Word(3, "y") != Word(3, "z")


def test_values_of_one_shape_keep_their_own_names_and_defaults() -> None:
    @dataclass(frozen=True, slots=True)
    class Pair:
        a: int
        things: list[int] = dataclasses.field(default_factory=list)

    @dataclass(frozen=True, slots=True)
    class Couple:
        one: str
        names: tuple[str, ...] = dataclasses.field(default_factory=lambda: ("x",))

    assert repr(Pair(a=1)).endswith("Pair(a=1, things=[])")
    assert repr(Couple(one="y")).endswith("Couple(one='y', names=('x',))")
    with pytest.raises(TypeError, match="unexpected keyword argument 'a'"):
        Couple(a=1)  # type: ignore[call-arg]


def test_a_field_without_a_default_behind_one_with_it_is_refused() -> None:
    @dataclass(slots=True)
    class Mixed:
        x: int = 1
        y: int  # type: ignore[misc]

    with pytest.raises(TypeError, match="Mixed: a field without a default"):
        Mixed(1, 2)
