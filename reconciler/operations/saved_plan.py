"""``plan -out``, ``apply PLAN``: a decision that is made now, reviewed, and carried out later."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.documents.meaning_digest import meaning_digest
from reconciler.model.errors import StalePlan, UsageRefused
from reconciler.model.plan import Mode
from reconciler.model.saved_plan import PlanOrigin
from reconciler.operations.apply import act, refuse_blocked
from reconciler.operations.look import look, refuse_wrong_providers
from reconciler.operations.refill import refill_failed
from reconciler.operations.run import Run
from reconciler.operations.workspace import STATE_DIRECTORY
from reconciler.planning.saved_plan import Present, agreement, other_account, what_moved

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from reconciler.inventory.observe import Listed
    from reconciler.model.plan import Plan, PlanRequest
    from reconciler.model.record import RecordedState
    from reconciler.model.saved_plan import SavedPlan
    from reconciler.operations.run import RunOptions, RunResult
    from reconciler.operations.workspace import Workspace

_AGAIN = "make a new one and review it: gpu-shopper plan -out=FILE"


async def save_plan(
    workspace: Workspace,
    request: PlanRequest,
    path: Path,
    *,
    told: Listed | None = None,
    record: Path | None = None,
) -> Plan:
    """Plan as of now and write the plan to ``path``. Takes no lock and changes nothing else.
    ``record`` names a file that keeps the decision with all it was made from.

    A plan that a rule blocks is written too: it can be read, and is never applied. Raises
    ``UsageRefused`` when ``path`` holds anything but a plan, or lies where states are looked for.
    """
    from reconciler.reporting.plan_json import plan_document
    from reconciler.statefile.plan_file import check_target, write_plan

    _refuse_state_directory(workspace.directory, path)
    check_target(path)
    seen = await look(workspace, request, told=told)
    refuse_wrong_providers(workspace, seen)
    recorded, desired = seen.recorded, workspace.desired
    assert desired is not None
    origin = PlanOrigin(
        lineage=recorded.lineage if recorded else None,
        serial=recorded.serial if recorded else None,
        documents_digest=meaning_digest(desired),
        accounts=seen.accounts,
    )
    write_plan(path, plan_document(seen.plan, origin))
    if record is not None:
        from reconciler.operations.recording import record_decision  # most plans are not kept

        record_decision(record, seen.inputs, seen.plan, seen.plan)
    return seen.plan


def _refuse_state_directory(directory: Path, path: Path) -> None:
    """The loop takes every ``state/*.json`` for a state when the documents cannot be read."""
    if path.suffix == ".json" and path.parent.resolve() == (directory / STATE_DIRECTORY).resolve():
        raise UsageRefused(
            f"{STATE_DIRECTORY}/ holds states alone", fix="save the plan in another directory"
        )


def read_saved_plan(path: Path) -> SavedPlan:
    """The plan at ``path``. Raises ``StalePlan`` when it cannot be used, ``UsageRefused`` when
    there is none.
    """
    from reconciler.reporting.plan_reading import saved_plan
    from reconciler.statefile.plan_file import read_plan

    document = read_plan(path)
    try:
        return saved_plan(document)
    except ValueError as error:
        raise StalePlan("the plan cannot be used", why=str(error), fix=_AGAIN) from None


async def apply_saved(
    workspace: Workspace, saved: SavedPlan, options: RunOptions, remark: Callable[[str], None]
) -> RunResult:
    """Carry out exactly what ``saved`` holds, without a question; ``remark`` is told of changes.

    Everything is derived anew under the lock, and each machine costs at most what was approved.
    Raises ``StalePlan`` when state, documents, an account or a price moved, so that the same plan
    carried out twice does nothing the second time; ``UnsafePlan`` when a rule blocks it.
    """
    _refuse_inapplicable(saved)
    run = Run(workspace, options)
    with run.lock("apply"):
        _refuse_moved(saved, workspace)
        approved = saved.plan
        seen = await look(workspace, approved.request, told=options.listed, approved=approved)
        refuse_wrong_providers(workspace, seen)
        _refuse(other_account(saved, seen.accounts))
        refuse_blocked(seen.plan)
        agreed = agreement(approved, seen.plan)
        if agreed.plan is None:
            raise _stale(agreed.reasons[0], "; ".join(agreed.reasons[1:4]))
        run.show(agreed.plan)
        for line in agreed.remarks:
            remark(line)
        await act(run, seen, agreed.plan)
    await run.wait()
    await refill_failed(run, approved.request)
    return run.result(agreed.plan)


def _refuse_inapplicable(saved: SavedPlan) -> None:
    refuse_blocked(saved.plan)
    if saved.plan.request.mode is Mode.LOOP:
        raise StalePlan("the plan cannot be used", why="it is a plan of the loop", fix=_AGAIN)


def _refuse_moved(saved: SavedPlan, workspace: Workspace) -> None:
    desired = workspace.desired
    assert desired is not None
    recorded = workspace.backend.read()
    moved = what_moved(saved, Present(workspace.name, recorded, meaning_digest(desired)))
    _refuse(moved, _why(saved, recorded) if moved else "")


def _why(saved: SavedPlan, recorded: RecordedState | None) -> str:
    passed = recorded.loop_last_seen if recorded else None
    if passed is not None and passed > saved.plan.now:
        return f"the loop has passed since then, last {passed:%Y-%m-%d %H:%M:%S} UTC"
    return ""


def _refuse(moved: str, why: str = "") -> None:
    if moved:
        raise _stale(moved, why)


def _stale(moved: str, why: str) -> StalePlan:
    return StalePlan(f"the saved plan is stale, nothing was done: {moved}", why=why, fix=_AGAIN)
