"""Runs one verb: event loop, signals, workspace, and how its progress and outcome are shown."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, TypeVar

import click

from reconciler.cli.closed_output import put, say
from reconciler.cli.terminal import palette_for
from reconciler.model.notice import NoticeKind
from reconciler.model.text import printable
from reconciler.operations.workspace import open_workspace
from reconciler.reporting.notice_text import notice_lines
from reconciler.waiting import run_at_once

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from reconciler.execution.interruption import Interruption
    from reconciler.model.plan import Plan
    from reconciler.operations.run import RunResult
    from reconciler.operations.workspace import Workspace

Result = TypeVar("Result")


def on_workspace(
    directory: Path,
    verb: Callable[[Workspace, Interruption], Awaitable[Result]],
    *,
    tolerate_bad_documents: bool = False,
    tolerate_bad_state: bool = False,
    take_over: bool = False,
    trust_clock: bool = False,
) -> Result:
    """Open the workspace of ``directory``, run ``verb`` on it, close it. The choices are those of
    ``open_workspace``.

    The first SIGINT or SIGTERM asks the verb to stop, a second one cancels it.
    """

    async def run() -> Result:
        refuse_no_directory(directory)
        async with open_workspace(
            directory,
            tolerate_bad_documents=tolerate_bad_documents,
            tolerate_bad_state=tolerate_bad_state,
            take_over=take_over,
            trust_clock=trust_clock,
        ) as workspace:
            return await until_signalled(lambda interruption: verb(workspace, interruption))

    import anyio

    from reconciler.cli.signalled import until_signalled

    return anyio.run(run)


def looking_at_workspace(
    directory: Path,
    verb: Callable[[Workspace], Awaitable[Result]],
    *,
    tolerate_bad_documents: bool = False,
    take_over: bool = False,
) -> Result:
    """As ``on_workspace``, for a verb that writes nothing. It begins at once and gets its event
    loop when it first waits; until then a signal ends the process as it stands.
    """

    async def run() -> Result:
        refuse_no_directory(directory)
        async with open_workspace(
            directory, tolerate_bad_documents=tolerate_bad_documents, take_over=take_over
        ) as workspace:
            return await verb(workspace)

    def go_on(rest: Awaitable[Result]) -> Result:
        import anyio

        from reconciler.cli.signalled import until_signalled

        return anyio.run(until_signalled, lambda _: rest)

    return run_at_once(run(), go_on)


def without_workspace(verb: Callable[[Interruption], Awaitable[Result]]) -> Result:
    """Run ``verb``, which opens what it needs, with signals as in ``on_workspace``."""
    import anyio

    from reconciler.cli.signalled import until_signalled

    return anyio.run(until_signalled, verb)


def refuse_no_directory(directory: Path) -> None:
    """Raise a usage error unless ``directory`` is one."""
    if not directory.is_dir():
        raise click.UsageError(f"there is no directory {printable(str(directory))}")


def show_plan(plan: Plan, next_step: str | None = None) -> None:
    """The plan on standard output; ``next_step`` is said where the plan would change something."""
    from reconciler.reporting.plan_text import plan_text

    said = next_step if plan.has_changes and not plan.blocked else None
    put(plan_text(plan, palette_for(sys.stdout), next_step=said))


def show_markdown(plan: Plan, next_step: str | None = None) -> None:
    """The plan on standard output, for a pull request; ``next_step`` as in ``show_plan``."""
    from reconciler.reporting.plan_markdown import plan_markdown

    said = next_step if plan.has_changes and not plan.blocked else None
    put(plan_markdown(plan, next_step=said).rstrip("\n"))


def show_result(result: RunResult) -> int:
    """Outcomes worth a line on standard error; the exit code."""
    proven = {one.mark for one in result.outcomes if one.action == "prove" and one.done}
    for warning in result.warnings:
        say(f"Warning: {warning}")
    for notice in result.notices:
        if notice.kind is not NoticeKind.DESTROYED:
            for line in notice_lines(notice):
                say(line)
    for outcome in result.outcomes:
        # a timer that was moved or set again shows nowhere else
        told = outcome.done and outcome.action != "timer"
        if not told and outcome.mark not in proven:
            say(f"{outcome.slot}: {outcome.action}: {printable(outcome.detail, 300)}")
    for failure in result.notice_failures:
        say(f"Warning: {failure}")
    if result.declined:
        say("Nothing was done.")
    return int(result.code)
