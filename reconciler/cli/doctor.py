"""``doctor``: is everything in order that keeps the bill small?"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.cli.closed_output import put
from reconciler.cli.lazy_group import TerraformCommand
from reconciler.cli.running import refuse_no_directory, without_workspace
from reconciler.cli.terminal import palette_for

if TYPE_CHECKING:
    from reconciler.execution.interruption import Interruption
    from reconciler.model.health import HealthReport


@click.command(cls=TerraformCommand)
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.pass_obj
def doctor_command(directory: Path, as_json: bool) -> int:
    """Check keys, clock, lock, state, audit trail, loop and disk, and name unfinished business.

    Works with documents or a state that cannot be read. Changes nothing.
    """
    from reconciler.operations.doctor import examine
    from reconciler.reporting.doctor_text import doctor_json, doctor_text

    refuse_no_directory(directory)

    async def verb(_: Interruption) -> HealthReport:
        return await examine(directory)

    report = without_workspace(verb)
    put(doctor_json(report) if as_json else doctor_text(report, palette_for(sys.stdout)))
    return int(report.code)
