"""What a command imports, for that is what its start costs.

The times themselves depend on the machine; the modules do not.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.end_to_end.workplace import SLOW_TIME, workplace

SLOW = {"anyio", "deepdiff", "httpx", "jsonschema", "pydantic", "rich", "sqlite3", "yaml"}
_TELL = """
import json, sys
from reconciler.cli.main import main
try:
    main(sys.argv[1:])
except SystemExit as end:
    assert not end.code, end.code
finally:
    print(json.dumps(sorted(sys.modules)), file=sys.stderr)
"""
_TELL_BUILT = """
import json, sys
from reconciler.cli.main import main
try:
    main(sys.argv[1:])
finally:
    from pydantic import BaseModel
    kinds, built = [BaseModel], []
    while kinds:
        kinds += kinds.pop().__subclasses__()
        built += [kind.__name__ for kind in kinds if kind.__pydantic_complete__]
    print(json.dumps(sorted(set(built) - {"BaseModel"})), file=sys.stderr)
"""


def modules_of(*arguments: str, cwd: Path) -> set[str]:
    """The top names of all modules in memory when the command has ended."""
    return {name.partition(".")[0] for name in all_modules_of(*arguments, cwd=cwd)}


def all_modules_of(*arguments: str, cwd: Path) -> set[str]:
    """All modules in memory when the command has ended."""
    return _told(_TELL, *arguments, cwd=cwd)


def _told(script: str, *arguments: str, cwd: Path) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=True,
    )
    return set(json.loads(done.stderr.splitlines()[-1]))


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["-h"], ["version"], ["completion", "bash"]],
    ids=" ".join,
)
def test_what_needs_no_documents_imports_nothing_slow(tmp_path: Path, arguments: list[str]) -> None:
    assert modules_of(*arguments, cwd=tmp_path) & SLOW == set()


@pytest.mark.parametrize("arguments", [["--version"], ["-version"]], ids=" ".join)
def test_the_version_imports_not_even_click(tmp_path: Path, arguments: list[str]) -> None:
    assert modules_of(*arguments, cwd=tmp_path) & {"click", *SLOW} == set()


@pytest.mark.parametrize("command", ["plan", "status", "apply -auto-approve", "reconcile --once"])
def test_a_run_without_changes_leaves_out_what_it_does_not_need(
    tmp_path: Path, command: str
) -> None:
    with workplace(tmp_path, speed=SLOW_TIME) as shop:
        assert shop.apply("-detach").code == 0
        shop.world.advance(shop.world.settings.list_lag * 2)
        loaded = modules_of(*command.split(), cwd=shop.directory)
        assert loaded & {"deepdiff", "highspy", "httpx", "jsonschema", "rich"} == set()


def test_a_look_at_a_market_on_this_machine_needs_no_event_loop(tmp_path: Path) -> None:
    with workplace(tmp_path, speed=SLOW_TIME) as shop:
        assert modules_of("plan", cwd=shop.directory) & {"anyio", "asyncio", "ssl"} == set()


def test_a_plan_that_is_only_shown_makes_no_documents_of_itself(tmp_path: Path) -> None:
    with workplace(tmp_path, speed=SLOW_TIME) as shop:
        loaded = all_modules_of("plan", cwd=shop.directory)
        assert {
            "reconciler.model.event",
            "reconciler.model.action_document",
            "reconciler.model.plan_document",
            "reconciler.planning.saved_plan",
            "reconciler.reporting.plan_json",
            "reconciler.statefile.plan_file",
        } & loaded == set()


def test_a_plan_builds_only_what_it_reads_the_documents_and_the_state_with(tmp_path: Path) -> None:
    with workplace(tmp_path, speed=SLOW_TIME) as shop:
        assert shop.apply("-detach").code == 0
        shop.world.advance(shop.world.settings.list_lag * 2)
        built = _told(_TELL_BUILT, "plan", cwd=shop.directory)
        assert built == {"FleetDocument", "RecordedState"}


@pytest.mark.parametrize("command", ["plan", "apply -auto-approve", "status", "state list"])
def test_what_changes_nothing_neither_loads_nor_opens_the_audit_trail(
    tmp_path: Path, command: str
) -> None:
    with workplace(tmp_path, speed=SLOW_TIME) as shop:
        assert shop.apply("-detach").code == 0
        shop.world.advance(shop.world.settings.list_lag * 2)
        trail = shop.state_path.with_name("demo.json.audit.jsonl")
        trail.unlink()
        loaded = all_modules_of(*command.split(), cwd=shop.directory)
        assert not [name for name in loaded if "audit" in name]
        assert not trail.exists()


def test_a_purchase_in_which_no_fleet_stands_in_anothers_way_needs_no_solver(
    tmp_path: Path,
) -> None:
    with workplace(tmp_path, speed=SLOW_TIME) as shop:
        assert modules_of("plan", cwd=shop.directory) & {"highspy", "numpy"} == set()
