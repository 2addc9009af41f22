"""``events`` and ``audit verify``: what was done, by whom and why."""

from __future__ import annotations

import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.cli.closed_output import put, say
from reconciler.cli.lazy_group import TerraformCommand, TerraformGroup
from reconciler.cli.parameters import SinceType
from reconciler.cli.running import refuse_no_directory, without_workspace
from reconciler.cli.terminal import palette_for
from reconciler.model.exit_code import ExitCode

if TYPE_CHECKING:
    from reconciler.execution.interruption import Interruption
    from reconciler.model.audit_entry import AuditEntry

_VERIFY = "gpu-shopper audit verify"


@click.command(cls=TerraformCommand)
@click.option("--follow", "-f", is_flag=True, help="Go on with what is yet to come, until stopped.")
@click.option(
    "--since",
    type=SinceType(),
    metavar="WHEN",
    help="Only from then on: a DURATION ago, or a moment like 2026-07-01T12:00Z.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, as it is stored.")
@click.pass_obj
def events_command(
    directory: Path, follow: bool, since: timedelta | datetime | None, as_json: bool
) -> int:
    """Show the audit trail: every decision and what came of it, by whom and why."""
    from reconciler.operations.audit import read_events
    from reconciler.reporting.audit_text import entry_json, entry_line

    refuse_no_directory(directory)
    palette = palette_for(sys.stdout)

    def tell(entry: AuditEntry) -> None:
        put(entry_json(entry) if as_json else entry_line(entry, palette))

    async def verb(interruption: Interruption) -> int:
        unreadable = await read_events(directory, since, tell, interruption, follow=follow)
        if unreadable:
            say(f"Warning: {unreadable} line(s) of the trail cannot be read: {_VERIFY}")
        return int(interruption.code or ExitCode.DONE)

    return without_workspace(verb)


@click.group(cls=TerraformGroup)
def audit_group() -> None:
    """Look after the audit trail."""


@audit_group.command("verify")
@click.pass_obj
def verify_command(directory: Path) -> int:
    """Check every line of the audit trail. Damage is named by file and line: exit 13."""
    from reconciler.operations.audit import verify_trail
    from reconciler.operations.state_place import find_state
    from reconciler.reporting.audit_text import verdict_lines

    refuse_no_directory(directory)
    warnings: list[str] = []
    verdict = verify_trail(find_state(directory), warnings)
    for warning in warnings:
        say(f"Warning: {warning}")
    for line in verdict_lines(verdict):
        put(line)
    return ExitCode.STATE_UNUSABLE if verdict.damaged else ExitCode.DONE
