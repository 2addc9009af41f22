"""The suite kills the mutants of RELIABILITY.md: some here, all by `make mutants`."""

from __future__ import annotations

import ast

import pytest

from tests.mutants.catalogue import MUTANTS, Mutant
from tests.mutants.killing import ROOT, killed


def test_the_catalogue_holds_each_of_the_thirty_once() -> None:
    assert [mutant.number for mutant in MUTANTS] == list(range(1, 31))


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda one: f"M{one.number}")
def test_a_mutant_fits_the_code_and_its_killer_exists(mutant: Mutant) -> None:
    text = (ROOT / mutant.file).read_text(encoding="utf-8")
    assert text.count(mutant.old) == 1
    ast.parse(text.replace(mutant.old, mutant.new))
    file, _, name = mutant.killer.partition("::")
    assert f"def {name.partition('[')[0]}" in (ROOT / file).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "mutant", [one for one in MUTANTS if one.quick], ids=lambda one: f"M{one.number}"
)
def test_a_mutant_is_killed_by_the_test_that_is_named(mutant: Mutant) -> None:
    found = killed(mutant)
    assert found.tests, found.said
