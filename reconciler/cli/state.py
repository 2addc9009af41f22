"""``state``: what is recorded, and the lock."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.cli.closed_output import say
from reconciler.cli.lazy_group import TerraformGroup
from reconciler.cli.parameters import AddressType
from reconciler.cli.running import on_workspace
from reconciler.cli.terminal import palette_for

if TYPE_CHECKING:
    from reconciler.execution.interruption import Interruption
    from reconciler.model.address import Address
    from reconciler.model.record import RecordedState
    from reconciler.operations.workspace import Workspace
    from reconciler.statefile.backend import LockInfo


@click.group(cls=TerraformGroup)
def state_group() -> None:
    """Inspect the state file and its lock."""


@state_group.command("list")
@click.pass_obj
def list_command(directory: Path) -> int:
    """List what is recorded. Machines, and creates whose outcome is not known."""
    from reconciler.reporting.state_text import state_list

    click.echo(state_list(_state(directory), palette_for(sys.stdout)))
    return 0


@state_group.command("show")
@click.argument("address", type=AddressType())
@click.pass_obj
def show_command(directory: Path, address: Address) -> int:
    """Show everything recorded about a fleet or a slot."""
    from reconciler.model.errors import UsageRefused
    from reconciler.reporting.state_text import state_show

    text = state_show(_state(directory), address, palette_for(sys.stdout))
    if not text:
        raise UsageRefused(f"nothing is recorded at {address}", fix="gpu-shopper state list")
    click.echo(text)
    return 0


@state_group.command("unlock")
@click.argument("lock_id", metavar="ID")
@click.pass_obj
def unlock_command(directory: Path, lock_id: str) -> int:
    """Forget a dead holder of the lock. ID is what the refusal showed."""

    async def verb(workspace: Workspace, _: Interruption) -> LockInfo | None:
        return workspace.backend.unlock(lock_id)

    found = on_workspace(directory, verb, tolerate_bad_documents=True)
    say("The state is not locked." if found is None else f"Unlocked: it was held by {found.id}.")
    return 0


def _state(directory: Path) -> RecordedState:
    from reconciler.operations.lease_verbs import read_state

    async def verb(workspace: Workspace, _: Interruption) -> RecordedState:
        return read_state(workspace)

    return on_workspace(directory, verb, tolerate_bad_documents=True)
