"""libyaml's syntax errors in plain English.

libyaml and PyYAML's own parser word the same error differently; the table matches on a part that
both share. What it does not know is passed on, escaped.
"""

from __future__ import annotations

from typing import Any, Final

import yaml

from reconciler.documents.yaml_text import position_at
from reconciler.model.problem import Problem
from reconciler.model.text import printable
from reconciler.model.value import dataclass


@dataclass(frozen=True, slots=True)
class _Wording:
    """``part`` of the parser's words; ``at_start`` puts the problem where the construct began.

    ``{start}`` in the message is the line where the construct began, ``{found}`` the character
    at the error.
    """

    part: str
    message: str
    fix: str
    at_start: bool = False


_QUOTE_IT: Final = "put text that holds YAML punctuation in quotes"
_CHECK_INDENTATION: Final = "check the indentation of this line and the quotes before it"

_WORDINGS: Final = (
    _Wording(
        "mapping values are not allowed", "a ':' stands where no key can end",
        "put text that holds ': ' in quotes, or begin a new line",
    ),
    _Wording(
        "could not find expected ':'", "this line is not followed by the ':' of a key",
        "write key: value", at_start=True,
    ),
    _Wording(
        "unexpected end of stream", "the quoted text that begins here is never closed",
        "close the quotes", at_start=True,
    ),
    _Wording(
        "document separator", "the quoted text that begins here is never closed",
        "close the quotes", at_start=True,
    ),
    _Wording(
        "document indicator", "the quoted text that begins here is never closed",
        "close the quotes", at_start=True,
    ),
    _Wording(
        "decimal number", "an escape inside double quotes that is not hexadecimal",
        "write \\\\ for a backslash, or use single quotes",
    ),
    _Wording(
        "',' or ']'", "the list that begins in line {start} needs ',' or ']' here", "close it"
    ),
    _Wording(
        "',' or '}'", "the mapping that begins in line {start} needs ',' or '}' here", "close it"
    ),
    _Wording("cannot start any token", "no value can begin with {found}", _QUOTE_IT),
    _Wording(
        "escape character", "an unknown escape inside double quotes",
        "write \\\\ for a backslash, or use single quotes",
    ),
    _Wording(
        "escape code", "an escape inside double quotes that names no character",
        "write \\\\ for a backslash, or use single quotes",
    ),
    _Wording("node content", "a value is missing before this", "write the value, or quote it"),
    _Wording(
        "did not find expected key",
        "this does not fit into the mapping that begins in line {start}", _CHECK_INDENTATION,
    ),
    _Wording(
        "'-' indicator", "this does not fit into the list that begins in line {start}",
        _CHECK_INDENTATION,
    ),
    _Wording(
        "expected <block end>", "this does not fit into the block that begins in line {start}",
        _CHECK_INDENTATION,
    ),
    _Wording(
        "sequence entries are not allowed", "a '-' stands where no list can begin",
        "begin the list on a new line",
    ),
    _Wording(
        "mapping keys are not allowed", "a '?' stands where no key can begin", _QUOTE_IT
    ),
    _Wording("<document start>", "the document has ended before this line", _CHECK_INDENTATION),
    _Wording(
        "alphabetic or numeric", "an anchor (&) or alias (*) without a name",
        "put text that begins with & or * in quotes",
    ),
    _Wording("tag", "a tag (!) is not read", "remove it, or put text that begins with ! in quotes"),
    _Wording("URI", "a tag (!) is not read", "remove it, or put text that begins with ! in quotes"),
    _Wording("block scalar", "a | or > with an unknown ending", "write |, |-, > or >-"),
)  # fmt: skip


def describe_yaml_error(file: str, text: str, error: Exception) -> Problem:
    """The one problem that stopped the parser, with its place and a fix; echoes no content."""
    if not isinstance(error, yaml.MarkedYAMLError):
        return _without_place(file, error)
    index = _index(error.problem_mark or error.context_mark, text)
    begin = _index(error.context_mark or error.problem_mark, text)
    if text[index : index + 1] == "\t":
        wording = _Wording("", "a tab stands where YAML allows only spaces", "indent with spaces")
    else:
        wording = _wording_of(error)
    place = position_at(text, begin if wording.at_start else index)
    found = printable(text[index : index + 1]) or "the end of the text"
    message = wording.message.replace("{start}", str(position_at(text, begin).line))
    return Problem(file, place.line, place.column, message.replace("{found}", found), wording.fix)


def _without_place(file: str, error: Exception) -> Problem:
    if isinstance(error, yaml.YAMLError):
        return Problem(file, 0, 0, "not valid YAML", "check that it is a text file in UTF-8")
    # The pure parser turns an impossible \U escape into a ValueError or OverflowError.
    return Problem(
        file, 0, 0, "an escape inside double quotes that names no character",
        "write \\\\ for a backslash, or use single quotes",
    )  # fmt: skip


def place_of_event(event: yaml.Event, text: str) -> tuple[int, int]:
    """Line and column of an event. At the end of the text libyaml counts a line too many."""
    mark: Any = event.start_mark  # the stubs know two unrelated kinds of mark, and None
    if mark.index >= len(text):
        end = position_at(text, len(text))
        return end.line, end.column
    return mark.line + 1, mark.column + 1


def _index(mark: yaml.Mark | None, text: str) -> int:
    return min(mark.index, len(text)) if mark else 0


def _wording_of(error: yaml.MarkedYAMLError) -> _Wording:
    said = " ".join(part for part in (error.problem, error.context) if part)
    for wording in _WORDINGS:
        if wording.part in said:
            return wording
    return _Wording("", printable(f"not valid YAML: {said}"), "check the lines around this place")
