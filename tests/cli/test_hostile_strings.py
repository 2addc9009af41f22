"""I22: what a provider sends never reaches a terminal as it came (bad inputs 26 and 52)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.every_view import (
    AFTER_A_REFUSAL,
    MARKUP,
    WORDS_OF_THEIR_OWN,
    every_view,
    inert,
    is_clean,
    refuses,
    says,
)
from tests.cli.in_process import run
from tests.end_to_end.workplace import HOUR, SLOW_TIME, workplace
from tests.markets import market_offer
from tests.simulation.shop import QUICKSTART
from tests.unit.reporting.hostile import HOSTILE

# SQLite cannot hold a lone surrogate, and the market's labels have 64 characters.
SENT = HOSTILE.replace("\ud800", "")


def test_I22_a_hostile_label_region_and_host_stay_inert(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    offer = market_offer("o1", region=SENT, host=SENT, country=None, stock=3)
    with workplace(tmp_path, offer, speed=SLOW_TIME) as shop:
        shop.world.place_foreign(shop.now, SENT)
        shop.advance(HOUR)
        every_view(shop, capsys)


@pytest.mark.parametrize("text", [HOSTILE, MARKUP], ids=["controls", "markup"])
def test_I22_C13_whatever_a_provider_says_of_its_machines_stays_inert(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    text: str,
) -> None:
    """Each text that a provider may choose, in each view that there is of it."""
    with workplace(tmp_path, speed=SLOW_TIME) as shop:
        shop.declare(QUICKSTART + WORDS_OF_THEIR_OWN)
        shop.world.place_foreign(shop.now, "somebody-else")
        says(monkeypatch, text)
        every_view(shop, capsys)


def test_I22_C13_what_a_provider_answers_instead_stays_inert(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with workplace(tmp_path, speed=SLOW_TIME) as shop:
        assert run(capsys, "apply", "-auto-approve", "-detach", directory=shop.directory).code == 0
        refuses(monkeypatch, MARKUP)
        for command in AFTER_A_REFUSAL:
            code = inert(shop, capsys, command).code
            assert code == (0 if command.startswith("events") else 8), command
        assert len(shop.alive()) == 1


def test_I22_a_mark_that_was_overwritten_at_the_provider_stays_inert(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with workplace(tmp_path, speed=SLOW_TIME) as shop:
        assert shop.apply("-detach").code == 0
        shop.advance(HOUR)
        (machine,) = shop.alive()
        shop.world.relabel(machine.id, SENT)
        for command in ("plan", "status", "orphans", "reconcile --once", "simulate ledger"):
            said = run(capsys, *command.split(), directory=shop.directory)
            assert is_clean(said.out), (command, ascii(said.out))
            assert is_clean(said.err), (command, ascii(said.err))
        assert shop.alive()[0].id == machine.id


@pytest.mark.parametrize(
    "line",
    [
        ["plan", f"-target={SENT}"],
        ["plan", f"-{SENT}"],
        [SENT],
        ["--chdir=" + SENT, "plan"],
        ["validate", SENT],
        ["replay", SENT],
        ["state", "unlock", SENT],
        ["state", "mv", SENT, "fleet.dev"],
        ["state", "rm", SENT],
        ["state", "restore", "-auto-approve", SENT],
        ["state", "resolve", "fleet.dev[0]", "-found", SENT],
        ["offers", "--gpu", SENT],
        ["reconcile", f"--interval={SENT}"],
        ["init", f"--workspace={SENT}"],
    ],
    ids=ascii,
)
def test_I22_what_was_typed_comes_back_escaped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], line: list[str]
) -> None:
    with workplace(tmp_path, speed=SLOW_TIME) as shop:
        where = None if line[0].startswith("--chdir") else shop.directory
        said = run(capsys, *line, directory=where)
        assert is_clean(said.out), ascii(said.out)
        assert is_clean(said.err), ascii(said.err)
