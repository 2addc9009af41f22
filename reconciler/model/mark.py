"""The ownership mark: our name on a machine (SPEC.md section 4, "The mark").

``gs1-<workspace 10>-<fleet>-<slot>-<end 7>-<nonce 8>``: the workspace part is five characters of
the workspace name's hash and five of the state lineage's; the end is the lease end in seconds, in
base 36. Identity is workspace part + nonce, compared whole; fleet text and end may change.
"""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime
from functools import lru_cache

from reconciler.model.value import dataclass

_PREFIX = "gs1"
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_SHAPE = re.compile(
    r"gs1-(?P<name>[0-9a-z]{5})(?P<lineage>[0-9a-z]{5})-(?P<fleet>[a-z](?:[a-z0-9-]{0,20}[a-z0-9])?)"
    r"-(?P<index>0|[1-9][0-9]{0,4})-(?P<end>[0-9a-z]{7})-(?P<nonce>[0-9a-z]{8})"
)
LONGEST_MARK = 60
NONCE_LENGTH = 8
NONCE_ALPHABET = _DIGITS
NONCES = len(NONCE_ALPHABET) ** NONCE_LENGTH
"""How many there are."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A parsed mark. ``str()`` gives the text sent to the provider (at most 60 characters)."""

    workspace_part: str
    fleet: str
    index: int
    end: datetime
    nonce: str

    def __str__(self) -> str:
        end = _base36(int(self.end.timestamp()), 7)
        return f"{_PREFIX}-{self.workspace_part}-{self.fleet}-{self.index}-{end}-{self.nonce}"

    @property
    def identity(self) -> str:
        """What stays the same for the life of the machine; compare it whole."""
        return f"{self.workspace_part}-{self.nonce}"

    @property
    def address(self) -> str:
        return f"fleet.{self.fleet}[{self.index}]"


def nonce(number: int) -> str:
    """The nonce of that number, below ``NONCES``: another one for each."""
    return _base36(number, NONCE_LENGTH)


@lru_cache(maxsize=8)
def workspace_part(workspace: str, lineage: str) -> str:
    """The ten characters which say whose machine it is."""
    return _hash5(workspace) + _hash5(lineage)


def same_workspace_name(mark: Mark, workspace: str) -> bool:
    """True when the mark was made under this workspace name, by whatever lineage."""
    return mark.workspace_part[:5] == _hash5(workspace)


@lru_cache(maxsize=1024)
def parse_mark(text: str | None) -> Mark | None:
    """The mark in a provider's label, or None when the label is not exactly one of ours."""
    match = _SHAPE.fullmatch(text) if text and len(text) <= LONGEST_MARK else None
    if match is None:
        return None
    return Mark(
        workspace_part=match["name"] + match["lineage"],
        fleet=match["fleet"],
        index=int(match["index"]),
        end=datetime.fromtimestamp(int(match["end"], 36), UTC),
        nonce=match["nonce"],
    )


@lru_cache(maxsize=64)
def _hash5(text: str) -> str:
    number = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
    return _base36(number % 36**5, 5)


def _base36(number: int, width: int) -> str:
    digits = []
    for _ in range(width):
        number, digit = divmod(number, 36)
        digits.append(_DIGITS[digit])
    return "".join(reversed(digits))
