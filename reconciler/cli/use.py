"""``status``, ``output``, ``ssh``, ``ssh-config``: what a person does with running machines."""

from __future__ import annotations

import json
import os
import shlex
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.cli.closed_output import say
from reconciler.cli.lazy_group import TerraformCommand
from reconciler.cli.parameters import AddressType, DurationType
from reconciler.cli.running import on_workspace
from reconciler.cli.terminal import palette_for
from reconciler.cli.terraform_flags import with_double_dashes
from reconciler.model.exit_code import most_urgent

if TYPE_CHECKING:
    from datetime import timedelta

    from reconciler.execution.interruption import Interruption
    from reconciler.model.address import Address
    from reconciler.model.status import MachineRow, StatusReport
    from reconciler.operations.workspace import Workspace


@click.command(cls=TerraformCommand)
@click.option("--watch", "-w", is_flag=True, help="Show it again and again, until stopped.")
@click.option(
    "--every",
    type=DurationType(),
    default="2s",
    metavar="DURATION",
    help="With -w: how often (default: 2s).",
)
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.pass_obj
def status_command(directory: Path, watch: bool, every: timedelta, as_json: bool) -> int:
    """Show every machine, what it costs and when it ends."""
    if watch and as_json:
        raise click.UsageError("--watch is for people, --json for programs: choose one")
    if not watch:
        report = _report(directory)
        click.echo(_text(report, as_json=as_json))
        return _code(report)

    async def again_and_again(workspace: Workspace, interruption: Interruption) -> int:
        from reconciler.clock import SystemClock
        from reconciler.operations.status import read_status

        while True:
            text = _text(await read_status(workspace), as_json=False)
            click.clear()
            click.echo(text)
            await interruption.sleep(SystemClock(), every.total_seconds())
            if interruption.requested:
                return int(interruption.code or 0)

    return on_workspace(directory, again_and_again, tolerate_bad_documents=True)


def _report(directory: Path) -> StatusReport:
    from reconciler.operations.status import read_status

    async def verb(workspace: Workspace, _: Interruption) -> StatusReport:
        return await read_status(workspace)

    return on_workspace(directory, verb, tolerate_bad_documents=True)


def _text(report: StatusReport, *, as_json: bool) -> str:
    from reconciler.reporting.fleet_table import status_text
    from reconciler.reporting.status_json import status_json

    if as_json:
        return json.dumps(status_json(report), indent=2)
    return status_text(report, palette_for(sys.stdout))


def _code(report: StatusReport) -> int:
    return int(most_urgent(one.code for one in report.findings if one.code is not None))


@click.command(cls=TerraformCommand)
@click.argument("address", type=AddressType(), required=False)
@click.option("--json", "as_json", is_flag=True, help="As JSON, by fleet, with cost and end.")
@click.option("--env", "as_env", is_flag=True, help="As shell variables, for eval.")
@click.option("--hostfile", is_flag=True, help="As a hostfile of Open MPI and DeepSpeed.")
@click.option("--ansible", is_flag=True, help="As an Ansible inventory (YAML).")
@click.pass_obj
def output_command(directory: Path, /, address: Address | None, **forms: bool) -> int:
    """Print the machines, or those of one fleet, for other programs. Choose one form.

    -hostfile and -ansible end with 9 when a machine cannot be entered yet and is left out.
    """
    from reconciler.model.exit_code import ExitCode
    from reconciler.reporting.hand_over_text import missing

    if sum(forms.values()) != 1:
        raise click.UsageError("choose one of -json, -env, -hostfile and -ansible")
    report = _narrowed(_report(directory), address)
    click.echo(_output(report, next(name for name, chosen in forms.items() if chosen)))
    codes = [ExitCode(_code(report))]
    if (forms["hostfile"] or forms["ansible"]) and missing(report.rows):
        codes.append(ExitCode.NOT_READY)
    return int(most_urgent(codes))


def _narrowed(report: StatusReport, address: Address | None) -> StatusReport:
    """``report`` with the machines at ``address`` alone."""
    from reconciler.model.errors import UsageRefused

    if address is None:
        return report
    rows = tuple(one for one in report.rows if address.covers(one.slot.fleet, one.slot.index))
    if not rows:
        known = ", ".join(str(one.slot) for one in report.rows[:10]) or "none"
        raise UsageRefused(f"there is no machine at {address}", fix=f"machines: {known}")
    return replace(report, rows=rows)


def _output(report: StatusReport, form: str) -> str:
    """Without its last line break."""
    from reconciler.reporting import hand_over_text
    from reconciler.reporting.status_json import output_json

    if form == "as_env":
        return hand_over_text.env_text(report.rows).rstrip("\n")
    if form == "hostfile":
        return hand_over_text.hostfile(report.rows).rstrip("\n")
    if form == "ansible":
        return hand_over_text.ansible_inventory(report.rows, report.ssh_files).rstrip("\n")
    return json.dumps(output_json(report), indent=2)


@click.command(cls=TerraformCommand)
@click.pass_obj
def ssh_config_command(directory: Path) -> int:
    """Print a Host block for each machine, for a file that ~/.ssh/config includes."""
    from reconciler.reporting.ssh_text import ssh_config

    report = _report(directory)
    click.echo(ssh_config(report.rows, report.ssh_files))
    return _code(report)


class _RemoteCommand(TerraformCommand):
    """What follows the address belongs to the machine (``ssh fleet.dev[0] df -h``).

    Only ``-print`` right behind the address is ours, and ``--`` there is left out.
    """

    allow_interspersed_args = False

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        behind = 1 + next((at for at, word in enumerate(args) if not word.startswith("-")), 0)
        first = args[behind : behind + 1]
        if first in (["-print"], ["--print"]):
            args = [*first, *args[:behind], *args[behind + 1 :]]
        elif first == ["--"]:
            args = [*args[:behind], *args[behind + 1 :]]
        return click.Command.parse_args(self, ctx, with_double_dashes(self, args, only_first=True))


@click.command(cls=_RemoteCommand)
@click.argument("address", type=AddressType())
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
@click.option("--print", "only_print", is_flag=True, help="Print the ssh command instead.")
@click.pass_obj
def ssh_command(
    directory: Path, address: Address, command: tuple[str, ...], only_print: bool
) -> int:
    """Log in to fleet.NAME[0], or run COMMAND there."""
    from reconciler.model.errors import GpuShopperError
    from reconciler.reporting.ssh_text import files_for, key_alias
    from reconciler.reporting.ssh_text import ssh_command as command_for

    report = _report(directory)
    row = _chosen(report, address)
    if row.ssh is None:
        raise GpuShopperError(
            f"{row.slot} cannot be reached yet: it is {row.stage}", fix="gpu-shopper status -w"
        )
    try:
        alias = key_alias(row.provider, row.instance_id, row.ssh.host)
        words = [*command_for(row.ssh, alias, files_for(row, report.ssh_files)), *command]
    except ValueError as error:
        raise GpuShopperError(f"{row.slot}: {error}") from None
    if only_print:
        click.echo(shlex.join(words))
        return 0
    if row.provider == "simulated":
        say("This machine is simulated: its address is one from documentation, and nobody answers.")
        words[1:1] = ["-o", "ConnectTimeout=5"]
    try:
        os.execvp(words[0], words)  # noqa: S606  # no shell is what is wanted
    except OSError as error:
        raise GpuShopperError("ssh cannot be started", why=error.strerror or "") from error


def _chosen(report: StatusReport, address: Address) -> MachineRow:
    from reconciler.model.errors import UsageRefused

    rows = [one for one in report.rows if address.covers(one.slot.fleet, one.slot.index)]
    rows = [one for one in rows if one.stage != "doomed"]
    if len({one.slot for one in rows}) == 1:
        return rows[0]  # of two in one slot the report lists the one to use first
    known = ", ".join(str(one.slot) for one in (rows or report.rows)[:10]) or "none"
    what = "are several machines" if rows else "is no machine"
    raise UsageRefused(f"there {what} at {address}", fix=f"machines: {known}")
