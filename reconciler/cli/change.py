"""``plan``, ``apply``, ``destroy``."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reconciler.cli.closed_output import say
from reconciler.cli.lazy_group import TerraformCommand
from reconciler.cli.parameters import (
    AddressType,
    DurationType,
    json_events_option,
    lock_timeout_option,
    max_destroy_option,
    record_option,
    take_over_option,
    target_option,
    trust_clock_option,
)
from reconciler.cli.plan_choices import (
    allow_unbounded_option,
    exclude_option,
    refresh_only_option,
    refresh_option,
    replace_option,
    with_choices,
)
from reconciler.cli.running import looking_at_workspace, on_workspace, show_markdown
from reconciler.cli.saved_plans import refuse_choices_beside_a_plan, saved_step
from reconciler.cli.terminal import ask_yes, is_interactive
from reconciler.cli.voice import speaking
from reconciler.model.exit_code import ExitCode, most_urgent
from reconciler.model.plan import Mode, PlanRequest
from reconciler.model.text import printable

if TYPE_CHECKING:
    from collections.abc import Callable

    from reconciler.cli.voice import Voice
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
@allow_unbounded_option
@refresh_option
@click.option("--destroy", is_flag=True, help="Plan the destruction of everything targeted.")
@click.option("--detailed-exitcode", is_flag=True, help="Exit 2 when the plan has changes.")
@click.option("--markdown", is_flag=True, help="As Markdown, for a comment on a pull request.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Save the plan too: gpu-shopper apply FILE carries out exactly that.",
)
@record_option
@take_over_option
@json_events_option
@click.pass_obj
def plan_command(
    directory: Path,
    /,
    targets: tuple[Address, ...],
    renew: tuple[Address, ...],
    max_destroy: int | None,
    destroy: bool,
    **options: Any,
) -> int:
    """Show what would change, and what it costs. Changes nothing and takes no lock."""
    if options["markdown"] and options["as_json"]:
        raise click.UsageError("choose one of -markdown and -json")
    mode = Mode.DESTROY if destroy else Mode.APPLY
    # Nobody is asked when a saved plan is applied, so the fuse holds for it (I16).
    request = _request(mode, targets, renew, max_destroy, fused=options["out"] is not None)
    request = with_choices(request, options)
    if options["out"] is not None and (request.only_record or request.from_state):
        raise click.UsageError(
            "--out saves a plan to be carried out: it goes with neither --refresh-only nor "
            "--refresh=false"
        )
    return speaking(options["as_json"], lambda voice: _plan(directory, request, options, voice))


def _plan(directory: Path, request: PlanRequest, options: dict[str, Any], voice: Voice) -> int:
    out: Path | None = options["out"]
    record = None if options["record"] is None else directory / options["record"]

    async def verb(workspace: Workspace, _: Interruption | None = None) -> Plan:
        if out is None:
            from reconciler.operations.plan import plan_fleets

            return await plan_fleets(workspace, request, told=voice.listed, record=record)
        from reconciler.operations.saved_plan import save_plan

        path = directory / out
        return await save_plan(workspace, request, path, told=voice.listed, record=record)

    writes = out is not None or record is not None
    run = on_workspace if writes else looking_at_workspace
    plan = run(directory, verb, take_over=options["take_over"])
    step = None if out is None else saved_step(out)
    if options["markdown"]:
        show_markdown(plan, step)
    else:
        voice.plan(plan, step)
    code = most_urgent(finding.code for finding in plan.findings if finding.code is not None)
    if options["detailed_exitcode"] and plan.has_changes and code is ExitCode.DONE:
        return ExitCode.CHANGES
    return code


@click.command(cls=TerraformCommand)
@click.argument("plan_file", required=False, type=click.Path(path_type=Path), metavar="[PLAN]")
@target_option
@renew_option
@max_destroy_option
@exclude_option
@replace_option
@refresh_only_option
@allow_unbounded_option
@auto_approve_option
@click.option("--detach", is_flag=True, help="Do not wait until new machines are ready.")
@no_wait_option
@verify_timeout_option
@lock_timeout_option
@take_over_option
@trust_clock_option
@json_events_option
@click.pass_obj
def apply_command(
    directory: Path,
    /,
    plan_file: Path | None,
    targets: tuple[Address, ...],
    renew: tuple[Address, ...],
    max_destroy: int | None,
    **options: Any,
) -> int:
    """Create and destroy what the plan says, once you agree.

    With PLAN, a file of plan -out, carry out exactly that, without a question.
    """
    if plan_file is not None:
        return speaking(
            options["as_json"], lambda voice: _carry_out_saved(directory, plan_file, options, voice)
        )
    fused = bool(options["auto_approve"])
    request = _request(Mode.APPLY, targets, renew, max_destroy, fused=fused)
    request = with_choices(request, options)
    return speaking(
        options["as_json"],
        lambda voice: _carry_out(directory, request, "Apply this plan?", options, voice),
    )


@click.command(cls=TerraformCommand)
@click.argument("addresses", nargs=-1, type=AddressType(), metavar="[ADDRESS]...")
@target_option
@exclude_option
@auto_approve_option
@no_wait_option
@verify_timeout_option
@lock_timeout_option
@take_over_option
@json_events_option
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
    chosen = {**options, "detach": False}
    return speaking(
        options["as_json"],
        lambda voice: _carry_out(directory, request, "Destroy these machines?", chosen, voice),
    )


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
    directory: Path, request: PlanRequest, question: str, options: dict[str, Any], voice: Voice
) -> int:
    from reconciler.operations.apply import apply_fleets

    if not options["auto_approve"] and not voice.asks:
        raise click.UsageError("-json asks nobody: add -auto-approve, or apply a saved plan")
    if not options["auto_approve"] and not is_interactive():
        raise click.UsageError("nobody can be asked here: add -auto-approve to go on without")

    async def verb(workspace: Workspace, interruption: Interruption) -> RunResult:
        async def approve(_: Plan) -> bool:
            return await ask_yes(f'{question} Only "yes" is accepted: ', interruption)

        step = "Approved by -auto-approve: carrying it out." if options["auto_approve"] else ""
        step = step or "Nothing is done before you agree."
        with voice.progress() as view:
            chosen = _run_options(options, step, interruption, view.show, voice)
            asked = chosen if options["auto_approve"] else replace(chosen, approve=approve)
            return await apply_fleets(workspace, request, asked)

    told = on_workspace(
        directory,
        verb,
        take_over=options["take_over"],
        trust_clock=options.get("trust_clock", False),
    )
    return _told(told, voice)


def _carry_out_saved(
    directory: Path, plan_file: Path, options: dict[str, Any], voice: Voice
) -> int:
    from reconciler.operations.saved_plan import apply_saved, read_saved_plan

    refuse_choices_beside_a_plan()
    saved = read_saved_plan(directory / plan_file)

    async def verb(workspace: Workspace, interruption: Interruption) -> RunResult:
        step = "Approved when it was saved: carrying it out."
        with voice.progress() as view:
            chosen = _run_options(options, step, interruption, view.show, voice)
            return await apply_saved(workspace, saved, chosen, voice.remark)

    told = on_workspace(
        directory,
        verb,
        take_over=options["take_over"],
        trust_clock=options.get("trust_clock", False),
    )
    return _told(told, voice)


def _told(result: RunResult, voice: Voice) -> int:
    code = voice.result(result)
    if voice.asks:
        _say_outcome(result)
    return code


def _run_options(
    options: dict[str, Any],
    step: str,
    interruption: Interruption,
    progress: Callable[..., None],
    voice: Voice,
) -> RunOptions:
    from reconciler.operations.run import RunOptions

    lock_timeout: timedelta = options["lock_timeout"]
    return RunOptions(
        progress=progress,
        show=lambda plan: voice.plan(plan, step),
        outcome=voice.outcome,
        listed=voice.listed,
        remark=voice.remark if voice.asks else None,
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
    for finding in result.plan.findings:
        if finding.code is not None:  # it stood above hundreds of lines
            say(f"Not done (exit {int(finding.code)}): {printable(finding.message, 300)}")
            if finding.fix:
                say(f"  fix: {printable(finding.fix, 300)}")
    if ready:
        say("Log in: gpu-shopper ssh fleet.NAME[0]; see all: gpu-shopper status")
