"""``show``, and what the command line has to know about plan files."""

from __future__ import annotations

import shlex
from pathlib import Path

import click
from click.core import ParameterSource

from reconciler.cli.lazy_group import TerraformCommand
from reconciler.cli.running import show_markdown, show_plan
from reconciler.model.text import printable

_BESIDE_A_PLAN = frozenset(
    {
        *("plan_file", "auto_approve", "detach", "no_wait", "verify_timeout", "lock_timeout"),
        *("take_over", "trust_clock", "as_json"),
    }
)
"""How a plan is carried out; every other choice was made when it was saved."""


def refuse_choices_beside_a_plan() -> None:
    """Raise a usage error for a flag that says what to do, which the plan file says already."""
    context = click.get_current_context()
    for parameter in context.command.params:
        name = parameter.name or ""
        given = context.get_parameter_source(name) is not ParameterSource.DEFAULT
        if given and name not in _BESIDE_A_PLAN:
            flag = parameter.opts[-1]
            raise click.UsageError(f"{flag} is decided when a plan is saved: plan {flag} -out=FILE")


def saved_step(path: Path) -> str:
    """What follows from a saved plan that would change something."""
    return f"Run gpu-shopper apply {shlex.quote(printable(str(path)))} to carry out exactly this."


@click.command(cls=TerraformCommand)
@click.argument("plan_file", required=False, type=click.Path(path_type=Path), metavar="PLAN")
@click.option("--json", "as_json", is_flag=True, help="As one JSON document.")
@click.option("--markdown", is_flag=True, help="As Markdown, for a comment on a pull request.")
@click.pass_obj
def show_command(directory: Path, plan_file: Path | None, as_json: bool, markdown: bool) -> int:
    """Show a saved plan as plan -out showed it. Asks no provider and reads no document."""
    if plan_file is None:
        raise click.UsageError(
            "name a file of plan -out; machines: gpu-shopper status, records: state show"
        )
    if as_json and markdown:
        raise click.UsageError("choose one of -markdown and -json")
    if as_json:
        from reconciler.reporting.plan_json import plan_json
        from reconciler.statefile.plan_file import read_plan

        click.echo(plan_json(read_plan(directory / plan_file)))
        return 0
    from reconciler.operations.saved_plan import read_saved_plan

    plan = read_saved_plan(directory / plan_file).plan
    show = show_markdown if markdown else show_plan
    show(plan, saved_step(plan_file))
    return 0
