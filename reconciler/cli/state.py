"""``state``: what is recorded, its older versions, and the lock. What mends it: ``mending``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.cli.closed_output import say
from reconciler.cli.lazy_group import TerraformGroup
from reconciler.cli.mending import (
    move_command,
    rebuild_command,
    remove_command,
    resolve_command,
    restore_command,
)
from reconciler.cli.parameters import AddressType
from reconciler.cli.running import on_workspace
from reconciler.cli.terminal import palette_for

if TYPE_CHECKING:
    from reconciler.execution.interruption import Interruption
    from reconciler.model.address import Address
    from reconciler.model.record import RecordedState
    from reconciler.model.state_change import Backup
    from reconciler.operations.workspace import Workspace
    from reconciler.statefile.backend import Found, LockInfo


@click.group(cls=TerraformGroup)
def state_group() -> None:
    """Inspect and mend the state file and its lock. No machine is touched."""


for _command in (move_command, remove_command, resolve_command, restore_command, rebuild_command):
    state_group.add_command(_command)


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


@state_group.command("pull")
@click.pass_obj
def pull_command(directory: Path) -> int:
    """Print the state as it is stored: one line of JSON, once it was found good."""

    async def verb(workspace: Workspace, _: Interruption) -> bytes:
        from reconciler.operations.lease_verbs import read_state

        read_state(workspace)
        return workspace.backend.pull() or b""

    data = on_workspace(directory, verb, tolerate_bad_documents=True)
    click.echo(data.decode("ascii"), nl=False)
    return 0


@state_group.command("history")
@click.pass_obj
def history_command(directory: Path) -> int:
    """List the state and its backups: serial, time, and the command that wrote it.

    Exit 13 where the state that is there cannot be used.
    """
    from reconciler.model.errors import StateError
    from reconciler.reporting.state_change_text import history_table

    async def verb(workspace: Workspace, _: Interruption) -> tuple[Found, tuple[Backup, ...]]:
        return workspace.backend.find(), workspace.backend.backups()

    found, backups = on_workspace(
        directory, verb, tolerate_bad_documents=True, tolerate_bad_state=True
    )
    click.echo(history_table(found.state, backups, palette_for(sys.stdout)))
    if found.problem:
        raise StateError(found.problem, fix="gpu-shopper state restore SERIAL")
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
