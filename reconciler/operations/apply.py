"""``apply`` and ``destroy``: plan, show, ask, carry out what was approved, wait for the proof."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.errors import StalePlan, UnsafePlan
from reconciler.model.exit_code import most_urgent
from reconciler.model.plan import Mode
from reconciler.model.record import LeaseEnding
from reconciler.operations.look import look, refuse_wrong_providers
from reconciler.operations.refill import refill_failed
from reconciler.operations.run import Run, RunResult
from reconciler.planning import billing, lease_transitions
from reconciler.planning.fingerprint import under_approved_ceilings

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from reconciler.model.plan import Plan, PlanRequest
    from reconciler.operations.look import Look
    from reconciler.operations.run import RunOptions
    from reconciler.operations.workspace import Workspace

_SHOWN_MAX = 5


async def apply_fleets(
    workspace: Workspace, request: PlanRequest, options: RunOptions
) -> RunResult:
    """Carry out the plan of ``request`` (mode APPLY or DESTROY) once it is approved.

    The lock is held while looking and acting, never while waiting for a person, for ready or for
    proof. Repeating it after it converged changes nothing, the state's bytes included (I17).
    Raises ``UnsafePlan`` when a rule refuses the plan, ``StateLocked`` when someone else holds the
    lock, ``StalePlan`` when the world does not hold still long enough to be approved.
    """
    run = Run(workspace, options)
    if options.approve is None:
        with run.lock(request.mode.value):
            seen = await _shown_look(run, request)
            await act(run, seen, seen.plan)
        plan: Plan | None = seen.plan
    else:
        plan = await _ask_and_act(run, request, options.approve)
    if plan is None:
        assert run.shown is not None
        result = run.result(run.shown)
        result.declined = True
        return result
    if not request.only_record:
        await run.wait()  # which asks again for the end of what is doomed
        await refill_failed(run, request)
    return run.result(plan)


async def _shown_look(run: Run, request: PlanRequest) -> Look:
    """Look, show the plan, and refuse what no approval can make right."""
    seen = await look(run.workspace, request, told=run.options.listed)
    refuse_wrong_providers(run.workspace, seen)
    run.show(seen.plan)
    refuse_blocked(seen.plan)
    return seen


def refuse_blocked(plan: Plan) -> None:
    """Raise ``UnsafePlan`` with the rules that block ``plan``, if any."""
    blocking = [finding for finding in plan.findings if finding.blocks]
    if not blocking:
        return
    fixes = [finding.fix for finding in blocking if finding.fix]
    error = UnsafePlan(
        f"refused, nothing was done: {blocking[0].message}",
        why="; ".join(finding.message for finding in blocking[1:4]),
        fix=fixes[0] if fixes else "",
    )
    error.exit_code = most_urgent(one.code for one in blocking if one.code is not None)
    raise error


async def _ask_and_act(
    run: Run, request: PlanRequest, approve: Callable[[Plan], Awaitable[bool]]
) -> Plan | None:
    """Show, ask without the lock, look again, and act only on what was approved.

    None when the person declines. A world that moved meanwhile is shown and asked about again.
    """
    with run.lock(request.mode.value):
        seen = await _shown_look(run, request)
        if not seen.plan.has_changes:
            await act(run, seen, seen.plan)
            return seen.plan
    for _ in range(_SHOWN_MAX):
        if not await approve(seen.plan) or run.interruption.requested:
            return None
        with run.lock(request.mode.value):
            fresh = await look(run.workspace, request, told=run.options.listed)
            agreed = under_approved_ceilings(seen.plan, fresh.plan)
            if agreed is not None:
                await act(run, fresh, agreed)
                return agreed
        seen = fresh
        run.show(seen.plan)
        refuse_blocked(seen.plan)
    raise StalePlan(
        "the world changed after each approval",
        why=f"{_SHOWN_MAX} plans were approved and none was still true a moment later",
        fix="run it with -auto-approve, or wait until it is quieter",
    )


async def act(run: Run, seen: Look, plan: Plan) -> None:
    """Carry ``plan`` out, which was approved; the caller holds the lock."""
    ended = _emptied_fleets(plan, seen) if plan.request.mode is Mode.DESTROY else []
    now = run.workspace.clock.now()
    # Before the first destroy: a run that dies half-way must not leave a lease for heal to refill.
    changes = [lease_transitions.lease_ended(name, LeaseEnding.DESTROYED, now) for name in ended]
    desired, request = run.workspace.desired, plan.request
    if request.mode is Mode.APPLY and desired is not None and not request.only_record:
        changes.append(billing.budgets_applied(desired))
    await run.carry_out(seen, plan, also=changes)


def _emptied_fleets(plan: Plan, seen: Look) -> list[str]:
    """Fleets that were destroyed as a whole: their lease ends, and the next apply opens a new one.

    A slot destroyed by itself leaves the lease as it is (SPEC.md section 12, 2).
    """
    leases = seen.recorded.leases if seen.recorded else {}
    narrowed = (*plan.request.targets, *plan.request.excludes)
    slots_only = {address.fleet for address in narrowed if address.index is not None}
    return [
        name
        for name in sorted(leases)
        if plan.request.covers_fleet(name) and name not in slots_only
    ]
