"""``reconcile``: one pass of the loop. Destroys what has to go; buys only to heal."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from reconciler.model.errors import GpuShopperError
from reconciler.model.notice import Notice, NoticeKind
from reconciler.operations.look import look
from reconciler.operations.overdue import ALERT_EVERY, overdue_outcome, overdue_records
from reconciler.operations.run import Run, RunResult
from reconciler.planning import billing, transitions

if TYPE_CHECKING:
    from pathlib import Path

    from reconciler.execution.executor import PlanExecutor
    from reconciler.model.plan import Plan, PlanRequest
    from reconciler.model.record import InstanceRecord
    from reconciler.operations.look import Look
    from reconciler.operations.run import RunOptions
    from reconciler.operations.workspace import Workspace


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
        seen = await look(workspace, request, told=options.listed)
        shown = replace(seen.plan, enforced_by="this loop")
        run.show(shown)
        unrecorded = _record(options.record, seen, shown)
        executor = await run.carry_out(seen, seen.plan, by_loop=True)
        state = executor.state
        overdue = overdue_records(state, workspace)
        for record in overdue:
            await _alert_now_and_then(record, run, executor)
        await _warn_of_budgets(run, executor, seen)
        await _warn_of_balances(run, executor, seen)
    await run.visit(seen.plan)
    result = run.result(seen.plan)
    result.outcomes += [overdue_outcome(record) for record in overdue]
    _tell(unrecorded, result)
    return result


async def preview_pass(
    workspace: Workspace, request: PlanRequest, options: RunOptions
) -> RunResult:
    """What the pass would do (``--dry-run``): no mutating call (I30), and no write but that of the
    decision where ``options`` ask for it.
    """
    seen = await look(workspace, request, told=options.listed)
    options.show(seen.plan)
    result = RunResult(plan=seen.plan)
    _tell(_record(options.record, seen, seen.plan), result)
    return result


def _record(path: Path | None, seen: Look, shown: Plan) -> GpuShopperError | None:
    """Keep the decision before anything is done; what cannot be kept holds no destroy back."""
    if path is None:
        return None
    from reconciler.operations.recording import record_decision  # most passes are not kept

    try:
        record_decision(path, seen.inputs, seen.plan, shown)
    except GpuShopperError as error:
        return error
    return None


def _tell(unrecorded: GpuShopperError | None, result: RunResult) -> None:
    if unrecorded is not None:
        result.warnings.append(f"the decision was not recorded: {unrecorded.what}")
        result.unrecorded = unrecorded.exit_code


async def _alert_now_and_then(record: InstanceRecord, run: Run, executor: PlanExecutor) -> None:
    """Once when it becomes overdue, and every hour after that."""
    now = run.workspace.clock.now()
    told = record.doom.alerted_at if record.doom else None
    if told is None or now - told >= ALERT_EVERY:
        await executor.commit(transitions.alerted(record.mark, now))
        await run.notifier.send(_alert(record, run.workspace))


async def _warn_of_budgets(run: Run, executor: PlanExecutor, seen: Look) -> None:
    """Once for each mark of each budget and period."""
    if not executor.state.budgets:
        return
    from reconciler.planning.budget_warnings import warnings_due

    for due in warnings_due(executor.state, seen.observed, seen.plan.now):
        await executor.commit(billing.budget_warned(due.name, due.percent, due.since))
        await run.notifier.send(
            Notice(
                kind=NoticeKind.BUDGET,
                workspace=run.workspace.name,
                message=due.message,
                usd_so_far=due.spent,
            )
        )


async def _warn_of_balances(run: Run, executor: PlanExecutor, seen: Look) -> None:
    """Before a provider ends machines at zero: once for each step for the worse."""
    if not seen.plan.balances or seen.recorded is None:
        return
    from reconciler.planning.balance_warnings import alerts_due, told_of

    due = list(alerts_due(seen.plan, executor.state))
    await executor.commit(told_of(due, seen.plan))
    for one in due:
        await run.notifier.send(
            Notice(NoticeKind.BALANCE, workspace=run.workspace.name, message=one.message)
        )


def _alert(record: InstanceRecord, workspace: Workspace) -> Notice:
    since = f"{record.doom.since:%Y-%m-%d %H:%M:%S} UTC" if record.doom else "some time"
    return Notice(
        kind=NoticeKind.ALERT,
        workspace=workspace.name,
        message=f"{record.slot} is doomed since {since} and not proven gone",
        slot=record.slot,
        reason=record.doom.reason if record.doom else None,
    )
