"""Broken files and answers: no traceback, a refusal of ours, and within the limits (I23)."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.fuzz import fuzzing
from tests.fuzz.fuzzing import MEMORY_BYTES_MAX, fuzz
from tests.fuzz.targets import TARGETS, Target
from tests.work import I23_CALLS_MAX

INPUTS = 20_000


@pytest.mark.parametrize("target", TARGETS, ids=lambda one: one.name.replace(" ", "-"))
def test_I23_whatever_it_reads_it_answers_or_refuses(target: Target) -> None:
    found = fuzz(target, INPUTS, seed=0)
    assert not found.escaped, found.escaped
    assert found.most_calls < I23_CALLS_MAX
    assert found.grown_bytes <= MEMORY_BYTES_MAX
    assert bool(found.refused) == bool(target.refusals)
    assert found.answered
    assert found.inputs == INPUTS


def _three_doors(data: bytes) -> None:
    """Each opens for one byte of 256; none refuses anything."""
    if data[:1] != b"g":
        return
    if data[1:2] != b"p":
        return
    if data[2:3] != b"u":
        return
    raise RuntimeError("found")


def _other_byte(data: bytes, chance: random.Random) -> bytes:
    place = chance.randrange(len(data))
    return data[:place] + bytes([chance.randrange(256)]) + data[place + 1 :]


def test_lines_that_were_never_reached_lead_on(monkeypatch: pytest.MonkeyPatch) -> None:
    target = Target("doors", lambda chance: chance.randbytes(3), _three_doors, (), _other_byte)
    assert not fuzz(target, 20_000, seed=0).escaped
    monkeypatch.setattr(fuzzing, "_OURS", str(Path(__file__).parent))
    monkeypatch.setattr(fuzzing, "_TRACED", 1)
    assert "found" in fuzz(target, 20_000, seed=0).escaped
