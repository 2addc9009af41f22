"""I22: what a provider sends never reaches a terminal as it came (bad inputs 26 and 52)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.in_process import run
from tests.end_to_end.workplace import HOUR, SLOW_TIME, workplace
from tests.markets import market_offer
from tests.unit.reporting.hostile import HOSTILE

# SQLite cannot hold a lone surrogate, and the market's labels have 64 characters.
SENT = HOSTILE.replace("\ud800", "")
COMMANDS = (
    "plan",
    "plan -destroy",
    "plan -markdown",
    "plan --json",
    "plan -out=p",
    "show p",
    "show --json p",
    "apply -detach p",
    "plan --json -out=p",
    "show -markdown p",
    "apply --json -detach p",
    "apply -auto-approve -detach",
    "status",
    "status --json",
    "output --json",
    "output -env fleet.dev",
    "output -hostfile",
    "output -ansible",
    "quarantine list",
    "quarantine list -json",
    "orphans",
    "offers",
    "offers --group region",
    "offers --json",
    "explain fleet.dev",
    "explain fleet.dev -json",
    "ssh-config",
    "ssh -print fleet.dev",
    "state list",
    "state show fleet.dev",
    "state pull",
    "state history",
    "state mv fleet.dev fleet.lab",
    "state mv fleet.lab fleet.dev",
    "state rebuild -auto-approve",
    "state restore -auto-approve state/demo.json",
    "state rm -auto-approve fleet.dev",
    "orphans",
    "reconcile --once -record r.json",
    "replay r.json",
    "events",
    "events -json",
    "audit verify",
    "doctor",
    "doctor -json",
    "simulate ledger",
    "destroy -auto-approve -no-wait",
)


def is_clean(text: str) -> bool:
    """No control character but the line end, and no line that a line break has forged."""
    lines = text.split("\n")
    return all(line.isprintable() for line in lines) and not any(
        line.lstrip().startswith("+ fleet.fake") for line in lines
    )


def test_I22_a_hostile_label_region_and_host_stay_inert(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    offer = market_offer("o1", region=SENT, host=SENT, country=None, stock=3)
    with workplace(tmp_path, offer, speed=SLOW_TIME) as shop:
        shop.world.place_foreign(shop.now, SENT)
        shop.advance(HOUR)
        bought = False
        for command in COMMANDS:
            said = run(capsys, *command.split(), directory=shop.directory)
            assert said.code in (0, 3, 8, 11) or not bought, (command, said)
            assert is_clean(said.out), (command, ascii(said.out))
            assert is_clean(said.err), (command, ascii(said.err))
            if command.startswith("apply"):
                assert shop.ever() == 2
                shop.advance(HOUR)
                bought = True


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
