"""``plan``, ``apply``, ``destroy``."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reconciler.cli.closed_output import say
from reconciler.cli.lazy_group import TerraformCommand
from reconciler.cli.parameters import (
    AddressType,
    DurationType,
    lock_timeout_option,
    max_destroy_option,
    target_option,
)
from reconciler.cli.plan_choices import (
    exclude_option,
    refresh_only_option,
    refresh_option,
    replace_option,
    with_choices,
)
from reconciler.cli.running import on_workspace, show_plan, show_result
from reconciler.cli.terminal import ask_yes, is_interactive, progress_view
from reconciler.model.exit_code import ExitCode, most_urgent
from reconciler.model.plan import Mode, PlanRequest

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from reconciler.execution.interruption import Interruption
    from reconciler.model.address import Address
    from reconciler.model.plan import Plan
    from reconciler.operations.run import RunOptions, RunResult
    from reconciler.operations.workspace import Workspace

auto_approve_option = click.option("--auto-approve", is_flag=True, help="Do not ask.")
no_wait_option = click.option(
    "--no-wait", is_flag=True, help="Do not wait for the proof that destroyed machines are gone."
)
verify_timeout_option = click.option(
    "--verify-timeout",
    type=DurationType(),
    default="10m",
    metavar="DURATION",
    help="How long to wait for that proof (default: 10m).",
)
renew_option = click.option(
    "--renew",
    type=AddressType(),
    multiple=True,
    metavar="ADDRESS",
    help="Open an ended lease again. May be repeated.",
)


@click.command(cls=TerraformCommand)
@target_option
@renew_option
@max_destroy_option
@exclude_option
@replace_option
@refresh_only_option
@refresh_option
@click.option("--destroy", is_flag=True, help="Plan the destruction of everything targeted.")
@click.option("--detailed-exitcode", is_flag=True, help="Exit 2 when the plan has changes.")
@click.pass_obj
def plan_command(
    directory: Path,
    /,
    targets: tuple[Address, ...],
    renew: tuple[Address, ...],
    max_destroy: int | None,
    destroy: bool,
    detailed_exitcode: bool,
    **choices: Any,
) -> int:
    """Show what would change, and what it costs. Changes nothing and takes no lock."""
    from reconciler.operations.plan import plan_fleets

    mode = Mode.DESTROY if destroy else Mode.APPLY
    request = with_choices(_request(mode, targets, renew, max_destroy, fused=False), choices)

    async def verb(workspace: Workspace, _: Interruption) -> Plan:
        return await plan_fleets(workspace, request)

    plan = on_workspace(directory, verb)
    show_plan(plan)
    code = most_urgent(finding.code for finding in plan.findings if finding.code is not None)
    if detailed_exitcode and plan.has_changes and code is ExitCode.DONE:
        return ExitCode.CHANGES
    return code


@click.command(cls=TerraformCommand)
@target_option
@renew_option
@max_destroy_option
@exclude_option
@replace_option
@refresh_only_option
@auto_approve_option
@click.option("--detach", is_flag=True, help="Do not wait until new machines are ready.")
@no_wait_option
@verify_timeout_option
@lock_timeout_option
@click.pass_obj
def apply_command(
    directory: Path,
    /,
    targets: tuple[Address, ...],
    renew: tuple[Address, ...],
    max_destroy: int | None,
    **options: Any,
) -> int:
    """Create and destroy what the plan says, once you agree."""
    fused = bool(options["auto_approve"])
    request = _request(Mode.APPLY, targets, renew, max_destroy, fused=fused)
    request = with_choices(request, options)
    return _carry_out(directory, request, "Apply this plan?", options)


@click.command(cls=TerraformCommand)
@click.argument("addresses", nargs=-1, type=AddressType(), metavar="[ADDRESS]...")
@target_option
@exclude_option
@auto_approve_option
@no_wait_option
@verify_timeout_option
@lock_timeout_option
@click.pass_obj
def destroy_command(
    directory: Path,
    /,
    addresses: tuple[Address, ...],
    targets: tuple[Address, ...],
    **options: Any,
) -> int:
    """Destroy the named fleets or slots, or everything of this workspace."""
    request = _request(Mode.DESTROY, (*addresses, *targets), (), None, fused=False)
    request = with_choices(request, options)
    return _carry_out(directory, request, "Destroy these machines?", {**options, "detach": False})


def _request(
    mode: Mode,
    targets: tuple[Address, ...],
    renew: tuple[Address, ...],
    max_destroy: int | None,
    *,
    fused: bool,
) -> PlanRequest:
    return PlanRequest(
        mode=mode,
        targets=targets,
        renew=frozenset(address.fleet for address in renew),
        max_destroy=max_destroy,
        fused=fused,
    )


def _carry_out(
    directory: Path, request: PlanRequest, question: str, options: dict[str, Any]
) -> int:
    from reconciler.operations.apply import apply_fleets

    if not options["auto_approve"] and not is_interactive():
        raise click.UsageError("nobody can be asked here: add -auto-approve to go on without")

    async def verb(workspace: Workspace, interruption: Interruption) -> RunResult:
        with progress_view() as view:
            chosen = _run_options(options, question, interruption, view.show)
            return await apply_fleets(workspace, request, chosen)

    result = on_workspace(directory, verb)
    code = show_result(result)
    _say_outcome(result)
    return code


def _run_options(
    options: dict[str, Any],
    question: str,
    interruption: Interruption,
    progress: Callable[..., None],
) -> RunOptions:
    from reconciler.operations.run import RunOptions

    async def approve(_: Plan) -> bool:
        return await ask_yes(f'{question} Only "yes" is accepted: ', interruption)

    def show(plan: Plan) -> None:
        step = "Approved by -auto-approve: carrying it out." if options["auto_approve"] else ""
        show_plan(plan, step or "Nothing is done before you agree.")

    asks: Callable[[Plan], Awaitable[bool]] | None = None if options["auto_approve"] else approve
    lock_timeout: timedelta = options["lock_timeout"]
    return RunOptions(
        progress=progress,
        show=show,
        approve=asks,
        interruption=interruption,
        detach=options["detach"],
        wait=not options["no_wait"],
        lock_timeout_seconds=lock_timeout.total_seconds(),
        verify_timeout=options["verify_timeout"],
    )


def _say_outcome(result: RunResult) -> None:
    """The last line: what was done, and how to log in."""
    if result.declined or not result.outcomes:
        return
    created = sum(1 for one in result.outcomes if one.action == "create" and one.done)
    ready = sum(1 for one in result.outcomes if one.action == "ready" and one.done)
    gone = sum(1 for one in result.outcomes if one.action == "prove" and one.done)
    asked = sum(1 for one in result.outcomes if one.action == "destroy" and one.done)
    parts = [f"{created} created" + (f", {ready} ready" if ready else "")] if created else []
    if asked:
        parts.append(f"{asked} destroyed" + (f", {gone} proven gone" if gone else ""))
    say(f"Done: {', '.join(parts) or 'nothing'}.")
    if ready:
        say("Log in: gpu-shopper ssh fleet.NAME[0]; see all: gpu-shopper status")
