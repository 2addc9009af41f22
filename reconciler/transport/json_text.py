"""JSON from outside: bounded, exact, and never an exception of a library's own.

Numbers with a point are Decimal, also NaN and the infinities, which the shapes refuse one by one.
"""

from __future__ import annotations

import json
from decimal import Decimal, InvalidOperation

DEPTH_MAX = 64
"""RELIABILITY.md, "Default limits to ship"."""


class NotJson(ValueError):
    """The text is no JSON that can be trusted: why is a word for people, never the text."""


def read_json(text: str) -> object:
    """The value of ``text``.

    Raises ``NotJson`` for anything cut, nested deeper than 64, with a key that stands twice in
    one object, or with numbers that nobody means.
    """
    try:
        value = json.loads(
            text,
            parse_float=_decimal,
            parse_constant=Decimal,
            object_pairs_hook=_object,
        )
    except NotJson:
        raise
    except RecursionError:
        raise NotJson("nested too deeply") from None
    except ValueError:
        raise NotJson("not JSON") from None
    _check_depth(value)
    return value


def _decimal(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise NotJson("an impossible number") from None


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise NotJson("a key stands twice in one object")
    return made


def _check_depth(value: object) -> None:
    level = [value]
    for _ in range(DEPTH_MAX):
        level = [inner for outer in level for inner in _inside(outer)]
        if not level:
            return
    raise NotJson("nested too deeply")


def _inside(value: object) -> list[object]:
    if isinstance(value, dict):
        return [one for one in value.values() if isinstance(one, (dict, list))]
    if isinstance(value, list):
        return [one for one in value if isinstance(one, (dict, list))]
    return []
