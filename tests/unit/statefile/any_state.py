"""Any value that the types of a state allow: what hypothesis draws states from."""

from __future__ import annotations

import types
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import Enum
from functools import cache
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from hypothesis import strategies as st
from pydantic import AwareDatetime, BaseModel

from reconciler.model.record import RecordedState

_KEYS = ("a", "b", "\x7f\ud800", "fleet.dev[0]")
"""Few, so that two states that are drawn hold records of the same key."""
_WHOLE_SECONDS = st.integers(-(10**9), 10**9).map(lambda value: timedelta(seconds=value))
_PLAIN: dict[Any, st.SearchStrategy[Any]] = {
    bool: st.booleans(),
    int: st.integers(-(2**70), 2**70),
    Decimal: st.decimals(allow_nan=False, allow_infinity=False),
    datetime: st.datetimes(timezones=st.just(UTC)),
    AwareDatetime: st.datetimes(timezones=st.just(UTC)),
    timedelta: _WHOLE_SECONDS,
}


def texts() -> st.SearchStrategy[str]:
    """Lone surrogates and controls too; two surrogates that make one character are that one."""
    some = st.text(st.characters(exclude_categories=()), max_size=8)
    return some.map(lambda text: _utf_16(text).decode("utf-16", "surrogatepass"))


def _utf_16(text: str) -> bytes:
    return text.encode("utf-16", "surrogatepass")


def states() -> st.SearchStrategy[RecordedState]:
    return _of_model(RecordedState)


@cache
def _of_model(kind: type[BaseModel]) -> st.SearchStrategy[Any]:
    fields = kind.model_fields.items()
    given = {name: _of(field.annotation) for name, field in fields if field.is_required()}
    others = {name: _of(field.annotation) for name, field in fields if name not in given}
    return st.fixed_dictionaries(given, optional=others).map(lambda values: kind(**values))


def _of(annotation: Any) -> st.SearchStrategy[Any]:
    """For a type that no state had yet this fails: give it a line here."""
    origin, parts = get_origin(annotation), get_args(annotation)
    if annotation is str:
        return texts()
    if annotation in _PLAIN:
        return _PLAIN[annotation]
    if origin is Annotated:
        return _of(parts[0])
    if origin is Literal:
        return st.sampled_from(parts)
    if origin in (Union, types.UnionType):
        return st.one_of(*map(_of, parts))
    if annotation is type(None):
        return st.none()
    if origin is dict:
        return st.dictionaries(st.sampled_from(_KEYS), _of(parts[1]), max_size=2)
    if origin in (list, tuple):
        return st.lists(_of(parts[0]), max_size=3)
    if issubclass(annotation, Enum):
        return st.sampled_from(annotation)
    return _of_model(annotation)
