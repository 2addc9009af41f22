"""docs/reliability.md says of every promise and fault where it is tested, or that it is not."""

from __future__ import annotations

import ast
from functools import cache

import pytest

from tests.documentation.reference_pages import ROOT
from tests.documentation.reliability_page import PAGE, drawn, every_fault, page
from tests.mutants.catalogue import MUTANTS, Mutant
from tests.simulation.simulator.elsewhere import (
    FAULTS_ELSEWHERE,
    JUDGED,
    NOT_COVERED,
    PROMISES,
    PROMISES_ELSEWHERE,
    THE_SAME_AS,
)

JUDGE = ROOT / "tests/simulation/simulator"


@cache
def _tests_of(file: str) -> set[str]:
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    return {one.name for one in tree.body if isinstance(one, ast.FunctionDef)}


def test_the_page_is_the_generated_one() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert text == page(text), "run `.venv/bin/python -m tests.documentation.reliability_page`"


@pytest.mark.parametrize(
    "proof", sorted({*PROMISES_ELSEWHERE.values(), *FAULTS_ELSEWHERE.values()})
)
def test_a_named_test_exists(proof: str) -> None:
    file, _, name = proof.partition("::")
    assert name in _tests_of(file)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda one: f"M{one.number}")
def test_a_named_killer_exists(mutant: Mutant) -> None:
    file, _, name = mutant.killer.partition("::")
    assert not name or name in _tests_of(file)


def test_every_fault_is_tested_or_said_to_be_untested_and_never_both() -> None:
    uncovered = [number for numbers in NOT_COVERED.values() for number in numbers]
    tested = drawn() | set(FAULTS_ELSEWHERE) | set(THE_SAME_AS)
    assert set(every_fault()) == tested | set(uncovered)
    assert not tested & set(uncovered)


def test_every_promise_is_checked_or_said_to_be_unchecked() -> None:
    assert list(PROMISES) == [f"I{number}" for number in range(1, 34)]
    assert set(PROMISES) == {*JUDGED, *PROMISES_ELSEWHERE}


_JUDGING = (
    "convergence.py", "judge.py", "listener.py", "passes.py", "purse.py", "reach.py",
    "simulation.py", "trust.py",
)  # fmt: skip


def test_what_the_judge_is_said_to_check_it_checks() -> None:
    files = [(JUDGE / name).read_text(encoding="utf-8") for name in _JUDGING]
    for name in JUDGED:
        assert any(f'"{name}"' in text for text in files), name
