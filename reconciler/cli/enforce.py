"""``reconcile``: one pass, the daemon, and the entry for cron or systemd."""

from __future__ import annotations

import gc
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.cli.closed_output import say
from reconciler.cli.lazy_group import TerraformCommand
from reconciler.cli.parameters import (
    DurationType,
    json_events_option,
    lock_timeout_option,
    max_destroy_option,
    record_option,
    take_over_option,
    trust_clock_option,
)
from reconciler.cli.running import on_workspace
from reconciler.cli.voice import TextVoice, speaking
from reconciler.model.exit_code import ExitCode
from reconciler.model.plan import Mode, PlanRequest

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta

    from reconciler.cli.voice import Voice
    from reconciler.execution.interruption import Interruption
    from reconciler.model.plan import Plan
    from reconciler.operations.run import RunOptions, RunResult
    from reconciler.operations.workspace import Workspace


@click.command(cls=TerraformCommand)
@click.option("--once", is_flag=True, help="One pass, then exit: for cron and CI.")
@click.option(
    "--interval", type=DurationType(), metavar="DURATION", help="Pass after pass, until stopped."
)
@click.option("--heal", is_flag=True, help="Refill slots that were lost, within running leases.")
@click.option(
    "--schedule", is_flag=True, help="Open the windows of office hours (active) that have begun."
)
@click.option("--dry-run", is_flag=True, help="Show what a pass would do, and do nothing.")
@click.option(
    "--install",
    type=click.Choice(["cron", "systemd"]),
    help="Show the entry that runs a pass every minute, and write it.",
)
@click.option("--yes", is_flag=True, help="With --install: write without asking.")
@max_destroy_option
@lock_timeout_option
@record_option
@take_over_option
@trust_clock_option
@json_events_option
@click.pass_obj
def reconcile_command(
    directory: Path,
    once: bool,
    interval: timedelta | None,
    heal: bool,
    schedule: bool,
    dry_run: bool,
    install: str | None,
    yes: bool,
    max_destroy: int | None,
    lock_timeout: timedelta,
    record: Path | None,
    take_over: bool,
    trust_clock: bool,
    as_json: bool,
) -> int:
    """Destroy what has expired or is not declared. Buys nothing, unless --heal or --schedule."""
    _refuse_mixtures(
        {"--once": once, "--interval": interval is not None, "--install": install is not None},
        dry_run,
        {
            "--record keeps the decision of one pass": record is not None,
            "--json tells of one pass": as_json,
            "--max-destroy names a number for one pass": max_destroy is not None,
            "--trust-clock is said once, of now": trust_clock,
        },
    )
    if install is not None:
        from reconciler.cli.loop_entry import install_loop

        flags = [f"--{name}" for name, on in (("heal", heal), ("schedule", schedule)) if on]
        return install_loop(directory, install, flags, assume_yes=yes)
    request = PlanRequest(Mode.LOOP, heal=heal, max_destroy=max_destroy, schedule=schedule)
    seconds = lock_timeout.total_seconds()
    if interval is not None and not dry_run:
        return _daemon(directory, request, interval, take_over=take_over)
    kept = None if record is None else directory / record
    return speaking(
        as_json,
        lambda voice: _one_pass(
            directory,
            request,
            seconds,
            voice,
            dry_run=dry_run,
            record=kept,
            take_over=take_over,
            trust_clock=trust_clock,
        ),
    )


def _refuse_mixtures(
    chosen: Mapping[str, bool], dry_run: bool, of_one_pass: Mapping[str, bool]
) -> None:
    """Each way of running takes the flags that mean something there."""
    if sum(chosen.values()) + (dry_run and not any(chosen.values())) != 1:
        raise click.UsageError("choose one of --once, --interval, --install (or --dry-run)")
    if dry_run and chosen["--install"]:
        raise click.UsageError("--install shows the entry and asks: it has no --dry-run")
    for meaning, said in of_one_pass.items():
        if said and not (chosen["--once"] or dry_run):
            raise click.UsageError(f"{meaning}: use it with --once or --dry-run")


def _options(
    interruption: Interruption,
    seconds: float,
    voice: Voice,
    *,
    quiet: bool = False,
    dry_run: bool = False,
) -> RunOptions:
    from reconciler.operations.run import RunOptions

    def show(plan: Plan) -> None:
        if not quiet or plan.has_changes or plan.findings:
            voice.plan(plan, None if dry_run else "This pass carries it out.")

    return RunOptions(
        progress=voice.progress(live=False).show,
        show=show,
        outcome=voice.outcome,
        listed=voice.listed,
        interruption=interruption,
        wait=False,
        lock_timeout_seconds=seconds,
    )


def _one_pass(
    directory: Path,
    request: PlanRequest,
    seconds: float,
    voice: Voice,
    *,
    dry_run: bool,
    record: Path | None,
    take_over: bool,
    trust_clock: bool,
) -> int:
    from reconciler.operations.reconcile import preview_pass, reconcile_once

    async def verb(workspace: Workspace, interruption: Interruption) -> RunResult:
        _warn_of_documents(workspace, voice)
        do = preview_pass if dry_run else reconcile_once
        options = replace(_options(interruption, seconds, voice, dry_run=dry_run), record=record)
        result = await do(workspace, request, options)
        if workspace.documents_error is not None:
            result.document_code = workspace.documents_error.exit_code
        return result

    result = on_workspace(
        directory,
        verb,
        tolerate_bad_documents=True,
        take_over=take_over,
        trust_clock=trust_clock,
    )
    return voice.result(result, acted=not dry_run)


def _warn_of_documents(workspace: Workspace, voice: Voice) -> None:
    if workspace.documents_error is not None:
        voice.documents_unusable(workspace.documents_error)


def _daemon(directory: Path, request: PlanRequest, interval: timedelta, *, take_over: bool) -> int:
    """Each pass opens the workspace anew: documents may change while it runs."""
    gc.set_threshold(50_000, 20, 20)  # it lives long: what passes leave behind has to go
    from reconciler.daemon.loop import run_forever
    from reconciler.model.errors import GpuShopperError
    from reconciler.operations.reconcile import reconcile_once
    from reconciler.operations.workspace import open_workspace

    last = [ExitCode.DONE]
    voice = TextVoice()

    async def verb(outer: Workspace, interruption: Interruption) -> int:
        async def one_pass() -> float | None:
            try:
                async with open_workspace(
                    directory, tolerate_bad_documents=True, take_over=take_over
                ) as workspace:
                    _warn_of_documents(workspace, voice)
                    options = _options(interruption, interval.total_seconds(), voice, quiet=True)
                    options = replace(options, interval=interval)
                    result = await reconcile_once(workspace, request, options)
                    # By the pass's own clock: this process's may be wrong since it was started.
                    deadline, due = result.next_deadline, outer.clock.elapsed_seconds()
                    if deadline is not None:
                        due += (deadline - workspace.clock.now()).total_seconds()
            except GpuShopperError as error:
                say("\n".join(error.lines()))
                last[0] = error.exit_code
                return None
            last[0] = ExitCode(voice.result(result))
            return None if deadline is None else due

        say(f"Reconciling {outer.name} every {interval.total_seconds():.0f} s. Stop: Ctrl-C.")
        await run_forever(one_pass, interval, outer.clock, interruption)
        return int(interruption.code or last[0])

    return on_workspace(directory, verb, tolerate_bad_documents=True, take_over=take_over)
