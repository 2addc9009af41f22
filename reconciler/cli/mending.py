"""``state mv``, ``rm``, ``resolve``, ``restore``, ``rebuild``: a person mends the records."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from reconciler.cli.closed_output import say
from reconciler.cli.lazy_group import TerraformCommand
from reconciler.cli.parameters import AddressType, lock_timeout_option, take_over_option
from reconciler.cli.running import on_workspace
from reconciler.cli.terminal import ask_yes, is_interactive

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import timedelta

    from reconciler.execution.interruption import Interruption
    from reconciler.model.address import Address
    from reconciler.model.record import RecordedState
    from reconciler.model.state_change import LettingGo, Moved, Recovered, Resolution
    from reconciler.operations.workspace import Workspace

Shown = TypeVar("Shown")
_auto_approve_option = click.option("--auto-approve", is_flag=True, help="Do not ask.")


def _asking(
    text: Callable[[Shown], str], question: str, interruption: Interruption, *, approved: bool
) -> Callable[[Shown], Awaitable[bool]]:
    """Show what would be done, then ask; ``approved``: by a flag, so nobody is asked."""

    async def approve(shown: Shown) -> bool:
        click.echo(text(shown))
        if approved:
            return True
        return await ask_yes(f'{question} Only "yes" is accepted: ', interruption)

    return approve


def _refuse_unasked(auto_approve: bool) -> None:
    if not auto_approve and not is_interactive():
        raise click.UsageError("nobody can be asked here: add -auto-approve to go on without")


def _declined(interruption: Interruption) -> int:
    say("Nothing was done.")
    return int(interruption.code or 0)


def _warn(workspace: Workspace) -> None:
    for warning in workspace.backend.warnings:
        say(f"Warning: {warning}")


@click.command("mv", cls=TerraformCommand)
@click.argument("source", type=AddressType())
@click.argument("target", type=AddressType())
@lock_timeout_option
@click.pass_obj
def move_command(directory: Path, source: Address, target: Address, lock_timeout: timedelta) -> int:
    """Rename a fleet or a slot in the state, with its lease. Refused where TARGET is taken."""
    from reconciler.operations.state_edits import move_records
    from reconciler.reporting.state_change_text import moved_text

    async def verb(workspace: Workspace, _: Interruption) -> Moved:
        seconds = lock_timeout.total_seconds()
        moved = await move_records(workspace, source, target, lock_timeout_seconds=seconds)
        _warn(workspace)
        return moved

    moved = on_workspace(directory, verb, tolerate_bad_documents=True)
    click.echo(moved_text(moved, source, target))
    return 0


@click.command("rm", cls=TerraformCommand)
@click.argument("address", type=AddressType())
@_auto_approve_option
@lock_timeout_option
@click.pass_obj
def remove_command(
    directory: Path, address: Address, auto_approve: bool, lock_timeout: timedelta
) -> int:
    """Forget machines without destroying them. They are billed on, and destroyed at their end."""
    from reconciler.operations.state_edits import let_go
    from reconciler.reporting.state_change_text import letting_go_text

    _refuse_unasked(auto_approve)

    async def verb(workspace: Workspace, interruption: Interruption) -> int:
        approve: Callable[[LettingGo], Awaitable[bool]] = _asking(
            letting_go_text, "Let them go?", interruption, approved=auto_approve
        )
        seconds = lock_timeout.total_seconds()
        done = await let_go(workspace, address, approve, lock_timeout_seconds=seconds)
        _warn(workspace)
        if done is None:
            return _declined(interruption)
        say(f"Forgotten: {len(done.machines)}. gpu-shopper orphans lists what still runs.")
        return 0

    return on_workspace(directory, verb, tolerate_bad_documents=True)


@click.command("resolve", cls=TerraformCommand)
@click.argument("address", type=AddressType(), metavar="SLOT")
@click.option("--absent", is_flag=True, help="I have checked: nothing runs there.")
@click.option("--found", "instance_id", metavar="ID", help="I have found it: this machine.")
@_auto_approve_option
@lock_timeout_option
@click.pass_obj
def resolve_command(
    directory: Path,
    address: Address,
    absent: bool,
    instance_id: str | None,
    auto_approve: bool,
    lock_timeout: timedelta,
) -> int:
    """Settle a create whose outcome is unknown, or a machine that was not seen."""
    if absent == (instance_id is not None):
        raise click.UsageError("choose one of -absent and -found=ID")
    if address.index is None:
        raise click.UsageError(f"name one slot: fleet.{address.fleet}[0]")
    seconds = lock_timeout.total_seconds()
    if instance_id is not None:
        return _record_found(directory, address, instance_id, seconds)
    _refuse_unasked(auto_approve)

    async def verb(workspace: Workspace, interruption: Interruption) -> int:
        from reconciler.operations.state_edits import resolve_absent
        from reconciler.reporting.state_change_text import resolution_text

        approve: Callable[[Resolution], Awaitable[bool]] = _asking(
            lambda shown: resolution_text(shown, workspace.clock.now()),
            "Call it absent?",
            interruption,
            approved=auto_approve,
        )
        done = await resolve_absent(workspace, address, approve, lock_timeout_seconds=seconds)
        _warn(workspace)
        if done is None:
            return _declined(interruption)
        say(f"{done.slot} is free.")
        return 0

    return on_workspace(directory, verb, tolerate_bad_documents=True)


def _record_found(directory: Path, slot: Address, instance_id: str, seconds: float) -> int:
    from reconciler.operations.state_edits import resolve_found
    from reconciler.reporting.state_change_text import found_text

    async def verb(workspace: Workspace, _: Interruption) -> Resolution:
        found = await resolve_found(workspace, slot, instance_id, lock_timeout_seconds=seconds)
        _warn(workspace)
        return found

    click.echo(found_text(on_workspace(directory, verb, tolerate_bad_documents=True)))
    return 0


@click.command("restore", cls=TerraformCommand)
@click.argument("what", metavar="SERIAL|FILE")
@_auto_approve_option
@lock_timeout_option
@take_over_option
@click.pass_obj
def restore_command(
    directory: Path, what: str, auto_approve: bool, lock_timeout: timedelta, take_over: bool
) -> int:
    """Bring back a backup, by its serial, or a state in a FILE. What is known since is kept."""
    from reconciler.operations.state_recovery import restore_state
    from reconciler.reporting.state_change_text import restoring_text

    _refuse_unasked(auto_approve)
    wanted = int(what) if what.isdecimal() and len(what) < 16 else directory / what

    async def verb(workspace: Workspace, interruption: Interruption) -> int:
        approve = _asking(restoring_text, "Bring it back?", interruption, approved=auto_approve)
        seconds = lock_timeout.total_seconds()
        done: RecordedState | None = await restore_state(
            workspace, wanted, approve, lock_timeout_seconds=seconds
        )
        _warn(workspace)
        if done is None:
            return _declined(interruption)
        say(f"The state has serial {done.serial} now. Look at it: gpu-shopper plan")
        return 0

    return on_workspace(
        directory,
        verb,
        tolerate_bad_documents=True,
        tolerate_bad_state=True,
        take_over=take_over,
    )


@click.command("rebuild", cls=TerraformCommand)
@_auto_approve_option
@lock_timeout_option
@click.pass_obj
def rebuild_command(directory: Path, auto_approve: bool, lock_timeout: timedelta) -> int:
    """Record the machines that carry this workspace's name, when the state is lost or too old.

    Exit 8 when one had to be left out, or a provider could not be read in full.
    """
    from reconciler.model.exit_code import ExitCode
    from reconciler.operations.state_recovery import rebuild_state
    from reconciler.reporting.state_change_text import recovered_text

    _refuse_unasked(auto_approve)

    async def verb(workspace: Workspace, interruption: Interruption) -> int:
        asked: list[Recovered] = []
        approve = _asking(recovered_text, "Record them?", interruption, approved=auto_approve)

        async def show_and_ask(shown: Recovered) -> bool:
            asked.append(shown)
            return await approve(shown)

        seconds = lock_timeout.total_seconds()
        done = await rebuild_state(workspace, show_and_ask, lock_timeout_seconds=seconds)
        _warn(workspace)
        if done is None:
            return _declined(interruption)
        if not asked:
            click.echo(recovered_text(done))
        return ExitCode.PROVIDER_FAILURE if done.rebuilding.left_out else ExitCode.DONE

    return on_workspace(directory, verb, tolerate_bad_documents=True, tolerate_bad_state=True)
