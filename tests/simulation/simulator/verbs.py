"""The verbs that simulated operators use, each as the command line would call it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from pathlib import Path

from reconciler.documents.meaning_digest import meaning_digest
from reconciler.model.address import parse_address
from reconciler.model.plan import Mode, PlanRequest
from reconciler.model.saved_plan import PlanOrigin
from reconciler.operations.apply import apply_fleets
from reconciler.operations.lease_verbs import extend_lease, release_fleet
from reconciler.operations.look import look, refuse_wrong_providers
from reconciler.operations.plan import plan_fleets
from reconciler.operations.reconcile import reconcile_once
from reconciler.operations.run import RunOptions, RunResult
from reconciler.operations.saved_plan import apply_saved
from reconciler.operations.state_recovery import rebuild_state, restore_state
from reconciler.reporting.plan_json import plan_document
from reconciler.reporting.plan_reading import saved_plan
from reconciler.statefile.plan_file import decode_plan, encode_plan
from tests.simulation.simulator.process import Process, SimulatedWorkspace

_PLAN = Path("plan")


def _options(process: Process, *, detach: bool = False, wait: bool = True) -> RunOptions:
    told = process.terminal
    return RunOptions(
        progress=told.progress if told else lambda _: None,
        show=told.plan if told else lambda _: None,
        interruption=process.interruption,
        detach=detach,
        wait=wait,
    )


async def _apply(
    workspace: SimulatedWorkspace,
    process: Process,
    *,
    max_destroy: int | None = None,
    detach: bool = False,
    renew: bool = False,
) -> RunResult:
    fleets = frozenset(workspace.desired.fleets) if workspace.desired and renew else frozenset()
    request = PlanRequest(Mode.APPLY, max_destroy=max_destroy, renew=fleets)
    return await apply_fleets(workspace, request, _options(process, detach=detach))


async def _reconcile(
    workspace: SimulatedWorkspace,
    process: Process,
    *,
    heal: bool = False,
    schedule: bool = False,
) -> RunResult:
    request = PlanRequest(Mode.LOOP, heal=heal, schedule=schedule)
    return await reconcile_once(workspace, request, _options(process, wait=False))


async def _destroy(
    workspace: SimulatedWorkspace, process: Process, *, target: str = ""
) -> RunResult:
    targets = (parse_address(target),) if target else ()
    request = PlanRequest(Mode.DESTROY, targets=targets, fused=False)
    return await apply_fleets(workspace, request, _options(process))


async def _plan(workspace: SimulatedWorkspace, process: Process) -> None:
    await plan_fleets(workspace, PlanRequest(Mode.APPLY))


async def _save(workspace: SimulatedWorkspace, process: Process) -> None:
    """As ``plan -out``, on the shelf of the run; nothing where the documents are unreadable."""
    if workspace.desired is None:
        return
    seen = await look(workspace, PlanRequest(Mode.APPLY))
    refuse_wrong_providers(workspace, seen)
    recorded = seen.recorded
    origin = PlanOrigin(
        lineage=recorded.lineage if recorded else None,
        serial=recorded.serial if recorded else None,
        documents_digest=meaning_digest(workspace.desired),
        accounts=seen.accounts,
    )
    workspace.shelf.append(encode_plan(plan_document(seen.plan, origin)))


async def _apply_saved(workspace: SimulatedWorkspace, process: Process) -> RunResult | None:
    """The last plan on the shelf; nothing where none is there, or the documents are unreadable."""
    if not workspace.shelf or workspace.desired is None:
        return None
    saved = saved_plan(decode_plan(workspace.shelf[-1], _PLAN))
    return await apply_saved(workspace, saved, _options(process), lambda _: None)


async def _restore(workspace: SimulatedWorkspace, process: Process, *, what: int | str) -> None:
    """As the message of a refusal says."""
    chosen = what if isinstance(what, int) else Path(what)
    await restore_state(workspace, chosen, _agreed, lock_timeout_seconds=0)


async def _rebuild(workspace: SimulatedWorkspace, process: Process) -> None:
    await rebuild_state(workspace, _agreed, lock_timeout_seconds=0)


async def _agreed(_: object) -> bool:
    return True


async def _extend(workspace: SimulatedWorkspace, process: Process, *, minutes: int) -> None:
    await extend_lease(workspace, "dev", timedelta(minutes=minutes), lock_timeout_seconds=0)


async def _release(workspace: SimulatedWorkspace, process: Process) -> RunResult:
    return await release_fleet(workspace, "dev", _options(process))


VERBS: Mapping[str, Callable[..., Awaitable[RunResult | None]]] = {
    "apply": _apply,
    "reconcile": _reconcile,
    "destroy": _destroy,
    "plan": _plan,
    "extend": _extend,
    "release": _release,
    "save": _save,
    "apply_saved": _apply_saved,
    "restore": _restore,
    "rebuild": _rebuild,
}
"""Each takes the workspace, the process and what the schedule says."""
