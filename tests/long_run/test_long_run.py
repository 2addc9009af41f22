"""Pieces of long runs add up, and tell what fails them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.long_run.pieces import schedules
from tests.long_run.sums import MANY, failed, summed
from tests.simulation.simulator.campaign import never_met


def _pieces(tmp_path: Path) -> list[dict[str, Any]]:
    """As they are printed and read again."""
    pieces = [schedules(tmp_path, 0, 1), schedules(tmp_path, 1, 2)]
    found: list[dict[str, Any]] = json.loads(json.dumps(pieces))
    return found


def test_pieces_of_schedules_add_up(tmp_path: Path) -> None:
    first, second = pieces = _pieces(tmp_path)
    assert (first["next_seed"], second["next_seed"]) == (1, 3)
    assert "| schedules | 3 | 0 |" in summed(pieces)
    assert not failed(pieces)


def test_a_fault_that_no_command_of_a_long_run_met_fails_it(tmp_path: Path) -> None:
    first, second = _pieces(tmp_path)
    assert failed([first, {**second, "runs": MANY}])
    met = {number: {"0": 1} for number in never_met(set())}
    assert not failed([first, {**second, "runs": MANY, "met": met}])


def test_a_promise_that_was_broken_is_told_with_its_seed(tmp_path: Path) -> None:
    first, second = _pieces(tmp_path)
    pieces = [first, {**second, "broken": [{"seed": 2, "said": "I9: still there"}]}]
    assert failed(pieces)
    assert "broken: schedules, seed 2: I9: still there" in summed(pieces)
