"""Methods that are compiled late mean what they mean when they are compiled at once."""

from __future__ import annotations

import dataclasses
import inspect
from typing import Any

import pytest

from reconciler.cli.late_methods import compile_methods_late


@pytest.fixture(params=["at once", "late"])
def compiled(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "late":
        if not hasattr(dataclasses, "_create_fn"):
            pytest.skip("this Python compiles a class in one go")
        monkeypatch.setattr(dataclasses, "_create_fn", vars(dataclasses)["_create_fn"])
        compile_methods_late(frozenset({__name__.partition(".")[0]}))
    return str(request.param)


def classes(compiled: str) -> Any:
    @dataclasses.dataclass
    class Basket:
        self: str
        things: list[Any] = dataclasses.field(default_factory=list)

    @dataclasses.dataclass(frozen=True, order=True, slots=True)
    class Point:
        x: int
        y: int = 2

    class Named(Point):
        pass

    return Basket, Point, Named


def test_values_are_made_compared_ordered_hashed_and_shown(compiled: str) -> None:
    basket, point, named = classes(compiled)
    one = basket("ada")
    one.things.append(one)
    assert repr(one).endswith("Basket(self='ada', things=[...])")
    assert repr(one) == repr(one)
    assert basket(self="bo").things == []
    assert basket("x") == basket("x") != basket("y")
    assert point(1) == point(x=1, y=2)
    assert sorted([point(3), point(1), point(2)]) == [point(1), point(2), point(3)]
    assert {point(1), point(1, 2)} == {point(1)}
    assert (named(1) == point(1), repr(named(4))[-15:]) == (False, "Named(x=4, y=2)")


def test_frozen_ones_refuse_and_missing_values_are_named(compiled: str) -> None:
    _, point, _ = classes(compiled)
    for _ in range(2):
        with pytest.raises(dataclasses.FrozenInstanceError):
            point(1).x = 2
        with pytest.raises(TypeError, match=r"Point.__init__\(\) missing .* argument: 'x'"):
            point()


def test_what_was_called_once_stands_in_its_class(compiled: str) -> None:
    _, point, named = classes(compiled)
    named(1)
    assert vars(point)["__init__"].__code__.co_varnames == ("self", "x", "y")
    assert "__init__" not in vars(named)


def test_the_classes_of_a_plugin_show_their_signature(monkeypatch: pytest.MonkeyPatch) -> None:
    if not hasattr(dataclasses, "_create_fn"):
        pytest.skip("this Python compiles a class in one go")
    monkeypatch.setattr(dataclasses, "_create_fn", vars(dataclasses)["_create_fn"])
    compile_methods_late()

    @dataclasses.dataclass
    class Settings:
        region: str
        retries: int = 3

    assert list(inspect.signature(Settings).parameters) == ["region", "retries"]
