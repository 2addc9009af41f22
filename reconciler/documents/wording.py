"""What is wrong with a document, in the reader's words.

pydantic decides whether a document is accepted; its own sentences never reach the reader. Errors
raised by our own readers are shown as they stand. For the others (a wrong kind, an unknown word, a
number out of bounds) jsonschema looks at the one value and the published schema says what is
allowed. Both are loaded only when something is wrong.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final, cast

from reconciler.documents.problem_list import PROBLEMS_MAX
from reconciler.documents.schema_walk import allowed_keys, kinds, object_with_key, schema_at
from reconciler.documents.secret_guard import looks_secret
from reconciler.model.problem import Problem
from reconciler.model.text import printable

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError as SchemaError
    from pydantic_core import ErrorDetails

    from reconciler.documents.yaml_source import Path, SourceDocument

_ECHO_LENGTH: Final = 60
_COMPARED_MAX: Final = 500  # a hundred words compared with thousands each take seconds (I23)
_MESSAGE_LENGTH: Final = 400
_SIZES: Final = ("minimum", "maximum", "minItems", "maxItems", "maxProperties")
"""Rules of which a value that breaks one is at least of the right kind."""
_SECRET_TRACE: Final = 8  # so much of a value inside a message counts as showing it
_KEY_MARK: Final = "[key]"  # pydantic's last step to an error in a mapping's key
_KINDS: Final = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a mapping",
}
_INSTEAD: Final = {
    "max_price": "write max_gpu_hour_usd (for one GPU) or max_node_hour_usd (for one node)",
    "count": "write nodes for machines; GPUs in each stand in resources: {gpu: H100:8}",
}

_MEANT: Final = {"retry": "replace", "recreate": "replace", "terminate": "destroy"}
"""Other tools' words: `retry` is more like `destroy` by its letters."""


def problems_of(source: SourceDocument, found: Sequence[ErrorDetails]) -> tuple[list[Problem], int]:
    """What pydantic refused, each thing once, in reading order: the first 101, and how many more.

    More than 100 are not listed for a file: to word tens of thousands takes many seconds.
    """
    places: dict[tuple[object, ...], tuple[tuple[int, int], ErrorDetails]] = {}
    for each in found:
        place = _place(source, each)
        # Behind aliases the same text is refused again and again, at the same place.
        places.setdefault((place, each["type"], each["msg"], each["loc"][-1:]), (place, each))
    ordered = sorted(places.values(), key=lambda entry: (entry[0], str(entry[1]["loc"])))
    problems = [_problem(source, place, each) for place, each in ordered[: PROBLEMS_MAX + 1]]
    return problems, len(ordered) - len(problems)


def nearest(word: str, allowed: Iterable[str]) -> str:
    """``did you mean X?`` for the most similar of ``allowed``; empty when none is similar."""
    close = _most_similar(word, allowed)
    return f"did you mean {close}?" if close else ""


def key_meant(unknown: Path) -> str:
    """The key that the unknown one at this path may stand for or belong into; empty if unclear."""
    parent, key = schema_at(unknown[:-1]), str(unknown[-1])
    return object_with_key(parent, key) or _most_similar(key, allowed_keys(parent))


def path_of(found: ErrorDetails) -> Path:
    """The path of the value, or of the key, that was refused."""
    loc = found["loc"]
    return loc[:-1] if is_about_name(found) else loc


def is_about_name(found: ErrorDetails) -> bool:
    """Whether a key of the user's own choice was refused, not the value behind it."""
    return found["type"] != "extra_forbidden" and found["loc"][-1:] == (_KEY_MARK,)


def _most_similar(word: str, allowed: Iterable[str]) -> str:
    others = [str(other) for other in allowed]
    meant = _MEANT.get(word, "")
    if meant in others:
        return meant
    if len(others) > _COMPARED_MAX:
        others = [other for other in others if other[:1] == word[:1]][:_COMPARED_MAX]
    return next(iter(get_close_matches(word[:100], others, 1)), "")


def _place(source: SourceDocument, found: ErrorDetails) -> tuple[int, int]:
    at_key = found["type"] == "extra_forbidden" or is_about_name(found)
    position = source.position_of(path_of(found), key=at_key)
    return position.line, position.column


def _problem(source: SourceDocument, place: tuple[int, int], found: ErrorDetails) -> Problem:
    if found["type"] == "extra_forbidden":
        message, fix = _unknown_key(found["loc"], found["input"])
    elif found["type"] == "value_error":
        message, fix = _own_words(found)
    else:
        message, fix = _structural(
            path_of(found), found["input"], missing=found["type"] == "missing"
        )
    return Problem(
        source.file, *place, printable(message, _MESSAGE_LENGTH), printable(fix, _MESSAGE_LENGTH)
    )


# --- the three sources of words ---------------------------------------------------------------


def _own_words(found: ErrorDetails) -> tuple[str, str]:
    path, value = path_of(found), found["input"]
    said = str(found["ctx"]["error"])
    shown = isinstance(value, str) and value[:_SECRET_TRACE] in said
    if shown and looks_secret(_last_key(path), value):
        said = "this value is not allowed; it looks like a secret and is not shown"
    return f"{_subject(path)}{said}", ""


def _unknown_key(path: Path, value: object) -> tuple[str, str]:
    key = str(path[-1])
    shown = "(hidden)" if looks_secret("", key) else printable(key, _ECHO_LENGTH)
    parent = schema_at(path[:-1])
    allowed = allowed_keys(parent)
    message = f"unknown key {shown}"
    if key in _INSTEAD:
        return message, _INSTEAD[key]
    if isinstance(value, str) and looks_secret(key, value):
        return message, "a secret never stands in the documents: remove it"
    owner = object_with_key(parent, key)
    if owner:
        return message, f"write it inside {owner}"
    return message, nearest(key, allowed) or f"allowed here: {', '.join(allowed)}"


def _structural(path: Path, value: object, *, missing: bool) -> tuple[str, str]:
    if missing:
        return f"key {path[-1]} is missing", _example(schema_at(path))
    error = _schema_error(schema_at(path), value)
    if error is None:
        return f"{_subject(path)}this value is not allowed: {_found(path, value)}", ""
    return _words_of(error, path, value)


def _schema_error(schema: Mapping[str, Any], value: object) -> SchemaError | None:
    """What jsonschema finds most relevant about ``value`` itself, if anything."""
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import relevance

    from reconciler.documents.json_schema import document_schema

    validator = Draft202012Validator(document_schema()).evolve(schema=schema)
    own = [error for error in validator.iter_errors(value) if not error.path]
    return max(own, key=relevance, default=None)


def _words_of(error: SchemaError, path: Path, value: object) -> tuple[str, str]:
    rule, limit = error.validator, cast("Any", error.validator_value)
    schema = cast("Mapping[str, Any]", error.schema)  # only `false` is no mapping: never generated
    subject, found = _subject(path), _found(path, value)
    for nearer in error.context or () if rule == "anyOf" else ():
        if nearer.validator in _SIZES and not nearer.relative_path:
            return _words_of(nearer, path, value)
    if rule in ("type", "anyOf"):
        expected = kinds(schema)
        return f"{subject}{_either(expected)} expected, found {found}", _rewritten(
            expected, path, value
        )
    if rule == "enum":
        fix = nearest(str(value), limit) or f"write one of {', '.join(limit)}"
        return f"{subject}{found} is not one of {', '.join(limit)}", fix
    sentences = {
        "const": f"must be {limit}, found {found}",
        "minimum": f"must be at least {limit}, found {found}",
        "maximum": f"must be at most {limit}, found {found}",
        "minItems": f"at least {limit} entry is needed, found none",
        "maxItems": f"at most {limit} entries are allowed",
        "maxProperties": f"at most {limit} entries are allowed",
    }
    sentence = sentences.get(str(rule), f"this value is not allowed: {found}")
    return f"{subject}{sentence}", _example(schema)


# --- parts of sentences -----------------------------------------------------------------------


def _last_key(path: Path) -> str:
    return next((step for step in reversed(path) if isinstance(step, str)), "")


def _subject(path: Path) -> str:
    key = _last_key(path)
    return f"{printable(key, _ECHO_LENGTH)}: " if key and not looks_secret("", key) else ""


def _either(expected: list[str]) -> str:
    """In words: "text", "a list or a mapping", "a number, text or a mapping"."""
    *first, last = [_KINDS[kind] for kind in expected if kind in _KINDS]
    return f"{', '.join(first)} or {last}" if first else last


def _found(path: Path, value: object) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | Decimal):
        return f"the number {value}"
    if isinstance(value, list):
        return "a list"
    if not isinstance(value, str):
        return "a mapping"
    if looks_secret(_last_key(path), value):
        return "text that looks like a secret and is not shown"
    return f'text "{printable(value, _ECHO_LENGTH)}"'


def _rewritten(expected: list[str], path: Path, value: object) -> str:
    """How to write ``value`` so that it has one of the expected kinds; empty if that is unclear."""
    if isinstance(value, str) and looks_secret(_last_key(path), value):
        return ""
    if "boolean" in expected and isinstance(value, str):
        said = value.strip().lower()
        words = {"yes": "true", "on": "true", "true": "true"} | {
            "no": "false", "off": "false", "false": "false"
        }  # fmt: skip
        return f"write {words[said]}" if said in words else ""
    if "array" in expected and isinstance(value, str | int | Decimal):
        return f"write it as a list: [{printable(str(value), _ECHO_LENGTH)}]"
    if expected == ["string"] and isinstance(value, bool | int | Decimal):
        written = str(value).lower() if isinstance(value, bool) else str(value)
        return f'write it in quotes: "{written}"'
    if expected in (["number"], ["integer"]) and isinstance(value, str):
        return "write a number without quotes"
    return ""


def _example(schema: Mapping[str, Any]) -> str:
    examples = schema.get("examples") or schema.get("enum") or []
    return f"for example {examples[0]}" if examples else ""
