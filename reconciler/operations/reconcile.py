"""``reconcile``: one pass of the loop. Destroys what has to go; buys only to heal."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from reconciler.model.exit_code import ExitCode
from reconciler.model.notice import Notice, NoticeKind
from reconciler.model.plan import SlotOutcome
from reconciler.operations.look import look
from reconciler.operations.run import Run, RunResult

if TYPE_CHECKING:
    from datetime import datetime

    from reconciler.model.plan import PlanRequest
    from reconciler.model.record import InstanceRecord, RecordedState
    from reconciler.operations.run import RunOptions
    from reconciler.operations.workspace import Workspace

ALERT_AFTER_FAILURES = 3
ALERT_AFTER = timedelta(minutes=10)
"""A destroy that failed three times or is ten minutes old is an alert (SPEC.md section 4, 3)."""


async def reconcile_once(
    workspace: Workspace, request: PlanRequest, options: RunOptions
) -> RunResult:
    """One pass: resolve, retry, enforce. Does not wait for proof; a later pass finds it.

    Works without readable documents: lease ends recorded in the state are enforced all the same.
    A pass over a workspace without a state does nothing and records nothing. Exit 11 when a
    destroy is overdue (SPEC.md section 12, 5).
    """
    run = Run(workspace, options)
    with run.lock("reconcile"):
        seen = await look(workspace, request)
        run.show(replace(seen.plan, enforced_by="this loop"))
        executor = await run.carry_out(seen, seen.plan, by_loop=True)
        state = executor.state
        overdue = _overdue(state, workspace)
        for record in overdue:
            await run.notifier.send(_alert(record, workspace))
    if request.heal and executor.report.bought and not options.detach:
        await run.wait()
    result = run.result(seen.plan)
    result.outcomes += [_overdue_outcome(record) for record in overdue]
    return result


async def preview_pass(
    workspace: Workspace, request: PlanRequest, options: RunOptions
) -> RunResult:
    """What the pass would do (``--dry-run``): no write, no mutating call (I30)."""
    seen = await look(workspace, request)
    options.show(seen.plan)
    return RunResult(plan=seen.plan)


def _overdue(state: RecordedState, workspace: Workspace) -> list[InstanceRecord]:
    """Doomed machines whose proof is late: 2 x V_p + 10 min, or three failures."""
    now = workspace.clock.now()
    return [
        record
        for _, record in sorted(state.instances.items())
        if record.doom is not None
        and (
            record.doom.failures >= ALERT_AFTER_FAILURES
            or now - record.doom.since > _patience(record, workspace)
        )
    ]


def _patience(record: InstanceRecord, workspace: Workspace) -> timedelta:
    provider = workspace.providers.get(record.provider)
    window = provider.capabilities.visibility_window if provider else timedelta(seconds=120)
    return 2 * window + ALERT_AFTER


def _overdue_outcome(record: InstanceRecord) -> SlotOutcome:
    error = record.doom.last_error if record.doom else ""
    return SlotOutcome(
        record.slot,
        "prove",
        False,
        f"{record.provider} {record.instance_id} is overdue: money may still flow. {error}".strip(),
        ExitCode.DESTROY_UNVERIFIED,
        mark=record.mark,
    )


def _alert(record: InstanceRecord, workspace: Workspace) -> Notice:
    since: datetime | None = record.doom.since if record.doom else None
    return Notice(
        kind=NoticeKind.ALERT,
        workspace=workspace.name,
        message=f"{record.slot} is doomed since {since} and not proven gone",
        slot=record.slot,
        reason=record.doom.reason if record.doom else None,
    )
