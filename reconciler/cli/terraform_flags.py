"""Terraform's habit: long flags with one dash (``-auto-approve``, ``-chdir=DIR``)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import click


def with_double_dashes(
    command: click.Command, arguments: list[str], *, only_first: bool = False
) -> list[str]:
    """``-flag`` becomes ``--flag`` where the command has such a long flag and no such short one.

    So does a word that is near no flag at all: click then names the long flag that was meant.
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
        rewritten.append(f"-{word}" if _is_long(word.partition("=")[0], known) else word)
    return rewritten


def _is_long(flag: str, known: set[str]) -> bool:
    """Not ``-w``, ``-wh`` nor ``-5m``: those are short flags, several of them, and a value."""
    if not flag.startswith("-") or flag.startswith("--") or len(flag) <= 2 or flag in known:
        return False
    return f"-{flag}" in known or (flag[1].isalpha() and flag[:2] not in {"-h", *known})
