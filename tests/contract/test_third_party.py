"""A provider of another package: the example of docs/, really installed, and really rented from."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from reconciler.model.exit_code import ExitCode
from tests.end_to_end.command import Ended, environment, gpu_shopper

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples/third-party-provider"
DOCUMENTS = """
version: 1
workspace: demo
providers: {lab: {type: shelf}}
fleets:
  dev: {resources: {gpu: L4}, ttl: 4h, nodes: 2}
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the example is installed, as its users would install it."""
    folder = tmp_path_factory.mktemp("third-party")
    source = folder / "source"
    source.mkdir()
    for path in EXAMPLE.iterdir():
        if path.is_file():
            (source / path.name).write_bytes(path.read_bytes())
    _done(
        [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--no-index",
         "--no-deps", "--no-build-isolation", "--quiet", "--target", str(folder / "site"),
         str(source)],
        cwd=folder,
    )  # fmt: skip
    return folder / "site"


def _done(words: list[str], cwd: Path, **changes: str) -> str:
    done = subprocess.run(
        words,
        cwd=cwd,
        env=environment(cwd, **changes),
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def commands(site: Path, directory: Path, documents: str, **changes: str) -> Callable[..., Ended]:
    """Runs a command in ``directory`` where the package in ``site`` is installed."""
    (directory / "fleets.yaml").write_text(documents)
    surroundings = environment(
        directory, PYTHONPATH=str(site), SHELF_FILE=str(directory / "shelf.json"), **changes
    )
    return lambda *words: gpu_shopper(*words, cwd=directory, env=surroundings)


def test_it_passes_the_suite_that_ours_pass(site: Path, tmp_path: Path) -> None:
    test = EXAMPLE / "test_gpu_shopper_shelf.py"
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", os.devnull]
    told = _done(
        [*words, "--rootdir", str(tmp_path), str(test)],
        cwd=tmp_path,
        PYTHONPATH=os.pathsep.join([str(site), str(ROOT)]),
    )
    assert "16 passed, 6 skipped" in told


def test_it_is_configured_planned_bought_and_destroyed_like_any_other(
    site: Path, tmp_path: Path
) -> None:
    run = commands(site, tmp_path, DOCUMENTS)
    assert run("validate").code == 0
    assert "shelf" in run("providers", "matrix").out.splitlines()
    applied = run("apply", "-auto-approve")
    assert applied.code == 0, applied.err
    rented = json.loads((tmp_path / "shelf.json").read_text())
    assert [place for place, _, _ in rented.values()] == ["shelf-0", "shelf-1"]
    assert run("status").out.count(" lab ") == 2
    destroyed = run("destroy", "-auto-approve")
    assert destroyed.code == 0, destroyed.err
    assert json.loads((tmp_path / "shelf.json").read_text()) == {}


def test_a_type_that_no_package_brings_is_refused_with_what_there_is(
    site: Path, tmp_path: Path
) -> None:
    run = commands(site, tmp_path, DOCUMENTS.replace("type: shelf", "type: shell"))
    refused = run("validate")
    assert refused.code == ExitCode.DOCUMENTS_INVALID
    assert "shell is not a type of provider that is installed here" in refused.err


@pytest.mark.parametrize(
    ("point", "said"),
    [
        ("shelf = no_such_module:TYPE", "cannot be loaded"),
        ("shelf = json:dumps", "gives no ProviderType"),
    ],
)
def test_a_package_that_is_broken_is_named_and_costs_no_traceback(
    tmp_path: Path, point: str, said: str
) -> None:
    info = tmp_path / "site/broken-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[gpu_shopper.providers]\n{point}\n")
    run = commands(tmp_path / "site", tmp_path, DOCUMENTS)
    refused = run("plan")
    assert refused.code == ExitCode.USAGE
    assert said in refused.err
    assert "broken" in refused.err
    assert "Traceback" not in refused.err


def test_ours_cannot_be_replaced_by_a_package(tmp_path: Path) -> None:
    info = tmp_path / "site/thief-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: thief\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[gpu_shopper.providers]\nvastai = json:dumps\n")
    documents = DOCUMENTS.replace("type: shelf", "type: vastai")
    run = commands(tmp_path / "site", tmp_path, documents, VAST_API_KEY="")
    refused = run("plan")
    assert refused.code == ExitCode.CREDENTIALS  # the adapter that came with the program asks
    assert "VAST_API_KEY" in refused.err + refused.out
