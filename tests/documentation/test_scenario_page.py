"""Every scenario at every face: its promises are kept, and the page says what became of it."""

from __future__ import annotations

import pytest

from reconciler.model.provider_types import PROVIDER_TYPES, SIMULATED
from tests.documentation.scenario_page import (
    SCENARIO_PAGE,
    WRITE_IT,
    cell_of,
    documented_cells,
    fuzz_counts,
)
from tests.simulation.scenarios import FACES, SCENARIOS


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize("position", range(len(SCENARIOS)), ids=lambda at: SCENARIOS[at].name)
def test_a_scenario_keeps_every_promise_and_is_documented(face: str, position: int) -> None:
    documented = documented_cells()[face, SCENARIOS[position].name]
    assert cell_of(face, position) == documented, WRITE_IT


def test_the_page_says_how_much_is_mutated() -> None:
    assert SCENARIO_PAGE.read_text(encoding="utf-8").endswith(fuzz_counts()), WRITE_IT


def test_every_real_provider_is_in_the_table() -> None:
    assert set(FACES) == set(PROVIDER_TYPES) - {SIMULATED}
