"""Commands in this process: as ``gpu-shopper`` runs them, without the start of a process."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click
import pytest

from reconciler.cli.exits import run_command
from reconciler.cli.lazy_group import LazyGroup
from reconciler.cli.root import root


@dataclass(frozen=True, slots=True)
class Said:
    """The exit code and what was said on the two outputs."""

    code: int
    out: str
    err: str


def run(capsys: pytest.CaptureFixture[str], *arguments: str, directory: Path | None = None) -> Said:
    """One command, in ``directory``; nobody is at the terminal."""
    where = [] if directory is None else [f"--chdir={directory}"]
    capsys.readouterr()
    code = run_command(root, [*where, *arguments])
    captured = capsys.readouterr()
    return Said(int(code), captured.out, captured.err)


def every_command() -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command and subcommand with the words that call it; groups are left out."""
    assert isinstance(root, LazyGroup)
    context = click.Context(root)
    for name in root.list_commands(context):
        command = root.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            for below, subcommand in command.commands.items():
                yield (name, below), subcommand
        else:
            yield (name,), command


COMMANDS_WITH_LOCK = (
    "apply -auto-approve",
    "destroy -auto-approve",
    "extend fleet.dev 1h",
    "reconcile --once",
    "release fleet.dev",
    "state mv fleet.dev fleet.lab",
    "state rebuild -auto-approve",
    "state resolve fleet.dev[0] -absent",
    "state restore 1 -auto-approve",
    "state rm fleet.dev -auto-approve",
)
"""Each command that takes the lock, in its shortest form."""
