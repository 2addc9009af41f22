"""``providers``: are the accounts in order, and what can each type of provider do?"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.cli.closed_output import put
from reconciler.cli.lazy_group import TerraformGroup
from reconciler.cli.running import on_workspace
from reconciler.cli.terminal import palette_for

if TYPE_CHECKING:
    from reconciler.execution.interruption import Interruption
    from reconciler.model.health import ProvidersReport
    from reconciler.operations.workspace import Workspace


@click.group(cls=TerraformGroup)
def providers_group() -> None:
    """Check the accounts, and see what each type of provider can do."""


@providers_group.command("check")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.pass_obj
def check_command(directory: Path, as_json: bool) -> int:
    """Check each provider's key, account, permissions, balance and clock. Changes nothing."""
    from reconciler.operations.provider_check import check_providers
    from reconciler.reporting.provider_text import providers_json, providers_text

    async def verb(workspace: Workspace, _: Interruption) -> ProvidersReport:
        return await check_providers(workspace)

    report = on_workspace(directory, verb)
    put(providers_json(report) if as_json else providers_text(report, palette_for(sys.stdout)))
    return int(report.code)


@providers_group.command("matrix")
@click.argument("types", nargs=-1, metavar="[TYPE]...")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.option("--markdown", "as_markdown", is_flag=True, help="As a table in Markdown.")
def matrix_command(types: tuple[str, ...], as_json: bool, as_markdown: bool) -> int:
    """Show what each type of provider can do: the truth tables that plans are made by."""
    from reconciler.operations.provider_matrix import capability_matrix
    from reconciler.providers.registry import known_types
    from reconciler.reporting.provider_text import matrix_json, matrix_markdown, matrix_text

    if as_json and as_markdown:
        raise click.UsageError("choose one of -json and -markdown")
    matrix = capability_matrix(types or known_types())
    if as_json:
        put(matrix_json(matrix))
    elif as_markdown:
        put(matrix_markdown(matrix))
    else:
        put(matrix_text(matrix, palette_for(sys.stdout)))
    return 0
