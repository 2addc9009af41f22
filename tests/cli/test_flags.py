"""Terraform's habits on the command line, for every flag of every command."""

from __future__ import annotations

import click
import pytest

from reconciler.cli.terraform_flags import with_double_dashes
from reconciler.documents.secret_guard import names_secret
from tests.cli.in_process import every_command, run

COMMANDS = {" ".join(words): (words, command) for words, command in every_command()}
FLAGS = [
    (name, flag)
    for name, (_, command) in COMMANDS.items()
    for parameter in command.params
    if isinstance(parameter, click.Option)
    for flag in (*parameter.opts, *parameter.secondary_opts)
    if flag.startswith("--")
]


@pytest.mark.parametrize(("name", "flag"), FLAGS, ids=lambda value: str(value))
def test_one_dash_is_as_good_as_two(name: str, flag: str) -> None:
    _, command = COMMANDS[name]
    for value in ("", "=x"):
        arguments = [f"{flag}{value}", "x"]
        assert with_double_dashes(command, [f"-{flag.lstrip('-')}{value}", "x"]) == arguments
        assert with_double_dashes(command, arguments) == arguments


def test_I10_no_flag_takes_a_secret_because_others_can_read_a_process_list() -> None:
    named = {flag for _, flag in FLAGS if names_secret(flag.lstrip("-").replace("-", "_"))}
    assert named == set()


def test_what_follows_a_double_dash_or_is_a_short_flag_stays_as_it_is() -> None:
    _, ssh = COMMANDS["ssh"]
    words = ["fleet.dev[0]", "--", "ls", "-print"]
    assert with_double_dashes(ssh, words) == words
    _, status = COMMANDS["status"]
    assert with_double_dashes(status, ["-w"]) == ["-w"]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself_and_each_of_its_flags(
    capsys: pytest.CaptureFixture[str], name: str
) -> None:
    words, command = COMMANDS[name]
    for dashes in ("-", "--"):
        said = run(capsys, *words, f"{dashes}help")
        assert (said.code, said.err) == (0, "")
        assert said.out.startswith(f"Usage: gpu-shopper {name}")
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, f"{name} {parameter.name}"
            assert parameter.opts[0] in said.out
    assert command.help


def test_the_help_of_the_program_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    said = run(capsys, "--help")
    assert said.code == 0
    listed = {line.split()[0] for line in said.out.splitlines() if line.startswith("  ")}
    assert {words[0] for words, _ in COMMANDS.values()} <= listed


def test_no_approval_comes_from_the_environment() -> None:
    """SPEC.md section 12, 14: consent is given on the command line alone."""
    for name, (_, command) in COMMANDS.items():
        assert "auto_envvar_prefix" not in command.context_settings, name
        for parameter in command.params:
            assert parameter.envvar is None, f"{name} {parameter.name}"
