"""The verbs that simulated operators use, each as the command line would call it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta

from reconciler.model.address import parse_address
from reconciler.model.plan import Mode, PlanRequest
from reconciler.operations.apply import apply_fleets
from reconciler.operations.lease_verbs import extend_lease, release_fleet
from reconciler.operations.plan import plan_fleets
from reconciler.operations.reconcile import reconcile_once
from reconciler.operations.run import RunOptions, RunResult
from reconciler.operations.state_recovery import rebuild_state
from tests.simulation.simulator.process import Process, SimulatedWorkspace


def _options(process: Process, *, detach: bool = False, wait: bool = True) -> RunOptions:
    return RunOptions(
        progress=lambda _: None,
        show=lambda _: None,
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


async def _extend(workspace: SimulatedWorkspace, process: Process, *, minutes: int) -> None:
    await extend_lease(workspace, "dev", timedelta(minutes=minutes), lock_timeout_seconds=0)


async def _release(workspace: SimulatedWorkspace, process: Process) -> RunResult:
    return await release_fleet(workspace, "dev", _options(process))


async def _rebuild(workspace: SimulatedWorkspace, process: Process) -> None:
    async def approve(_: object) -> bool:
        return True

    await rebuild_state(workspace, approve, lock_timeout_seconds=0)


VERBS: Mapping[str, Callable[..., Awaitable[RunResult | None]]] = {
    "apply": _apply,
    "reconcile": _reconcile,
    "destroy": _destroy,
    "plan": _plan,
    "extend": _extend,
    "release": _release,
    "rebuild": _rebuild,
}
"""Each takes the workspace, the process and what the schedule says."""
