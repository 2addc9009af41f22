"""Broken files and answers: no traceback, a refusal of ours, and within the limits (I23)."""

from __future__ import annotations

import pytest

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
