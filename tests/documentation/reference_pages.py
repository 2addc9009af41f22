"""The parts of docs/ that are generated from the code.

`python -m tests.documentation.reference_pages` writes them; ``test_words`` fails while what is
committed differs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click

from reconciler.cli.root import root
from reconciler.market.fault_words import ENDPOINTS, FAULT_WORDS
from reconciler.model.provider_types import PROVIDER_TYPES
from reconciler.model.reason import CreateReason, DestroyReason
from reconciler.operations.provider_matrix import capability_matrix
from reconciler.planning.enforcement import ENFORCEMENT_RULES
from reconciler.reporting.plan_entries import SIGNS
from reconciler.reporting.provider_text import matrix_markdown

ROOT = Path(__file__).parents[2]
COMMANDS_PAGE = ROOT / "docs/reference/commands.md"
REASONS_PAGE = ROOT / "docs/reference/reasons.md"
MATRIX_PAGE = ROOT / "docs/providers/matrix.md"
GUIDE = ROOT / "docs/guide.md"
WRITE_THEM = "run `.venv/bin/python -m tests.documentation.reference_pages`"

_HEAD = """\
# Commands

Generated from the commands themselves: every command and every flag, in the words of `--help`.

- Long flags may be written with one dash, as Terraform does: `-auto-approve`, `-chdir=DIR`.
- `ADDRESS` is a fleet, `fleet.train`, or one of its slots, `fleet.train[0]`. Quote the brackets
  where your shell reads them as a pattern.
- `DURATION` carries its unit: `90m`, `4h`, `1d12h`.
- Every command takes `-h` or `--help`.
- What a command may exit with stands on the page [exit codes](exit-codes.md).
"""


def commands_page() -> str:
    """``docs/reference/commands.md``."""
    context = click.Context(root, info_name="gpu-shopper")
    lines = [_HEAD, "## For every command", "", *_flags(root, context), ""]
    for name in root.list_commands(context):
        lines += _command(root, context, name)
    return "\n".join(lines).rstrip("\n") + "\n"


def _command(group: click.Group, above: click.Context, name: str) -> Iterator[str]:
    command = group.get_command(above, name)
    assert command is not None
    context = click.Context(command, above, name)
    pieces = " ".join(command.collect_usage_pieces(context)).replace("[OPTIONS] ", "")
    pieces = pieces.removesuffix("[OPTIONS]")
    yield f"## {context.command_path}"
    yield ""
    yield f"    {context.command_path} {pieces}".rstrip()
    yield ""
    yield re.sub(r"\s*\n\s*", " ", command.help or "").strip()
    yield ""
    flags = list(_flags(command, context))
    if flags:
        yield from flags
        yield ""
    if isinstance(command, click.Group):
        for below in command.list_commands(context):
            yield from _command(command, context, below)


def _flags(command: click.Command, context: click.Context) -> Iterator[str]:
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if isinstance(parameter, click.Option) and record and "--help" not in parameter.opts:
            yield f"- `{record[0]}`: {record[1]}"


def rule_table() -> str:
    """The rules of ``planning/enforcement.py``, in their order."""
    lines = ["| | rule | because | in the loop | stops at `prevent_destroy` |", "|--|--|--|--|--|"]
    for position, rule in enumerate(ENFORCEMENT_RULES, 1):
        soft = "warned, then after `grace`" if rule.soft_in_loop else "at once"
        held = "no" if rule.outranks_protection else "yes"
        name = rule.name.lower().replace("_", " ")
        lines.append(f"| {position} | {name} | {rule.because} | {soft} | {held} |")
    return "\n".join(lines)


def reason_table() -> str:
    """Every word that may stand behind a destroy."""
    lines = ["| word | meaning | counted by the fuse |", "|--|--|--|"]
    for reason in DestroyReason:
        counted = "yes" if reason.may_be_a_slip else "no"
        lines.append(f"| `{reason.value}` | {reason.sentence} | {counted} |")
    return "\n".join(lines)


def create_table() -> str:
    """Every word that may stand behind a create."""
    lines = ["| word | meaning |", "|--|--|"]
    lines += [f"| `{reason.value}` | {reason.sentence} |" for reason in CreateReason]
    return "\n".join(lines)


def sign_table() -> str:
    """Every sign of a plan, in the order in which a summary counts them."""
    lines = ["| sign | meaning |", "|--|--|"]
    lines += [f"| `{sign}` | {meaning} |" for sign, meaning in SIGNS.items()]
    return "\n".join(lines)


_REASONS_HEAD = """\
# Signs, reasons and rules

Generated from the code. How to read a plan stands in the [guide](../guide.md#plan-and-apply).
"""
_RULES_HEAD = """\
For each machine the first rule that has something to say decides, in this order. "Warned" is for
the loop alone: a plan that a person or a pipeline has approved is carried out at once.
"""


def reasons_page() -> str:
    """``docs/reference/reasons.md``."""
    parts = [
        _REASONS_HEAD,
        "## Signs\n",
        sign_table() + "\n",
        "## Why a machine is bought\n",
        create_table() + "\n",
        "## Why a machine is destroyed\n",
        reason_table() + "\n",
        "## Rules\n",
        _RULES_HEAD,
        rule_table() + "\n",
    ]
    return "\n".join(parts)


_MATRIX_HEAD = """\
# What each provider can do

Generated: `gpu-shopper providers matrix -markdown` prints it. These are the truth tables of the
adapters, which plans and runs obey; `simulated` is shown as a new market is. How each was found out
stands on the provider's own page.
"""


def matrix_page() -> str:
    """``docs/providers/matrix.md``."""
    return f"{_MATRIX_HEAD}\n{matrix_markdown(capability_matrix(PROVIDER_TYPES))}\n"


def fault_table() -> str:
    """The words of ``simulate fault``."""
    lines = ["| word | what is answered | endpoints |", "|--|--|--|"]
    for word, one in FAULT_WORDS.items():
        where = "all" if one.endpoints == tuple(ENDPOINTS) else ", ".join(one.endpoints)
        lines.append(f"| `{word}` | {one.meaning} | {where} |")
    return "\n".join(lines)


SECTIONS = {
    "signs": sign_table,
    "rules": rule_table,
    "reasons": reason_table,
    "faults": fault_table,
}


def with_sections(page: str) -> str:
    """``page`` with every generated section written anew between its two comments."""
    for name, table in SECTIONS.items():
        begin, end = f"<!-- generated: {name} -->", f"<!-- end: {name} -->"
        before, found, rest = page.partition(begin)
        _, closed, after = rest.partition(end)
        assert found, f"the page has no section {name}"
        assert closed, f"the section {name} has no end"
        page = f"{before}{begin}\n{table()}\n{end}{after}"
    return page


def write_pages() -> None:
    """Write what is generated. Repeating it changes nothing."""
    COMMANDS_PAGE.write_text(commands_page(), encoding="utf-8")
    REASONS_PAGE.write_text(reasons_page(), encoding="utf-8")
    MATRIX_PAGE.write_text(matrix_page(), encoding="utf-8")
    GUIDE.write_text(with_sections(GUIDE.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    write_pages()
