"""What disks, editors and people do to a stored file, drawn by hypothesis."""

from __future__ import annotations

import hashlib
import json
import random
from typing import Any

from hypothesis import strategies as st

from reconciler.model.errors import GpuShopperError
from tests.fuzz.mutation import mutated_json


@st.composite
def damaged(draw: st.DrawFn, whole: bytes) -> bytes:
    """``whole`` after one change: a part is overwritten, cut out, put in, doubled or moved."""
    start = draw(st.integers(0, len(whole)))
    end = draw(st.one_of(st.integers(start, min(len(whole), start + 3)), st.just(len(whole))))
    part = whole[start:end]
    new = draw(st.one_of(st.binary(max_size=3), st.just(2 * part), st.just(bytes(len(part)))))
    left = whole[:start] + new + whole[end:]
    place = draw(st.integers(0, len(whole)))
    moved = whole[:start] + whole[end:]
    return draw(st.sampled_from([left, moved[:place] + part + moved[place:]]))


@st.composite
def forged(draw: st.DrawFn, fields: dict[str, Any], opening: str = "") -> bytes:
    """``fields`` with one to three values changed, under a checksum that fits, as by one who knows
    how. ``opening``: what stands before the checksum.
    """
    chance = random.Random(draw(st.integers(0, 2**32)))
    return sealed(mutated_json(fields, chance), opening)


def sealed(fields: Any, opening: str = "") -> bytes:
    """``fields`` in the form of a file of ours, its checksum right."""
    body = json.dumps(fields, sort_keys=not opening, separators=(",", ":")).encode()[1:] + b"\n"
    covered = body if opening else b"{" + body
    digest = hashlib.sha256(covered).hexdigest()
    return f'{{{opening}"checksum":"sha256:{digest}",'.encode() + body


def check_told(error: GpuShopperError, exit_code: int) -> None:
    """``error`` says what and why in words for any terminal, and has that exit code."""
    assert error.exit_code == exit_code
    assert error.what
    assert error.why
    assert all(line.isprintable() for line in error.lines())
