"""``extend`` and ``release``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.cli.closed_output import say
from reconciler.cli.lazy_group import TerraformCommand
from reconciler.cli.parameters import AddressType, DurationType, lock_timeout_option
from reconciler.cli.running import on_workspace, show_plan, show_result
from reconciler.cli.terminal import progress_view

if TYPE_CHECKING:
    from datetime import timedelta

    from reconciler.execution.interruption import Interruption
    from reconciler.model.address import Address
    from reconciler.operations.lease_verbs import Extension
    from reconciler.operations.run import RunResult
    from reconciler.operations.workspace import Workspace


def _whole_fleet(address: Address) -> str:
    if address.index is not None:
        raise click.UsageError(f"a lease belongs to a whole fleet: write fleet.{address.fleet}")
    return address.fleet


@click.command(cls=TerraformCommand)
@click.argument("address", type=AddressType())
@click.argument("by", type=DurationType(), metavar="DURATION")
@lock_timeout_option
@click.pass_obj
def extend_command(
    directory: Path, address: Address, by: timedelta, lock_timeout: timedelta
) -> int:
    """Move the lease end of a fleet later by DURATION, at most to start + safety.max_ttl."""
    from reconciler.model.cost import format_usd, projected_cost
    from reconciler.operations.lease_verbs import extend_lease

    fleet = _whole_fleet(address)

    async def verb(workspace: Workspace, _: Interruption) -> Extension:
        extended = await extend_lease(
            workspace, fleet, by, lock_timeout_seconds=lock_timeout.total_seconds()
        )
        for warning in workspace.backend.warnings:
            say(f"Warning: {warning}")
        return extended

    moved = on_workspace(directory, verb, tolerate_bad_documents=True)
    cost = projected_cost(moved.usd_per_hour, by)
    click.echo(
        f"fleet.{fleet} ends {moved.after:%Y-%m-%d %H:%M:%S} UTC "
        f"(was {moved.before:%Y-%m-%d %H:%M:%S}); at most {format_usd(cost)} more"
    )
    return 0


@click.command(cls=TerraformCommand)
@click.argument("address", type=AddressType())
@click.option("--no-wait", is_flag=True, help="Do not wait for the proof that they are gone.")
@lock_timeout_option
@click.pass_obj
def release_command(
    directory: Path, address: Address, no_wait: bool, lock_timeout: timedelta
) -> int:
    """End a fleet's lease now and destroy its machines: the work is done. Does not ask."""
    from reconciler.operations.lease_verbs import release_fleet
    from reconciler.operations.run import RunOptions

    fleet = _whole_fleet(address)

    async def verb(workspace: Workspace, interruption: Interruption) -> RunResult:
        with progress_view() as view:
            options = RunOptions(
                progress=view.show,
                show=lambda plan: show_plan(plan, "The lease has ended: carrying it out."),
                interruption=interruption,
                wait=not no_wait,
                lock_timeout_seconds=lock_timeout.total_seconds(),
                remark=say,
            )
            return await release_fleet(workspace, fleet, options)

    return show_result(on_workspace(directory, verb, tolerate_bad_documents=True))
