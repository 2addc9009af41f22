"""``quarantine``: hosts that lied or failed, and hosts that a person wants nothing from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.cli.closed_output import say
from reconciler.cli.lazy_group import TerraformGroup
from reconciler.cli.parameters import DurationType, lock_timeout_option
from reconciler.cli.running import on_workspace

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from reconciler.execution.interruption import Interruption
    from reconciler.model.host_memory import HostRecord
    from reconciler.operations.workspace import Workspace

_LONGEST = 200


def _checked(_: click.Context, param: click.Parameter, value: str) -> str:
    if not value.strip() or len(value) > _LONGEST or not value.isprintable():
        message = f"printable text of at most {_LONGEST} characters is needed"
        raise click.BadParameter(message, param=param)
    return value


_provider_argument = click.argument("provider", callback=_checked)
_host_argument = click.argument("host", callback=_checked)


@click.group(cls=TerraformGroup)
def quarantine_group() -> None:
    """Hosts from which nothing is bought. Machines that are there already stay."""


@quarantine_group.command("list")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.pass_obj
def list_command(directory: Path, as_json: bool) -> int:
    """List what was learnt of hosts. Boots, times, failures, and who is in quarantine."""
    from reconciler.operations.quarantine import known_hosts
    from reconciler.reporting.host_table import host_lines, hosts_json

    async def verb(
        workspace: Workspace, _: Interruption
    ) -> tuple[tuple[HostRecord, ...], datetime]:
        return known_hosts(workspace)

    hosts, now = on_workspace(directory, verb, tolerate_bad_documents=True)
    click.echo(json.dumps(hosts_json(hosts, now), indent=2) if as_json else host_lines(hosts, now))
    return 0


@quarantine_group.command("add")
@_provider_argument
@_host_argument
@click.option(
    "--for",
    "duration",
    type=DurationType(),
    metavar="DURATION",
    help="For this long (default: until it is removed).",
)
@click.option(
    "--why", default="by hand", callback=_checked, metavar="TEXT", help="Shown in the list."
)
@lock_timeout_option
@click.pass_obj
def add_command(
    directory: Path,
    provider: str,
    host: str,
    duration: timedelta | None,
    why: str,
    lock_timeout: timedelta,
) -> int:
    """Buy nothing from a host of a provider. `offers -json` names hosts."""
    from reconciler.operations.quarantine import known_hosts, shun_host
    from reconciler.reporting.host_table import host_lines

    async def verb(workspace: Workspace, _: Interruption) -> str:
        known = await shun_host(
            workspace,
            provider,
            host,
            duration=duration,
            why=why,
            lock_timeout_seconds=lock_timeout.total_seconds(),
        )
        return host_lines([known], known_hosts(workspace)[1])

    say(on_workspace(directory, verb))
    return 0


@quarantine_group.command("rm")
@_provider_argument
@_host_argument
@lock_timeout_option
@click.pass_obj
def remove_command(directory: Path, provider: str, host: str, lock_timeout: timedelta) -> int:
    """Let offers of a host count again. What was learnt of it stays."""
    from reconciler.model.text import printable
    from reconciler.operations.quarantine import forgive_host

    async def verb(workspace: Workspace, _: Interruption) -> None:
        await forgive_host(
            workspace, provider, host, lock_timeout_seconds=lock_timeout.total_seconds()
        )

    on_workspace(directory, verb)
    say(f"Offers of {printable(provider)} {printable(host)} count again.")
    return 0
