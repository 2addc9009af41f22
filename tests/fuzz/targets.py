"""What reads files and answers that others may have written, and what each may do with them."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

from reconciler.documents.loader import load_text
from reconciler.model.errors import DocumentError, ProviderError, StalePlan, StateError
from reconciler.model.value import dataclass
from reconciler.statefile.audit_chain import START, sealed
from reconciler.statefile.audit_verification import verified
from reconciler.statefile.backend import LockInfo
from reconciler.statefile.format import decode, encode
from reconciler.statefile.lock_info import decode_info, describe, encode_info
from reconciler.statefile.plan_file import decode_plan, encode_plan
from tests.fuzz.answers import read_answer, some_answer
from tests.fuzz.mutation import mutated_bytes, mutated_json
from tests.simulation.simulator.documents import DOCUMENTS
from tests.unit.statefile.states import NOW, state
from tests.unit.statefile.test_plan_file import document

_EXAMPLES = sorted((Path(__file__).parents[2] / "examples").rglob("*.yaml"))
_DOCUMENTS = [text.encode() for text in DOCUMENTS if text]
_DOCUMENTS += [path.read_bytes() for path in _EXAMPLES]
_STATE = encode(state())
_PLAN = encode_plan(document())

_HOLDER = LockInfo(
    "0123", "apply", "ops@host", "1", NOW, "state/demo.json", "host", 42, "boot", "7"
)


@dataclass(frozen=True, slots=True)
class Target:
    """``make`` draws an input, ``read`` is given it and may raise one of ``refusals`` only."""

    name: str
    make: Callable[[random.Random], bytes]
    read: Callable[[bytes], object]
    refusals: tuple[type[Exception], ...]
    again: Callable[[bytes, random.Random], bytes] = mutated_bytes
    """Breaks an input more that led somewhere new."""


def _some_document(chance: random.Random) -> bytes:
    return mutated_bytes(chance.choice(_DOCUMENTS), chance)


def _some_state(chance: random.Random) -> bytes:
    if chance.random() < 0.3:
        return mutated_bytes(_STATE, chance)
    fields = json.loads(_STATE)
    del fields["checksum"]
    return _sealed(mutated_json(fields, chance), "checksum")


def _sealed(fields: Any, name: str) -> bytes:
    """As one who edits a file by hand and puts the checksum right."""
    body = json.dumps(fields, sort_keys=True, separators=(",", ":")).encode() + b"\n"
    digest = hashlib.sha256(body).hexdigest()
    return f'{{"{name}":"sha256:{digest}",'.encode() + body[1:]


def _state_again(data: bytes, chance: random.Random) -> bytes:
    fields = _object(data)
    if fields is None:
        return mutated_bytes(data, chance)
    fields.pop("checksum", None)
    return _sealed(mutated_json(fields, chance), "checksum")


def _object(data: bytes) -> dict[str, Any] | None:
    """What ``data`` holds; None for anything that is no object with something in it."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) and value else None


def _answer_again(data: bytes, chance: random.Random) -> bytes:
    head, _, body = data.rpartition(b"\n")
    value = _object(body)
    if value is None:
        return head + b"\n" + mutated_bytes(body, chance)
    return head + b"\n" + json.dumps(mutated_json(value, chance)).encode()


def _some_plan(chance: random.Random) -> bytes:
    if chance.random() < 0.3:
        return mutated_bytes(_PLAN, chance)
    return _sealed_plan(json.loads(_PLAN), chance)


def _plan_again(data: bytes, chance: random.Random) -> bytes:
    fields = _object(data)
    if fields is None or not {"gpu_shopper_plan", "checksum"} < fields.keys():
        return mutated_bytes(data, chance)
    return _sealed_plan(fields, chance)


def _sealed_plan(fields: dict[str, Any], chance: random.Random) -> bytes:
    head = f'{{"gpu_shopper_plan":{fields.pop("gpu_shopper_plan")},'.encode()
    del fields["checksum"]
    body = json.dumps(mutated_json(fields, chance)).encode()[1:] + b"\n"
    digest = hashlib.sha256(body).hexdigest()
    return head + f'"checksum":"sha256:{digest}",'.encode() + body


def _some_lock(chance: random.Random) -> bytes:
    good = encode_info(_HOLDER)
    if chance.random() < 0.5:
        return mutated_bytes(good, chance)
    return json.dumps(mutated_json(json.loads(good), chance)).encode()


def _some_trail(chance: random.Random) -> bytes:
    lines, head = b"", START
    for number in range(6):
        fields = {"at": "2026-07-01T12:00:00Z", "action": "create", "serial": number}
        line, head = sealed(fields, head)
        lines += line
    return mutated_bytes(lines, chance)


def _spoilt_json(good: bytes, chance: random.Random) -> bytes:
    if not good or chance.random() < 0.3:
        return mutated_bytes(good, chance)
    return json.dumps(mutated_json(json.loads(good), chance)).encode()


TARGETS: tuple[Target, ...] = (
    Target(
        "documents",
        _some_document,
        lambda data: load_text("fleets.yaml", data),
        (DocumentError,),
    ),
    Target(
        "provider responses",
        lambda chance: some_answer(chance, _spoilt_json),
        read_answer,
        (ProviderError,),
        _answer_again,
    ),
    Target("state", _some_state, lambda data: decode(data, "x"), (StateError,), _state_again),
    Target(
        "plan", _some_plan, lambda data: decode_plan(data, Path("p")), (StalePlan,), _plan_again
    ),
    Target("lock", _some_lock, lambda data: describe(decode_info(data), NOW), ()),
    Target("audit trail", _some_trail, lambda data: verified([("a", data)], None), ()),
)
