"""Values of ``reconciler.model`` as JSON and back, whole.

Driven by the declared types, so that a field added to a class is stored from then on, and a type
that nobody has thought of is an error and never lost in silence. What is read is checked as
strictly as it was written: unknown fields and wrong types are refused; a field that is missing
takes its default, which is how a record of an earlier version looks.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from enum import Enum
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

from pydantic import AwareDatetime, BaseModel, ValidationError

from reconciler.model.text import printable

_MICROSECOND = timedelta(microseconds=1)


class UnreadableValue(ValueError):
    """The text is not a value of the type. The message is escaped and holds no value."""


@typing.final
class Codec:
    """To and from what ``json`` writes. ``decode`` raises ``UnreadableValue``."""

    __slots__ = ("decode", "encode")

    def __init__(self, encode: Callable[[Any], Any], decode: Callable[[Any], Any]) -> None:
        self.encode = encode
        self.decode = decode


@cache
def codec_of(kind: Any) -> Codec:
    """How values of the type ``kind`` are stored. Raises TypeError for a type it does not know."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        return _union(arguments)
    if origin is typing.Annotated:
        return codec_of(arguments[0])
    if origin is typing.Literal:
        return Codec(_same, lambda data: _one_of(data, arguments))
    if origin is tuple and arguments[-1] is not Ellipsis:
        return _row(arguments)
    if origin in (tuple, list, frozenset, set):
        return _several(origin, codec_of(arguments[0]))
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return _mapping(*arguments)
    if isinstance(kind, type):
        return _plain(kind)
    raise TypeError(f"no way to store a {kind!r} is known")


def _plain(kind: type) -> Codec:
    if kind in (str, int, bool, types.NoneType):
        return Codec(_same, lambda data: _exactly(kind, data))
    if kind is Decimal:
        return Codec(str, _decimal)
    if kind in (datetime, AwareDatetime):
        return Codec(datetime.isoformat, _moment)
    if kind is timedelta:
        return Codec(lambda value: value // _MICROSECOND, _duration)
    if issubclass(kind, Enum):
        return Codec(lambda value: value.value, lambda data: _member(kind, data))
    if issubclass(kind, BaseModel):
        return _class_codec(*_fields_of_model(kind))
    if dataclasses.is_dataclass(kind):
        return _class_codec(*_fields_of_dataclass(kind))
    raise TypeError(f"no way to store a {kind.__name__} is known")


# --- single values ------------------------------------------------------------------------------


def _same(value: Any) -> Any:
    return value


def _exactly(kind: type, data: Any) -> Any:
    if type(data) is not kind:
        raise UnreadableValue(f"not a value of type {kind.__name__}")
    return data


def _one_of(data: Any, allowed: tuple[Any, ...]) -> Any:
    if not any(type(data) is type(one) and data == one for one in allowed):
        raise UnreadableValue("not one of the words that may stand here")
    return data


def _decimal(data: Any) -> Decimal:
    try:
        number = Decimal(_exactly(str, data))
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite() or abs(number.adjusted()) > 40:
        raise UnreadableValue("not a number of a size that occurs")
    return number


def _moment(data: Any) -> datetime:
    try:
        moment = datetime.fromisoformat(_exactly(str, data))
    except ValueError:
        raise UnreadableValue("not a moment") from None
    if moment.utcoffset() is None:
        raise UnreadableValue("a moment without its offset")
    return moment


def _duration(data: Any) -> timedelta:
    count: int = _exactly(int, data)
    try:
        return count * _MICROSECOND
    except OverflowError:
        raise UnreadableValue("not a duration") from None


def _member(kind: type[Enum], data: Any) -> Enum:
    for member in kind:
        if type(member.value) is type(data) and member.value == data:
            return member
    raise UnreadableValue(f"no {kind.__name__}")


# --- several values -----------------------------------------------------------------------------


def _union(kinds: tuple[Any, ...]) -> Codec:
    """None as null; of several other types the value names its own."""
    others = {kind.__name__: kind for kind in kinds if kind is not types.NoneType}
    optional = len(others) < len(kinds)
    if len(others) == 1:
        only = codec_of(next(iter(others.values())))
        return Codec(
            lambda value: None if value is None else only.encode(value),
            lambda data: None if data is None else only.decode(data),
        )
    codecs = {name: codec_of(kind) for name, kind in others.items()}

    def encode(value: Any) -> Any:
        if value is None and optional:
            return None
        name = type(value).__name__
        return {"is": name, "value": codecs[name].encode(value)}

    def decode(data: Any) -> Any:
        if data is None and optional:
            return None
        named = _exactly(dict, data)
        name = named.get("is")
        if set(named) != {"is", "value"} or not isinstance(name, str) or name not in codecs:
            raise UnreadableValue("a value of none of the types that may stand here")
        return codecs[name].decode(named["value"])

    return Codec(encode, decode)


def _several(container: type, item: Codec) -> Codec:
    def encode(value: Any) -> list[Any]:
        encoded = [item.encode(one) for one in value]
        return sorted(encoded) if container in (frozenset, set) else encoded

    def decode(data: Any) -> Any:
        return container(_within(at, item, one) for at, one in enumerate(_exactly(list, data)))

    return Codec(encode, decode)


def _row(kinds: tuple[Any, ...]) -> Codec:
    codecs = [codec_of(kind) for kind in kinds]

    def decode(data: Any) -> tuple[Any, ...]:
        if len(_exactly(list, data)) != len(codecs):
            raise UnreadableValue(f"not {len(codecs)} values")
        return tuple(codec.decode(one) for codec, one in zip(codecs, data, strict=True))

    return Codec(
        lambda value: [codec.encode(one) for codec, one in zip(codecs, value, strict=True)], decode
    )


def _mapping(key_kind: Any, value_kind: Any) -> Codec:
    """A list of pairs: its order stays, and a key may be of any type."""
    pair = _row((key_kind, value_kind))

    def decode(data: Any) -> dict[Any, Any]:
        pairs = [_within(at, pair, one) for at, one in enumerate(_exactly(list, data))]
        made = dict(pairs)
        if len(made) != len(pairs):
            raise UnreadableValue("two values under one key")
        return made

    return Codec(lambda value: [pair.encode(one) for one in value.items()], decode)


def _within(place: object, codec: Codec, data: Any) -> Any:
    try:
        return codec.decode(data)
    except UnreadableValue as error:
        inner = str(error)
        raise UnreadableValue(printable(f"{place}.{inner}", 300)) from None


# --- classes ------------------------------------------------------------------------------------


Fields = tuple[dict[str, Any], set[str], Callable[[dict[str, Any]], Any]]
"""The type of each field, those without a default, and what makes a value of them."""


def _fields_of_dataclass(kind: Any) -> Fields:
    hints = typing.get_type_hints(kind, localns=_names())
    fields = dataclasses.fields(kind)
    nothing = dataclasses.MISSING
    needed = {
        one.name for one in fields if one.default is nothing and one.default_factory is nothing
    }
    return {one.name: hints[one.name] for one in fields}, needed, lambda values: kind(**values)


def _fields_of_model(kind: type[BaseModel]) -> Fields:
    """Not by pydantic's own JSON, which changes keys that hold a lone surrogate."""
    fields = kind.model_fields
    needed = {name for name, one in fields.items() if one.is_required()}
    return {name: one.annotation for name, one in fields.items()}, needed, _validated(kind)


def _validated(kind: type[BaseModel]) -> Callable[[dict[str, Any]], BaseModel]:
    def made(values: dict[str, Any]) -> BaseModel:
        try:
            return kind.model_validate(values)
        except ValidationError as error:
            problem = error.errors(include_url=False, include_input=False, include_context=False)[0]
            place = ".".join(str(part) for part in problem["loc"])
            raise UnreadableValue(printable(f"{place}: {problem['type']}", 200)) from None

    return made


def _class_codec(
    kinds: dict[str, Any], needed: set[str], make: Callable[[dict[str, Any]], Any]
) -> Codec:
    codecs = {name: codec_of(kind) for name, kind in kinds.items()}

    def encode(value: Any) -> dict[str, Any]:
        return {name: codec.encode(getattr(value, name)) for name, codec in codecs.items()}

    def decode(data: Any) -> Any:
        given = _exactly(dict, data)
        unknown = sorted(set(given) - set(codecs))
        if unknown:
            raise UnreadableValue(f"{printable(unknown[0])}: no such field is known")
        missing = sorted(needed - set(given))
        if missing:
            raise UnreadableValue(f"{missing[0]}: it is missing")
        return make({name: _within(name, codecs[name], given[name]) for name in given})

    return Codec(encode, decode)


@cache
def _names() -> dict[str, Any]:
    """What annotations may refer to: the classes of the model, and what it imports for types."""
    import reconciler.model as model

    names: dict[str, Any] = {"datetime": datetime, "timedelta": timedelta, "Decimal": Decimal}
    names |= {"Mapping": Mapping, "Literal": typing.Literal}
    for found in iter_modules(model.__path__):
        module = vars(import_module(f"{model.__name__}.{found.name}"))
        names |= {name: value for name, value in module.items() if not name.startswith("__")}
    return names
