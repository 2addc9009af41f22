"""Terraform's habit: long flags with one dash (``-auto-approve``, ``-chdir=DIR``)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import click


def with_double_dashes(
    command: click.Command, arguments: list[str], *, only_first: bool = False
) -> list[str]:
    """``-flag`` becomes ``--flag`` where the command has such a long flag and no such short one.

    Everything behind ``--`` stays as it is; with ``only_first`` everything behind the first word
    that is no flag does too, since it belongs to a subcommand.
    """
    known = {name for parameter in command.params for name in parameter.opts}
    known |= {name for parameter in command.params for name in parameter.secondary_opts}
    known.add("--help")
    rewritten: list[str] = []
    for position, word in enumerate(arguments):
        if word == "--" or (only_first and not word.startswith("-")):
            return [*rewritten, *arguments[position:]]
        flag = word.partition("=")[0]
        single = word.startswith("-") and not word.startswith("--") and len(flag) > 2
        rewritten.append(
            f"-{word}" if single and flag not in known and f"-{flag}" in known else word
        )
    return rewritten
