"""As much of GraphQL's text as faces need: one operation, its fields, their arguments.

No fragments, directives or block strings: nobody who speaks to a face sends any.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from reconciler.model.value import dataclass

_TOKEN = re.compile(
    r'(?P<skip>[\s,]+|#[^\n]*)|(?P<text>"(?:[^"\\\n]|\\.)*")|(?P<number>-?\d+(?:\.\d+)?)'
    r"|(?P<variable>\$\w+)|(?P<name>[A-Za-z_]\w*)|(?P<sign>[{}()\[\]:=!])"
)
_CONSTANTS: Mapping[str, Any] = {"true": True, "false": False, "null": None}
_DEPTH_MAX = 20


@dataclass(frozen=True, slots=True)
class Field:
    """``selection`` is empty for a plain value. Enumerated values are texts."""

    name: str
    arguments: Mapping[str, Any]
    selection: tuple[Field, ...]


def fields_of(text: str, variables: Mapping[str, Any]) -> tuple[Field, ...]:
    """The fields of the one operation in ``text``. Raises ValueError for what is none."""
    reader = _Reader(_tokens(text), variables)
    if reader.next_is("query") or reader.next_is("mutation"):
        reader.take()
        while not reader.next_is("{"):  # a name, and declared variables
            reader.take()
    found = reader.selection(0)
    if not reader.ended:
        raise ValueError("one operation is expected")
    return found


def _tokens(text: str) -> list[str]:
    found, place = [], 0
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None:
            raise ValueError(f"Syntax Error: unexpected character at {place}")
        if match.lastgroup != "skip":
            found.append(match.group())
        place = match.end()
    return found


class _Reader:
    def __init__(self, tokens: list[str], variables: Mapping[str, Any]) -> None:
        self._tokens = tokens
        self._variables = variables
        self._place = 0

    @property
    def ended(self) -> bool:
        return self._place == len(self._tokens)

    def next_is(self, token: str) -> bool:
        return not self.ended and self._tokens[self._place] == token

    def take(self, wanted: str | None = None) -> str:
        if self.ended or wanted not in (None, self._tokens[self._place]):
            raise ValueError("Syntax Error: something else is expected")
        self._place += 1
        return self._tokens[self._place - 1]

    def selection(self, depth: int) -> tuple[Field, ...]:
        if depth > _DEPTH_MAX:
            raise ValueError("Syntax Error: nested too deeply")
        self.take("{")
        found = []
        while not self.next_is("}"):
            name = self.take()
            arguments = self._pairs("(", ")", depth) if self.next_is("(") else {}
            inner = self.selection(depth + 1) if self.next_is("{") else ()
            found.append(Field(name, arguments, inner))
        self.take("}")
        return tuple(found)

    def _pairs(self, begin: str, end: str, depth: int) -> dict[str, Any]:
        self.take(begin)
        found = {}
        while not self.next_is(end):
            name = self.take()
            self.take(":")
            found[name] = self._value(depth + 1)
        self.take(end)
        return found

    def _value(self, depth: int) -> Any:
        if depth > _DEPTH_MAX:
            raise ValueError("Syntax Error: nested too deeply")
        if self.next_is("{"):
            return self._pairs("{", "}", depth)
        if self.next_is("["):
            return self._list(depth)
        token = self.take()
        if token.startswith("$"):
            return self._variables.get(token[1:])
        if token[0] == '"' or token[0].isdigit() or token[0] == "-":
            return json.loads(token)
        return _CONSTANTS.get(token, token)

    def _list(self, depth: int) -> list[Any]:
        self.take("[")
        found = []
        while not self.next_is("]"):
            found.append(self._value(depth + 1))
        self.take("]")
        return found
