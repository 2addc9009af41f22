"""The bytes of one line of the audit trail, and how it hangs on the line before.

    {"n":12,"at":"2026-07-01T12:00:00Z",...,"hash":"<64 digits>"}

``hash`` is the SHA-256 of the hash before it, a space, and the line without its own hash.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any

from reconciler.model.published import ascii_json
from reconciler.model.value import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping

GENESIS = "0" * 64
"""What the first line of all hangs on."""
_BEFORE_HASH = b',"hash":"'
_AFTER_HASH = b'"}'
_TAIL_LENGTH = len(_BEFORE_HASH) + len(GENESIS) + len(_AFTER_HASH)
_DIGEST = re.compile(r"[0-9a-f]{64}")
_NUMBER = re.compile(rb'\{"n":(\d{1,15}),')


@dataclass(frozen=True, slots=True)
class Head:
    """Where a trail ends: the number and the hash of its last entry."""

    n: int
    digest: str


START = Head(0, GENESIS)


@dataclass(frozen=True, slots=True)
class Link:
    """One line taken apart, without its line end; whatever it holds, since it may be damaged.

    ``whole``: it has the shape of a line of ours.
    """

    body: bytes
    digest: str
    n: int | None
    whole: bool


def sealed(fields: Mapping[str, Any], after: Head) -> tuple[bytes, Head]:
    """The next line behind ``after``, with its line end, and the head that it makes."""
    n = after.n + 1
    body = ascii_json({"n": n, **fields}).encode("ascii")
    digest = digest_of(after.digest, body)
    line = body[:-1] + _BEFORE_HASH + digest.encode("ascii") + _AFTER_HASH + b"\n"
    return line, Head(n, digest)


def digest_of(previous: str, body: bytes) -> str:
    """The hash of a line by its ``body`` and the hash before, which may be no hash at all."""
    return hashlib.sha256(previous.encode("ascii", "replace") + b" " + body).hexdigest()


def taken_apart(line: bytes) -> Link:
    """``line`` as a link; never raises.

    Taken apart by position, so that of a line with one damaged byte either the body or the hash is
    still the one that was written, and the line behind it can be told from it.
    """
    tail = line[-_TAIL_LENGTH:]
    body = line[:-_TAIL_LENGTH] + b"}"
    digest = tail[len(_BEFORE_HASH) : -len(_AFTER_HASH)].decode("ascii", "replace")
    number = _NUMBER.match(line)
    whole = (
        tail.startswith(_BEFORE_HASH)
        and tail.endswith(_AFTER_HASH)
        and _DIGEST.fullmatch(digest) is not None
        and number is not None
    )
    return Link(body, digest, int(number[1]) if number else None, whole)
