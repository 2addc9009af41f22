"""The sixty bad inputs of RELIABILITY.md, given to the command while a machine runs: the exit code,
what is said, and that nothing is lost by it.
"""

from __future__ import annotations

import ast
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from reconciler.cli.exits import run_command
from reconciler.cli.root import root
from reconciler.market.faults import Fault
from reconciler.market.ledger import living
from reconciler.market.settings import CALM
from reconciler.market.world import World
from reconciler.model.exit_code import ExitCode
from tests.bad_inputs.spoiled import PROVED_BY, SPOILED, STATE, Spoiled
from tests.cli.in_process import run
from tests.markets import START, small_world
from tests.simulation.shop import QUICKSTART, Shop, several_offers, story
from tests.unit.documents.bad_input_cases import BAD_INPUTS, BadInput

ROOT = Path(__file__).parents[2]
MARKET = Path("state/simulated-market.sqlite")
_STOPPED = 1e-6


@pytest.fixture(scope="module")
def bought(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with one machine; the market's clock stands still."""
    directory = tmp_path_factory.mktemp("bought") / "deployment"
    (directory / "state").mkdir(parents=True, mode=0o700)
    (directory / "fleets.yaml").write_text(QUICKSTART)
    world = small_world(*several_offers(), path=directory / MARKET, settings=CALM, speed=_STOPPED)
    world.close()
    _command(directory, "apply", "-auto-approve", "-detach")
    return directory


@pytest.fixture
def directory(bought: Path, tmp_path: Path) -> Iterator[Path]:
    copy = tmp_path / "deployment"
    shutil.copytree(bought, copy)
    yield copy
    assert _ledger(copy) == _ledger(bought), "a bad input bought or destroyed something"


def _command(directory: Path, *arguments: str) -> int:
    return int(run_command(root, [f"--chdir={directory}", *arguments]))


def _ledger(directory: Path) -> tuple[list[str], int]:
    with World.open(directory / MARKET) as world:
        calls = [call for call in world.calls() if call.operation.endswith("y_instance")]
        return [one.id for one in living(world, START + timedelta(hours=1))], len(calls)


def test_the_workspace_has_a_machine_to_lose(bought: Path) -> None:
    assert len(_ledger(bought)[0]) == 1


@pytest.mark.parametrize("case", [one for one in BAD_INPUTS if one.number != 20], ids=str)
def test_bad_documents_are_refused_and_touch_nothing(
    case: BadInput, directory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (directory / STATE).read_bytes()
    (directory / "fleets.yaml").unlink()
    for name, content in case.files.items():
        (directory / name).write_bytes(content)
    for name, target in case.links.items():
        (directory / name).symlink_to(target)
    said = run(capsys, "apply", "-auto-approve", directory=directory)
    assert said.code == ExitCode.DOCUMENTS_INVALID
    for told in case.told:
        assert told.place in said.err
    assert "Traceback" not in said.err
    assert not case.hidden or case.hidden not in said.out + said.err
    assert (directory / STATE).read_bytes() == before


@pytest.mark.parametrize("case", SPOILED, ids=str)
def test_bad_input_is_told_with_its_code_and_loses_nothing(
    case: Spoiled, directory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    case.spoil(directory)
    before = _bytes_of(directory / STATE)
    said = run(capsys, *case.arguments, directory=directory)
    assert said.code == case.code, said
    printed = said.out + said.err
    assert [part for part in case.says if part not in printed] == [], printed
    assert "Traceback" not in printed
    assert "\x1b" not in printed
    assert len(said.err.splitlines()) <= 10
    assert _bytes_of(directory / STATE) == before


def _bytes_of(path: Path) -> tuple[bool, bytes]:
    return path.is_symlink(), path.read_bytes()


def test_bad_input_55_a_storm_of_refused_reads_holds_no_destroy_back(tmp_path: Path) -> None:
    """Ten minutes of 429 without Retry-After, and the lease ends in them."""

    async def tell(shop: Shop) -> None:
        await shop.apply()
        await shop.wait(timedelta(hours=4))
        until = shop.now + timedelta(minutes=10)
        for operation in ("list_instances", "get_instance", "list_offers"):
            shop.world.script_fault(Fault(error="rate-limited"), operation, until=until)
        result = await shop.reconcile()
        assert result.code in (ExitCode.PROVIDER_FAILURE, ExitCode.DESTROY_UNVERIFIED)
        await shop.wait(timedelta(minutes=1))
        assert shop.alive() == ()
        assert len(shop.state().instances) == 1, "not proven: it stays recorded"

    story(tmp_path, tell)


def test_every_bad_input_has_its_case_or_names_the_test_that_proves_it() -> None:
    cases = {case.number for case in BAD_INPUTS} | {case.number for case in SPOILED}
    assert cases | set(PROVED_BY) == set(range(1, 61))


@pytest.mark.parametrize("proof", sorted(PROVED_BY.values()))
def test_a_named_proof_exists(proof: tuple[str, str]) -> None:
    file, name = proof
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    assert name in {one.name for one in tree.body if isinstance(one, ast.FunctionDef)}
