"""Command lines that cannot be meant: exit 64, what is wrong, and what was near."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from tests.cli.in_process import COMMANDS_WITH_LOCK, run
from tests.simulation.shop import QUICKSTART


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with documents, and nobody at the terminal."""
    (tmp_path / "fleets.yaml").write_text(QUICKSTART)
    monkeypatch.setattr("sys.stdin", io.StringIO())
    return tmp_path


@pytest.mark.parametrize(
    ("line", "near"),
    [
        ("aply", "apply"),
        ("reconcil --once", "reconcile"),
        ("plan --tarkget=fleet.dev", "--target"),
        ("apply -auto-aprove", "--auto-approve"),
        ("--chdri=x plan", "--chdir"),
        ("state lst", "list"),
        ("frobnicate", "No such command"),
        ("state frobnicate", "No such command"),
        ("plan -frobnicate", "--frobnicate"),
    ],
)
def test_bad_input_31_an_unknown_word_is_64_and_the_near_one_is_named(
    capsys: pytest.CaptureFixture[str], line: str, near: str
) -> None:
    said = run(capsys, *line.split())
    assert (said.code, said.out) == (64, "")
    assert said.err.startswith("Usage: gpu-shopper")
    assert near in said.err


@pytest.mark.parametrize("command", ["destroy", "apply", "destroy -target=fleet.dev"])
def test_bad_input_32_without_a_terminal_the_flag_that_approves_is_named(
    capsys: pytest.CaptureFixture[str], directory: Path, command: str
) -> None:
    said = run(capsys, *command.split(), directory=directory)
    assert (said.code, said.out) == (64, "")
    assert "-auto-approve" in said.err
    assert not (directory / "state").exists(), "refused before anything was looked at"


@pytest.mark.parametrize("command", COMMANDS_WITH_LOCK)
@pytest.mark.parametrize("value", ["-1", "abc", "-5m", "nan", "1e3", ""])
def test_bad_input_35_a_lock_timeout_is_a_duration(
    capsys: pytest.CaptureFixture[str], command: str, value: str
) -> None:
    for flag in ([f"-lock-timeout={value}"], ["--lock-timeout", value]):
        said = run(capsys, *command.split(), *flag)
        assert (said.code, said.out) == (64, "")
        assert "lock-timeout" in said.err


@pytest.mark.parametrize(
    "line",
    [
        "reconcile",
        "reconcile --once --interval 5m",
        "reconcile --interval 0s",
        "reconcile --interval 5m -max-destroy=1",
        "reconcile --interval 5m -record=d.json",
        "reconcile --interval 5m -trust-clock",
        "reconcile --interval 5m --json",
        "reconcile --install cron -record=d.json",
        "reconcile --install cron --yes --dry-run",
        "reconcile --install cron --yes -max-destroy=1",
        "replay",
        "replay missing.json",
        "status -w --json",
        "extend fleet.dev[0] 1h",
        "extend fleet.dev -1h",
        "extend fleet.dev",
        "plan -target=fleets.dev",
        "ssh -nonsense fleet.dev",
        "plan -target=fleet.DEV",
        "plan -max-destroy=-1",
        "output",
        "output -json -env",
        "quarantine add simulated",
        "simulate new --ssh-at localhost",
        "simulate new --ssh-at 127.0.0.1:70000",
        "completion tcsh",
        "offers --max-gpu-hour nan",
        "offers --max-gpu-hour -1",
        "offers --disk lots",
        "offers --gpu RTX4091",
        "offers --history -chart -json",
        "offers --history -chart -o prices.svg",
        "offers --history -o prices.gif",
        "simulate new --speed 0",
        "simulate new --speed nan",
        "",
    ],
)
def test_what_cannot_be_meant_is_a_usage_error(
    capsys: pytest.CaptureFixture[str], directory: Path, line: str
) -> None:
    said = run(capsys, *line.split(), directory=directory)
    assert said.code == 64
    assert "Traceback" not in said.err
    assert len(said.err.splitlines()) <= 10


@pytest.mark.parametrize("line", ["offers -chart", "offers -o prices.svg"])
def test_a_chart_of_offers_is_one_of_their_history(
    capsys: pytest.CaptureFixture[str], directory: Path, line: str
) -> None:
    said = run(capsys, *line.split(), directory=directory)
    assert said.code == 64
    assert "add --history" in said.err
    assert not (directory / "prices.svg").exists()


@pytest.mark.parametrize("line", ["plan -target=fleet.deb", "apply -renew=fleet.deb -auto-approve"])
def test_an_address_of_nothing_names_what_there_is(
    capsys: pytest.CaptureFixture[str], directory: Path, line: str
) -> None:
    said = run(capsys, *line.split(), directory=directory)
    assert said.code == 64
    assert "fleet.dev" in said.err


def test_init_does_not_touch_documents_that_are_there(
    capsys: pytest.CaptureFixture[str], directory: Path
) -> None:
    said = run(capsys, "init", directory=directory)
    assert said.code == 1
    assert "was not touched" in said.err
    assert (directory / "fleets.yaml").read_text() == QUICKSTART


def test_a_market_in_a_place_that_cannot_be_made_is_told_in_words(
    capsys: pytest.CaptureFixture[str], directory: Path
) -> None:
    (directory / "file").write_text("in the way")
    said = run(capsys, "simulate", "new", "-market=file/market.sqlite", directory=directory)
    assert said.code == 1
    assert "file cannot be made" in said.err
    assert "unexpected" not in said.err


def test_what_init_writes_is_valid_and_two_people_never_share_a_name(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    names = set()
    for number in range(3):
        place = tmp_path / str(number) / "my Project!"
        place.mkdir(parents=True)
        assert run(capsys, "init", directory=place).code == 0
        said = run(capsys, "validate", directory=place)
        assert said.code == 0
        names.add(said.out.split()[2].rstrip(","))
    assert len(names) == 3
    assert all(name.startswith("my-project-") for name in names)


def test_an_error_without_a_cause_of_ours_is_one_line_and_a_traceback_only_with_debug(
    capsys: pytest.CaptureFixture[str], directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(*_: object, **__: object) -> None:
        raise RuntimeError("a \x1b[2J surprise")

    monkeypatch.setattr("reconciler.documents.loader.load_documents", breaks)
    said = run(capsys, "validate", directory=directory)
    assert said.code == 1
    assert "Traceback" not in said.err
    assert "\x1b" not in said.err
    assert "--debug" in said.err
    assert "Traceback" in run(capsys, "--debug", "validate", directory=directory).err
