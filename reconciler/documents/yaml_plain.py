"""The short way through a document that holds no surprise: from events straight to data.

Nearly every document is like that, and of its ten thousand places none is ever asked for. Whatever
the guard (``yaml_guard``) has a word about, or this reader does not know, it leaves to the guard:
it refuses nothing itself, and where it answers, the guard's tree holds the same data.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import yaml

from reconciler.documents.yaml_guard import (
    DEPTH_MAX,
    FASTEST_LOADER,
    NODES_MAX,
    SCALAR_BYTES_MAX,
    UNREADABLE,
)
from reconciler.documents.yaml_scalars import RefusedScalar, resolve_plain

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reconciler.documents.yaml_scalars import Scalar

_LENGTH_MAX: Final = SCALAR_BYTES_MAX // 4  # a character has at most 4 bytes
_SILENT: Final = frozenset({yaml.StreamStartEvent, yaml.StreamEndEvent, yaml.DocumentEndEvent})


class _LeftToTheGuard(Exception):
    """Something stands here that only the guard can judge."""


def plain_data(text: str, *, loader: Any = FASTEST_LOADER) -> tuple[Any, int] | None:
    """The data of ``text`` and its node count; None where the guard has to read it.

    ``text`` has passed ``decode_document``. The data of an empty document is None.
    """
    try:
        parser = loader(text)
        try:
            return _read(iter(parser.get_event, None))
        finally:
            parser.dispose()
    except (_LeftToTheGuard, yaml.YAMLError, ValueError, OverflowError):
        return None


def _read(events: Iterable[Any]) -> tuple[Any, int]:
    """One loop and hardly a call in it: it runs fourteen times for a fleet of four lines."""
    scalar, mapping, end_of_mapping = yaml.ScalarEvent, yaml.MappingStartEvent, yaml.MappingEndEvent
    known: dict[str, Scalar] = {}  # what is written often is resolved once
    root: list[Any] = []
    into: Any = root
    outer: list[Any] = []
    key: str | None = None  # the one that waits for its value
    in_list = True
    nodes = documents = 0
    for event in events:
        kind = type(event)
        if kind is scalar:
            raw = event.value
            if event.tag is not None or event.anchor or nodes >= NODES_MAX:
                raise _LeftToTheGuard
            value: Scalar = known.get(raw) if event.implicit[0] else _quoted(raw)
            if value is None:
                value = known[raw] = _unquoted(raw)
            nodes += 1
            if key is not None:
                into[key] = value
                key = None
            elif in_list:
                into.append(value)
            elif type(value) is str and value not in into:
                key = value
            else:
                raise _LeftToTheGuard
        elif kind is end_of_mapping or kind is yaml.SequenceEndEvent:
            into = outer.pop()
            in_list = type(into) is list
        elif kind is mapping or kind is yaml.SequenceStartEvent:
            inner = _opened(event, into, key, len(outer))
            outer.append(into)
            into, key, in_list = inner, None, kind is not mapping
            nodes += 1
        elif kind is yaml.DocumentStartEvent:
            documents += 1
        elif kind not in _SILENT:
            raise _LeftToTheGuard
    if nodes > NODES_MAX or documents > 1:
        raise _LeftToTheGuard
    return (root[0] if root else None), nodes


def _opened(event: Any, into: Any, key: str | None, depth: int) -> Any:
    """The collection that begins with ``event``, put where it belongs."""
    if event.tag is not None or event.anchor or depth >= DEPTH_MAX:
        raise _LeftToTheGuard
    inner: Any = {} if type(event) is yaml.MappingStartEvent else []
    if type(into) is list:
        into.append(inner)
    elif key is not None:
        into[key] = inner
    else:
        raise _LeftToTheGuard
    return inner


def _unquoted(raw: str) -> Scalar:
    value = resolve_plain(raw)
    if isinstance(value, RefusedScalar) or raw == "<<" or len(raw) > _LENGTH_MAX:
        raise _LeftToTheGuard
    return value


def _quoted(raw: str) -> str:
    if UNREADABLE.search(raw) or len(raw) > _LENGTH_MAX:
        raise _LeftToTheGuard
    return raw
