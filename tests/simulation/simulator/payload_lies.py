"""Answers in shapes that nobody documents (RELIABILITY.md C7): some place in them, drawn by chance,
is not as it was.

Each takes a source of chance and gives a change of one answer; what is no JSON stays as it is.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from reconciler.market.faces.exchange import FaceAnswer, FaceRequest
from tests.faces import Change

Path = tuple[Any, ...]
Lie = Callable[[random.Random], Change]
Spoil = Callable[[random.Random, FaceRequest, Any], Any]
_DENIAL = ("instances",)
"""What Vast.ai calls null to deny a machine that is asked for: as a lie it would be a proof."""
_HUGE_DIGITS = "9" * 5000
_DEEP = "[" * 100_000
_LONG = "x" * 200_000
_TIMES = (0, None, -1, 1e18, 1_750_000_000_000, "0001-01-01T00:00:00Z", "2026-07-01T12:00:00", "")
_HOSTILE_IDS = ("../users/1", "a/b", "..", "?x=1", "%2e%2e", "", "\r\nX: y")
_FOREIGN = "没有可用的实例 — Keine freie Instanz. Réessayez plus tard."
_WORDS = frozenset({"msg", "message", "detail", "title", "suggestion", "error"})


def _lie(spoil: Spoil) -> Lie:
    """``spoil`` changes the value in place, or returns another one."""

    def lie(chance: random.Random) -> Change:
        def change(asked: FaceRequest, answer: FaceAnswer) -> FaceAnswer:
            try:
                value = json.loads(answer.body)
            except ValueError:
                return answer
            made = spoil(chance, asked, value)
            return replace(answer, body=json.dumps(made).encode())

        return change

    return lie


def places(value: Any, path: Path = ()) -> Iterator[Path]:
    """The path of everything inside, each before what it holds."""
    inside = value.items() if isinstance(value, dict) else enumerate(value)
    for name, inner in inside:
        yield (*path, name)
        if isinstance(inner, (dict, list)):
            yield from places(inner, (*path, name))


def at(value: Any, path: Path) -> Any:
    for name in path:
        value = value[name]
    return value


def put(value: Any, path: Path, new: Any) -> None:
    at(value, path[:-1])[path[-1]] = new


def _some(chance: random.Random, value: Any, fits: Callable[[Path, Any], bool]) -> Path | None:
    """One place that fits, or None."""
    if not isinstance(value, (dict, list)):
        return None
    found = [path for path in places(value) if fits(path, at(value, path))]
    return chance.choice(found) if found else None


def _one_place(
    fits: Callable[[Path, Any], bool], new: Callable[[random.Random, Any], Any]
) -> Spoil:
    def spoil(chance: random.Random, _: FaceRequest, value: Any) -> Any:
        path = _some(chance, value, fits)
        if path is not None:
            put(value, path, new(chance, at(value, path)))
        return value

    return spoil


def _is_number(_: Path, value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_id(path: Path, value: Any) -> bool:
    named = path[-1] in ("id", "new_contract") or (len(path) > 1 and path[-2] == "instance_ids")
    return named and isinstance(value, (int, str)) and not isinstance(value, bool)


def _is_time(path: Path, _: Any) -> bool:
    return isinstance(path[-1], str) and path[-1].lower().endswith(("date", "at", "time", "uptime"))


def _of_another_type(_: random.Random, value: Any) -> Any:
    if isinstance(value, str):
        return int(value)
    return str(value)


def _is_figure(path: Path, value: Any) -> bool:
    return _is_number(path, value) or (isinstance(value, str) and value.isdigit())


def _other_id(chance: random.Random, value: Any) -> Any:
    """A number as text, with zeros before it, or the other way round."""
    if isinstance(value, int):
        return chance.choice((str(value), f"000{value}"))
    return int(value) if value.isdigit() else chance.choice((f"000{value}", value.upper()))


def _null(chance: random.Random, _: FaceRequest, value: Any) -> Any:
    path = _some(chance, value, lambda path, _: path != _DENIAL)
    if path is not None:
        put(value, path, None)
    return value


def _array_or_object(chance: random.Random, _: FaceRequest, value: Any) -> Any:
    def fits(path: Path, inner: Any) -> bool:
        return isinstance(inner, (dict, list))

    path = _some(chance, value, fits)
    if path is None:
        return value
    inner = at(value, path)
    other = [inner] if isinstance(inner, dict) else {str(n): one for n, one in enumerate(inner)}
    put(value, path, other)
    return value


def _without_its_wrapper(chance: random.Random, _: FaceRequest, value: Any) -> Any:
    inside = (
        [one for one in value.values() if isinstance(one, (dict, list))]
        if isinstance(value, dict)
        else []
    )
    return chance.choice(inside) if inside else {}


def _with_more_fields(_: random.Random, __: FaceRequest, value: Any) -> Any:
    """In every object that has an id, or that holds all the rest."""
    for path in [(), *places(value)] if isinstance(value, (dict, list)) else []:
        inner = at(value, path)
        if isinstance(inner, dict) and (not path or "id" in inner):
            inner["x_new"] = {"nested": [1, None, "text"]}
    return value


def _label_is(text: str) -> Spoil:
    def fits(path: Path, inner: Any) -> bool:
        return path[-1] in ("label", "name") and isinstance(inner, str)

    return _one_place(fits, lambda _, __: text)


def _flag(chance: random.Random, value: Any) -> Any:
    return chance.choice((int(value), str(value).lower()))


def _in_another_language(_: random.Random, __: FaceRequest, value: Any) -> Any:
    """Sentences; words without a blank are codes, and stay."""
    for path in list(places(value)) if isinstance(value, (dict, list)) else []:
        inner = at(value, path)
        if path[-1] in _WORDS and isinstance(inner, str) and " " in inner:
            put(value, path, _FOREIGN)
    return value


def _errors_beside_data(_: random.Random, __: FaceRequest, value: Any) -> Any:
    """As GraphQL does it: 200, some of the data, and errors."""
    if isinstance(value, dict):
        value["errors"] = [{"message": "Something went wrong", "path": ["myself"]}]
        for path in [one for one in places(value) if one[0] == "data" and len(one) > 2][::2]:
            put(value, path, None)
    return value


def _list_is(new: Any) -> Spoil:
    """The list of machines itself, wherever it stands."""

    def spoil(_: random.Random, asked: FaceRequest, value: Any) -> Any:
        for name in ("instances", "pods", "data"):
            if isinstance(value, dict) and name in value:
                value[name] = new
                break
        return value

    return spoil


def _error_beside_nothing(_: random.Random, __: FaceRequest, value: Any) -> Any:
    """An error that a careless client reads as an empty list (C2.3)."""
    told = _list_is([])(random.Random(0), __, value)
    if isinstance(told, dict):
        told |= {"success": False, "status": 500, "total_instances": 0}
        told["error"] = told["errors"] = [{"message": "internal error"}]
    return told


def _moved_rows(chance: random.Random, _: FaceRequest, value: Any) -> Any:
    """A row of a later page is left out, as it stood on an earlier one when that was read."""
    if isinstance(value, dict) and value.get("instances"):
        value["instances"].pop(chance.randrange(len(value["instances"])))
    return value


# --- lies that are no JSON, or that json would not write ------------------------------------------


def _raw(spoil: Callable[[random.Random, str], str]) -> Lie:
    def lie(chance: random.Random) -> Change:
        def change(_: FaceRequest, answer: FaceAnswer) -> FaceAnswer:
            text = answer.body.decode("utf-8", "replace")
            return replace(answer, body=spoil(chance, text).encode("utf-8", "replace"))

        return change

    return lie


def _doubled_key(chance: random.Random, text: str) -> str:
    """Some key stands twice in its object, and the last one says null."""
    ends = [at for at, sign in enumerate(text) if sign == "}"]
    starts = [at for at, sign in enumerate(text) if sign == "{"]
    if not starts or not ends:
        return text
    start = chance.choice(starts)
    key = text[start + 1 :].lstrip().partition(":")[0]
    if not key.startswith('"'):
        return text
    return f"{text[: start + 1]}{key}: null, {text[start + 1 :]}"


def _instead_of_a_number(new: Callable[[str], str]) -> Callable[[random.Random, str], str]:
    """Of a number that stands after a colon."""

    def spoil(chance: random.Random, text: str) -> str:
        found = [
            (at + 2, at + 2 + _digits(text, at + 2))
            for at, sign in enumerate(text)
            if sign == ":" and _digits(text, at + 2)
        ]
        if not found:
            return text
        start, end = chance.choice(found)
        return text[:start] + new(text[start:end]) + text[end:]

    return spoil


def _digits(text: str, start: int) -> int:
    end = start
    while end < len(text) and (text[end].isdigit() or text[end] == "."):
        end += 1
    return end - start


def _as_a_float(digits: str) -> str:
    """The number itself, or one that has lost its last digits on the way."""
    return f"{digits}.0" if len(digits) % 2 else "9007199254740993.0"


LIES: dict[str, Lie] = {
    "truncated": _raw(lambda chance, text: text[: chance.randrange(len(text) + 1)]),
    "null": _lie(_null),
    "numbers as text": _lie(_one_place(_is_figure, _of_another_type)),
    "other ids": _lie(_one_place(_is_id, _other_id)),
    "array or object": _lie(_array_or_object),
    "no wrapper": _lie(_without_its_wrapper),
    "more fields": _lie(_with_more_fields),
    "doubled key": _raw(_doubled_key),
    "floats": _raw(_instead_of_a_number(_as_a_float)),
    "huge integer": _raw(_instead_of_a_number(lambda _: _HUGE_DIGITS)),
    "deep": _raw(lambda _, __: _DEEP),
    "lone surrogate": _lie(_label_is("\ud800")),
    "odd times": _lie(_one_place(_is_time, lambda chance, _: chance.choice(_TIMES))),
    "long label": _lie(_label_is(_LONG)),
    "errors beside data": _lie(_errors_beside_data),
    "flags": _lie(_one_place(lambda _, value: isinstance(value, bool), _flag)),
    "another language": _lie(_in_another_language),
    "hostile ids": _lie(_one_place(_is_id, lambda chance, _: chance.choice(_HOSTILE_IDS))),
    "list is null": _lie(_list_is(None)),
    "moved rows": _lie(_moved_rows),
    "error and empty list": _lie(_error_beside_nothing),
}
