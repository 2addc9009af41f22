"""A recorded decision in a file of its own: what was decided, from what, to be replayed offline.

One line of JSON, ASCII only. ``checksum`` comes first and covers every byte after it, as in a
state. Nothing in it is resolved: references stay references, and notifiers, whose addresses may
be secret and decide nothing, are left out.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from reconciler.model.decision import RecordedDecision
from reconciler.model.errors import StateError, UsageRefused
from reconciler.model.text import printable
from reconciler.statefile.files import Files
from reconciler.statefile.private_files import local_failure, shown, write_private
from reconciler.statefile.value_codec import UnreadableValue, codec_of

if TYPE_CHECKING:
    from pathlib import Path

VERSION = 1
"""The format written. A newer one is refused, never guessed at."""
RECORD_BYTES_MAX = 512 * 2**20
_KIND = "gpu-shopper decision"
_HEAD = re.compile(rb'\{"checksum":"sha256:([0-9a-f]{64})",')
_FIX = "record another one: gpu-shopper reconcile --once --record FILE"


def encode_decision(decision: RecordedDecision) -> bytes:
    """``decision`` as it is stored; the same decision gives the same bytes."""
    stored = codec_of(RecordedDecision).encode(_without_notifiers(decision))
    body = _bytes({"kind": _KIND, "version": VERSION, "decision": stored})
    return b'{"checksum":"sha256:%s",' % _digest(body) + body[1:]


def decode_decision(data: bytes, where: str) -> RecordedDecision:
    """The decision in ``data``. ``where`` names it in errors and must be escaped.

    Raises ``StateError`` (13) for bytes that are cut or changed, of a newer format, or of a shape
    that this program does not know.
    """
    head = _HEAD.match(data)
    fields = _parsed(data)
    _refuse_newer(fields, where)
    if head is None or fields.get("kind") != _KIND or fields.get("version") != VERSION:
        raise _damaged(where, "it does not begin as a recorded decision does")
    if _digest(b"{" + data[head.end() :]) != head[1]:
        raise _damaged(where, "its checksum is not that of what is there")
    try:
        decision: RecordedDecision = codec_of(RecordedDecision).decode(fields.get("decision"))
    except UnreadableValue as error:
        why = f"{error}; it was recorded by another version of gpu-shopper, or altered"
        raise _damaged(where, why) from None
    return decision


def write_decision(path: Path, decision: RecordedDecision) -> None:
    """Put ``decision`` at ``path``, 0600, as a whole or not at all; what was there is replaced.

    Raises ``GpuShopperError`` (1) when it cannot be written.
    """
    try:
        write_private(Files(), path, encode_decision(decision))
    except OSError as error:
        raise local_failure("write", path, error) from error


def read_decision(path: Path) -> RecordedDecision:
    """The decision at ``path``. Raises ``StateError`` (13) for what is not one, ``UsageRefused``
    (64) where no file can be read.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = getattr(error, "strerror", None) or "no such name can be"
        raise UsageRefused(f"cannot read {shown(path)}: {reason}", fix="name a file") from None
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise UsageRefused(f"{shown(path)} is no regular file", fix="name a file")
        if found.st_size > RECORD_BYTES_MAX:
            raise _damaged(shown(path), f"it is larger than {RECORD_BYTES_MAX} bytes")
        data = Files().read(descriptor)
    finally:
        os.close(descriptor)
    return decode_decision(data, shown(path))


def _without_notifiers(decision: RecordedDecision) -> RecordedDecision:
    inputs = decision.inputs
    if inputs.desired is None:
        return decision
    return replace(decision, inputs=replace(inputs, desired=replace(inputs.desired, notifiers={})))


def _bytes(fields: dict[str, Any]) -> bytes:
    text = json.dumps(fields, separators=(",", ":"), allow_nan=False)
    return text.encode("ascii") + b"\n"


def _digest(body: bytes) -> bytes:
    return hashlib.sha256(body).hexdigest().encode("ascii")


def _parsed(data: bytes) -> dict[str, Any]:
    try:
        fields = json.loads(data)
    except (ValueError, RecursionError):
        return {}
    return fields if isinstance(fields, dict) else {}


def _refuse_newer(fields: dict[str, Any], where: str) -> None:
    version = fields.get("version")
    if fields.get("kind") == _KIND and isinstance(version, int) and version > VERSION:
        raise StateError(
            f"{where}: the recorded decision has format version {printable(str(version), 20)}, "
            f"this program knows {VERSION}",
            why="it was written by a newer gpu-shopper",
            fix="replay it with that version",
        )


def _damaged(where: str, why: str) -> StateError:
    return StateError(f"{where}: this is no whole recorded decision", why=why, fix=_FIX)
