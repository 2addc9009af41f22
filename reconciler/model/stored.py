"""What a state is made of: values as pydantic makes them, without its ceremony.

They come from our own code or from a state file; frozen, unknown fields refused.
"""

from __future__ import annotations

from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer

_new = object.__new__
_set_values = BaseModel.__dict__["__dict__"].__set__
_set_fields = BaseModel.__dict__["__pydantic_fields_set__"].__set__
_set_extra = BaseModel.__dict__["__pydantic_extra__"].__set__
_set_private = BaseModel.__dict__["__pydantic_private__"].__set__


def _seconds(value: object) -> object:
    if isinstance(value, timedelta):
        return value
    if type(value) is not int:
        raise ValueError("a duration is a whole number of seconds")
    try:
        return timedelta(seconds=value)
    except OverflowError:
        raise ValueError("a duration beyond all time") from None


Seconds = Annotated[
    timedelta,
    BeforeValidator(_seconds),
    PlainSerializer(lambda value: int(value.total_seconds()), return_type=int),
]
"""A duration stored as whole seconds."""


class Stored(BaseModel):
    """Of a thousand machines that are bought nine thousand values are made. Nothing is validated,
    and nothing may be private, extra, or known by another name.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    def with_(self, **changes: Any) -> Self:
        """A copy with some fields changed, as ``model_copy`` makes it, at half the cost."""
        named = self.__pydantic_fields_set__.union(changes)
        return self._filled({**self.__dict__, **changes}, named)

    def __eq__(self, other: object) -> bool:
        """As pydantic's, at half the cost."""
        if self is other:
            return True
        if type(self) is not type(other):
            return NotImplemented
        return self.__dict__ == other.__dict__

    if not TYPE_CHECKING:  # the plugin of pydantic knows the fields of each class

        @classmethod
        def model_construct(cls, _fields_set: set[str] | None = None, **values: Any) -> Self:
            """As pydantic's, at a fifth of the cost, unless a field is missing or has a default
            that each value needs for itself.
            """
            blank, required = _blank(cls)
            if _fields_set is not None or blank is None or not required <= values.keys():
                return super().model_construct(_fields_set, **values)
            return cls._filled({**blank, **values}, set(values))

    @classmethod
    def _filled(cls, values: dict[str, Any], named: set[str]) -> Self:
        # The slots themselves: a frozen value is asked by nobody whether it may be filled.
        made = _new(cls)
        _set_values(made, values)
        _set_fields(made, named)
        _set_extra(made, None)
        _set_private(made, None)
        return made


@cache
def _blank(kind: type[BaseModel]) -> tuple[dict[str, Any] | None, frozenset[str]]:
    """Every field in its place with its default, if any, and those that must be given."""
    fields = kind.model_fields
    required = frozenset(name for name, field in fields.items() if field.is_required())
    defaults = [field for name, field in fields.items() if name not in required]
    if any(one.default_factory or isinstance(one.default, list | dict) for one in defaults):
        return None, required
    blank = {name: None if name in required else one.default for name, one in fields.items()}
    return blank, required
