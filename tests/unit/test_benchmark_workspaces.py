"""The workspaces that are measured are what they are called."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from tests.benchmarks.measure import cost_of
from tests.benchmarks.workspaces import COMMAND, buying, running

if TYPE_CHECKING:
    from pathlib import Path


def test_a_converged_workspace_has_nothing_to_change(tmp_path: Path) -> None:
    workspace = running(tmp_path / "many", fleets=3, nodes_each=1, files=2)
    assert cost_of((COMMAND, "plan", "-detailed-exitcode"), workspace, runs=1).cpu > 0
    state = subprocess.run(
        [COMMAND, "state", "list"], cwd=workspace, check=True, capture_output=True, text=True
    )
    assert state.stdout.count("simulated") == 3


def test_a_workspace_that_buys_plans_a_create_for_every_node(tmp_path: Path) -> None:
    workspace = buying(tmp_path / "new", fleets=2, nodes_each=2, offers=64)
    plan = subprocess.run([COMMAND, "plan"], cwd=workspace, capture_output=True, text=True)
    assert "Plan: 4 to create" in plan.stdout
