"""Whether a key was written at all, and with a value of its kind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, TypeVar

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

_T = TypeVar("_T")


def _something(value: object) -> object:
    if value is None:
        raise ValueError("nothing stands after the colon: write a value or remove the key")
    return value


def _nothing_is_empty(value: object) -> object:
    return {} if value is None else value


class _First:
    """As pydantic's ``BeforeValidator``, which looks at the signature anew for each of a hundred
    keys.
    """

    def __init__(self, check: Callable[[object], object]) -> None:
        self._check = check

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_before_validator_function(self._check, handler(source))


Written = Annotated[_T | None, _First(_something)]
"""A key that may be absent (None then), and never empty when it is there."""


class _OrNothing:
    """Adds null to what the schema allows."""

    def __get_pydantic_json_schema__(
        self, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {"anyOf": [handler(core_schema), {"type": "null"}]}


EmptyOr = Annotated[_T, _First(_nothing_is_empty), _OrNothing()]
"""A mapping that may be left empty: ``fleets:`` with nothing after it."""


def wrong_kind() -> PydanticCustomError:
    """A value of a kind that this key does not take; the schema words it (see ``wording``)."""
    return PydanticCustomError("wrong_kind", "wrong kind")
