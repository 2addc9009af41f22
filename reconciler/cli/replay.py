"""``replay``: a recorded decision, made once more, offline."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from reconciler.cli.closed_output import put, say
from reconciler.cli.lazy_group import TerraformCommand
from reconciler.cli.terminal import palette_for
from reconciler.cli.version_line import VERSION_LINE
from reconciler.model.exit_code import ExitCode


@click.command(cls=TerraformCommand)
@click.argument("file", type=click.Path(path_type=Path))
@click.pass_obj
def replay_command(directory: Path, file: Path) -> int:
    """Make the plan of FILE (see --record) again and compare it: 0 when it is the same, else 1.

    Needs no documents, no state and no provider, and changes nothing.
    """
    from reconciler.operations.recording import replay_file
    from reconciler.reporting.plan_text import plan_text
    from reconciler.reporting.replay_text import replay_difference

    again = replay_file(directory / file)
    put(plan_text(again.plan, palette_for(sys.stdout)))
    if again.same:
        say("Replayed: the same plan, byte for byte.")
        return ExitCode.DONE
    this = VERSION_LINE.rpartition(" ")[2]
    for line in replay_difference(
        again.recorded.text, again.text, by=again.recorded.program, this=this
    ):
        say(line)
    return ExitCode.UNEXPECTED
