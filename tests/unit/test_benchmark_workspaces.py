"""The workspaces that are measured are what they are called."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from reconciler.model.plan import Mode
from tests.benchmarks.acting import written_by
from tests.benchmarks.measure import cost_of
from tests.benchmarks.workspaces import COMMAND, buying, instant, running

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


def test_a_thousand_actions_take_a_few_dozen_writes_of_the_state(tmp_path: Path) -> None:
    """SPEC.md section 4, 5. The target is 60 for each; a slow disk makes it fewer."""
    workspace = instant(tmp_path / "thousand", fleets=10, nodes_each=100)
    applied = written_by(workspace, Mode.APPLY)
    assert applied.writes <= 60
    assert applied.syncs <= 3 * applied.writes + 10
    assert written_by(workspace, Mode.DESTROY).writes <= 60
