"""The bytes of a stored state.

One line of JSON with sorted keys, ASCII only, ending in a newline. ``checksum`` sorts first and
covers every byte after it, so that one flipped bit anywhere is noticed before anything is read::

    {"checksum":"sha256:<64 digits>","instances":{...},...,"version":3,"workspace":"..."}

Older versions are read and become version 3 with the next write; what stood there stays as a
backup. Version 1 knew no host, no writer's name, no machines that were let go and no roll-back;
version 2 did not remember what time it was on the boot clock, no references to keys, nothing of
hosts, no ledger and no budgets.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ValidationError
from pydantic_core import PydanticSerializationError, to_jsonable_python

from reconciler.model.errors import StateError
from reconciler.model.json_text import one_line_writer
from reconciler.model.record import InstanceRecord, LeaseRecord, PendingCreate, RecordedState
from reconciler.model.text import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

VERSION = 3
"""The format written. A newer one is refused, never guessed at."""

_HEAD = re.compile(rb'\{"checksum":"sha256:([0-9a-f]{64})",')
_VERSION = b',"version":%d' % VERSION
_TAIL = _VERSION + b',"workspace":"'
"""Keys are sorted: how every state of this version goes on after its last collection."""
_WRITTEN = one_line_writer(sort_keys=True)  # what is dumped by pydantic is a tree
_REPLACED = "\\ufffd"
_SHOWN_DIGITS = 12
_COLLECTIONS: Mapping[str, type[BaseModel]] = {
    "instances": InstanceRecord,
    "intents": PendingCreate,
    "leases": LeaseRecord,
}
"""What a state may hold ten thousand of."""
_FIELDS = tuple(name for name in RecordedState.model_fields if name not in _COLLECTIONS)
_ORDERS = {kind: sorted(kind.model_fields) for kind in _COLLECTIONS.values()}
_ORDER = sorted((*RecordedState.model_fields, "version"))
_PLAIN = {
    name: field.annotation
    for name, field in RecordedState.model_fields.items()
    if field.annotation in (int, str)
}
"""The type of each field that is stored as it is."""


class RecordTexts:
    """The stored texts of the records and fields that were encoded last: of a thousand machines one
    write changes a few. All of them are values, so that the same one has the same text.
    """

    def __init__(self) -> None:
        self._known: dict[str, dict[str, _RecordText]] = {name: {} for name in _COLLECTIONS}
        """By the collection and the record's key."""
        self._fields: dict[str, tuple[object, str]] = {}
        """By the field's name: its value, and how that is stored."""

    def of(self, state: RecordedState) -> dict[str, str]:
        """Each collection of records by its name. Raises ``PydanticSerializationError``."""
        texts = {}
        for name, kind in _COLLECTIONS.items():
            records: Mapping[str, BaseModel] = getattr(state, name)
            known, used = self._known[name], {}
            for key in sorted(records):
                record, text = records[key], known.get(key)
                if text is None or text.record is not record:
                    text = _RecordText(record, kind, key, text)
                used[key] = text
            texts[name] = f"{{{','.join([one.text for one in used.values()])}}}"
            self._known[name] = used
        return texts

    def of_the_rest(self, state: RecordedState) -> dict[str, str]:
        """Every other field by its name. Raises ``PydanticSerializationError``."""
        values, known = state.__dict__, self._fields
        other = set()
        for name in _FIELDS:
            value = values[name]
            if name in known and known[name][0] is value:
                continue
            if type(value) is _PLAIN.get(name):
                known[name] = value, _canonical(value)
            else:
                other.add(name)
        if other:
            known |= {name: (values[name], text) for name, text in _texts(state, other).items()}
        return {name: known[name][1] for name in _FIELDS}


class _RecordText:
    """How a record is stored under its key. Of one that has changed before, ``fields`` are kept:
    its next version differs in one or two of thirty.
    """

    __slots__ = ("fields", "record", "text")

    def __init__(
        self, record: BaseModel, kind: type[BaseModel], key: str, before: _RecordText | None
    ) -> None:
        if type(record) is not kind:
            raise PydanticSerializationError(f"a record that is no {kind.__name__}")
        self.record = record
        self.fields: dict[str, str] = {}
        if before is None:
            text = _canonical(record.model_dump(mode="json", warnings="error"))
            if _REPLACED in text:
                text = _canonical(_exact(record.model_dump(warnings="error")))
        else:
            self.fields = _fields_of(record, before)
            inside = ",".join([f'"{name}":{self.fields[name]}' for name in _ORDERS[kind]])
            text = f"{{{inside}}}"
        self.text = f"{_canonical(key)}:{text}"


def _fields_of(record: BaseModel, before: _RecordText) -> dict[str, str]:
    changed = None
    if before.fields:
        old = before.record.__dict__
        changed = {name for name, value in record.__dict__.items() if old[name] is not value}
    return before.fields | _texts(record, changed)


def _texts(model: BaseModel, names: set[str] | None) -> dict[str, str]:
    """The text of each field of ``names``; None: of all."""
    dumped = model.model_dump(mode="json", warnings="error", include=names)
    texts = {name: _canonical(value) for name, value in dumped.items()}
    if any(_REPLACED in text for text in texts.values()):
        exact = _exact(model.model_dump(warnings="error", include=names))
        texts = {name: _canonical(value) for name, value in exact.items()}
    return texts


def _exact(value: Any) -> Any:
    """As pydantic makes it JSON, but with every key as it is: pydantic puts U+FFFD where a key has
    a lone surrogate, so that two keys would become one.
    """
    if isinstance(value, dict):
        return {key: _exact(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_exact(one) for one in value]
    return to_jsonable_python(value)


def encode(state: RecordedState, texts: RecordTexts | None = None) -> bytes:
    """``state`` as it is stored; the same state gives the same bytes, whatever ``texts`` remember.

    Money is text, times are ISO 8601 with their offset (ours are UTC), lone surrogates stay (as
    JSON escapes). Raises ``StateError`` for a state that could not be read back, which only a
    mistake of ours makes.
    """
    try:
        texts = texts or RecordTexts()
        parts = texts.of(state) | texts.of_the_rest(state)
        parts["version"] = str(VERSION)
        inside = ",".join([f'"{name}":{parts[name]}' for name in _ORDER])
        body = f"{{{inside}}}\n".encode("ascii")
    except PydanticSerializationError as error:
        raise StateError(
            "refused to store a state that could not be read again",
            why=printable(str(error), 200),
            fix="report this: nothing was written",
        ) from error
    return b'{"checksum":"sha256:%s",' % _digest(body) + body[1:]


def decode(data: bytes, where: str) -> RecordedState:
    """The state in ``data``. ``where`` names it in errors and must be escaped.

    Raises ``StateError`` for bytes that are cut, empty, zeroed, changed, of a newer version or
    of a shape that this program does not know.
    """
    start = _checked_start(data, where)
    return _decoded_at_once(data, start) or _decoded_in_steps(data, where)


def checksum_of(data: bytes) -> bytes | None:
    """What stands as the checksum of ``data``, right or not; None where nothing does."""
    head = _HEAD.match(data)
    return None if head is None else head[1]


def is_whole(data: bytes, checksum: bytes) -> bool:
    """True for the bytes of the one state that has this checksum, and no others."""
    head = _HEAD.match(data)
    return head is not None and head[1] == checksum == _found(data, head.end())


def _decoded_at_once(data: bytes, start: int) -> RecordedState | None:
    """The usual case, straight from the bytes; None for anything else, an older version too.

    Blanks take the place of checksum and version, in one copy: more of them would be a tenth of
    all memory that a plan of ten thousand nodes needs.
    """
    tail = data.rfind(_TAIL)
    if tail < 0:
        return None
    text = bytearray(data)
    text[1:start] = b" " * (start - 1)
    text[tail : tail + len(_VERSION)] = b" " * len(_VERSION)
    try:
        return RecordedState.model_validate_json(text)
    except ValidationError:
        return None  # it may hold a lone surrogate, which this parser refuses


def _decoded_in_steps(data: bytes, where: str) -> RecordedState:
    fields = _parsed(data)
    _check_version(fields, where)
    try:
        return RecordedState.model_validate(_without_envelope(_upgraded(fields, where)))
    except ValidationError as error:
        raise _corrupt(where, _first_problem(error)) from None


def _upgraded(fields: Mapping[str, Any], where: str) -> Mapping[str, Any]:
    """The fields as the present version has them, one step for each version since."""
    version = fields.get("version")
    if version != VERSION and (type(version) is not int or version not in _UPGRADES):
        raise _corrupt(where, "it names no format version that ever was")
    for step in range(version, VERSION):
        fields = _UPGRADES[step](fields)
    return fields


def _from_version_1(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    """No host is pinned yet: the first run that changes something pins its own."""
    return {**fields, "host": None, "saved_by": "", "let_go": {}, "rolled_back": None}


def _from_version_2(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    """The first pass of the loop, or the first apply that changes something, reads the clocks.
    Nothing was learnt of hosts yet. What machines have cost is counted from their records on.
    """
    return {**fields, "clock": None, "hosts": {}, "ledger": {}, "budgets": {}}


_UPGRADES: Mapping[int, Callable[[Mapping[str, Any]], Mapping[str, Any]]] = {
    1: _from_version_1,
    2: _from_version_2,
}
"""By the version that each step starts from."""


def _checked_start(data: bytes, where: str) -> int:
    """Where the object goes on after its checksum, which is right."""
    head = _HEAD.match(data)
    if head is None:
        # A newer version may begin in another way; say so rather than call it damaged.
        _check_version(_parsed(data), where)
        raise _corrupt(where, _shape_of(data))
    found = _found(data, head.end())
    if found != head[1]:
        raise _corrupt(
            where,
            f"checksum written {_short(head[1])}, checksum of what is there {_short(found)}",
        )
    return head.end()


def _found(data: bytes, start: int) -> bytes:
    return _digest(b"{", memoryview(data)[start:])


def _check_version(fields: Mapping[str, Any], where: str) -> None:
    version = fields.get("version")
    if isinstance(version, int) and version > VERSION:
        raise StateError(
            f"{where}: the state has format version {printable(str(version), 20)}, "
            f"this program knows {VERSION}",
            why="it was written by a newer gpu-shopper",
            fix="use that version of gpu-shopper; nothing was changed",
        )


def _parsed(data: bytes) -> Mapping[str, Any]:
    """The JSON object in ``data``; empty for anything else."""
    try:
        fields = json.loads(data)
    except (ValueError, RecursionError):
        return {}
    return fields if isinstance(fields, dict) else {}


def _without_envelope(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if name not in ("checksum", "version")}


def _canonical(value: object) -> str:
    return _WRITTEN(value).replace("\x7f", "\\u007f")


def _digest(*body: bytes | memoryview) -> bytes:
    digest = hashlib.sha256()
    for part in body:
        digest.update(part)
    return digest.hexdigest().encode("ascii")


def _short(digest: bytes) -> str:
    return digest[:_SHOWN_DIGITS].decode("ascii") + "..."


def _shape_of(data: bytes) -> str:
    if not data:
        return "the file is empty"
    if not data.strip(b"\0"):
        return f"the file holds {len(data)} zero bytes"
    return "it does not begin as a state file does"


def _first_problem(error: ValidationError) -> str:
    problems = error.errors(include_url=False, include_input=False, include_context=False)
    place = ".".join(str(part) for part in problems[0]["loc"])
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return printable(f"{place}: {problems[0]['type']}", 200) + more


def _corrupt(where: str, why: str) -> StateError:
    return StateError(f"{where}: the state is damaged", why=why)
