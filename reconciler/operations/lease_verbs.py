"""``extend`` and ``release``: the two things a person does to a running lease."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import anyio

from reconciler.execution.interruption import Interruption
from reconciler.execution.journal import Journal
from reconciler.model.address import Address
from reconciler.model.cost import ZERO
from reconciler.model.errors import BudgetExceeded, StateError, UnsafePlan, UsageRefused
from reconciler.model.plan import Mode, PlanRequest
from reconciler.model.quantity import NEVER, format_duration
from reconciler.model.record import LeaseEnding
from reconciler.model.value import dataclass
from reconciler.operations.look import look, read_clocks
from reconciler.operations.run import Run, RunResult
from reconciler.planning import lease_transitions
from reconciler.planning.leases import has_ended

if TYPE_CHECKING:
    from datetime import datetime
    from decimal import Decimal

    from reconciler.execution.context import ExecutionContext
    from reconciler.model.outcome import SlotOutcome
    from reconciler.model.record import LeaseRecord, RecordedState
    from reconciler.operations.look import Look
    from reconciler.operations.run import RunOptions
    from reconciler.operations.workspace import Workspace


_LOCKED_FOR = timedelta(minutes=1)
"""The longest that ``extend`` logs in to machines: it holds the lock, and a loop waits for it."""


@dataclass(frozen=True, slots=True)
class Extension:
    """A lease that was moved. ``usd_per_hour`` is what its machines cost at their known rates."""

    fleet: str
    before: datetime
    after: datetime
    usd_per_hour: Decimal


def read_state(workspace: Workspace, *, to_change: bool = False) -> RecordedState:
    """The state; ``StateError`` when there is none, or, ``to_change`` it, another host's."""
    recorded = workspace.read() if to_change else workspace.backend.read()
    if recorded is None:
        raise StateError(
            f"there is no state at {workspace.backend.location}", fix="gpu-shopper apply makes one"
        )
    return recorded


def _state_of(fleet: str, workspace: Workspace) -> RecordedState:
    """Where nothing was ever applied there is no lease, which damages nothing: a state that is
    lost, beside its backups, does.
    """
    if workspace.backend.find().version == "" and not workspace.backend.backups():
        raise UsageRefused(
            f"fleet.{fleet} has no lease: nothing was applied here yet",
            fix="gpu-shopper apply opens one",
        )
    return read_state(workspace, to_change=True)


async def extend_lease(
    workspace: Workspace, fleet: str, by: timedelta, *, lock_timeout_seconds: float
) -> Extension:
    """Move a running lease's end later by ``by``, at most to start + ``safety.max_ttl``.

    The new end is absolute, so repeating the command extends again. Announced soft destroys of
    the fleet move by the same time. Of office hours it is the window at hand that goes on, not
    beyond their ``expires_at``. Machines with a timer of their own are told first, over SSH.
    Raises ``BudgetExceeded`` where a budget that freezes cannot pay for it; ``UnsafePlan`` beyond
    a limit, or where one of those does not take the new end; ``UsageRefused`` for a lease that has
    not started or has ended.
    """
    with workspace.backend.lock("extend", timeout_seconds=lock_timeout_seconds):
        recorded = _state_of(fleet, workspace)
        read_clocks(workspace, recorded)
        lease = _running_lease(recorded, fleet, workspace.clock.now())
        if lease.ends_at == NEVER:
            raise UsageRefused(
                f"fleet.{fleet} has no end that could be moved",
                fix="write a ttl or a time in expires_at, and apply",
            )
        before, started = lease.ends_at, lease.started_at
        assert before is not None
        assert started is not None
        after = before + by
        safety = workspace.safety
        if after > started + safety.max_ttl:
            raise UnsafePlan(
                f"fleet.{fleet} would live until {after:%Y-%m-%d %H:%M}Z, past its limit",
                why=f"it started {started:%Y-%m-%d %H:%M}Z and safety.max_ttl is "
                f"{format_duration(safety.max_ttl)}",
                fix="raise safety.max_ttl, or extend by less",
            )
        if lease.hours is not None and after > lease.hours.until:
            raise UnsafePlan(
                f"fleet.{fleet} would live until {after:%Y-%m-%d %H:%M}Z, past its expires_at",
                why=f"its office hours end for good {lease.hours.until:%Y-%m-%d %H:%M}Z",
                fix="write a later expires_at and apply, or extend by less",
            )
        _refuse_what_no_budget_pays(recorded, fleet, after, workspace)
        context = workspace.context(
            recorded, Interruption(), lambda shown: None, workspace.notifier()
        )
        await _move_timers(context, fleet, after)
        await context.journal.commit(lease_transitions.lease_extended(fleet, after, by))
        rate = sum((one.usd_per_hour for one in recorded.records_of(fleet)), ZERO)
        return Extension(fleet, before, after, rate)


def _refuse_what_no_budget_pays(
    recorded: RecordedState, fleet: str, until: datetime, workspace: Workspace
) -> None:
    """Raises ``BudgetExceeded`` where a budget that freezes cannot pay what runs to its end."""
    if not recorded.budgets:
        return
    from reconciler.planning.budget_freeze import extension_refused

    now, tick = workspace.clock.now(), workspace.safety.tick
    why = extension_refused(recorded, fleet, until, now, tick)
    if why:
        raise BudgetExceeded(
            f"fleet.{fleet} would live until {until:%Y-%m-%d %H:%M}Z, longer than its money lasts",
            why=why,
            fix="extend by less, raise the budget and apply, or destroy what is not needed",
        )


async def _move_timers(context: ExecutionContext, fleet: str, until: datetime) -> None:
    """First the machines, then the lease: nobody is promised hours that a machine's own timer
    would take away. Raises ``UnsafePlan`` where one could not be moved.
    """
    from reconciler.execution.node_timers import assumed, move_timers  # few machines have timers
    from reconciler.planning.node_timers import early_timers

    early = early_timers(context.journal.state, assumed(context), fleet=fleet, until=until)
    outcomes: list[SlotOutcome] = []
    with anyio.move_on_after(_LOCKED_FOR.total_seconds()) as in_time:
        outcomes = await move_timers(early, context)
    if in_time.cancelled_caught:
        raise UnsafePlan(
            f"fleet.{fleet} is not extended: its machines could not all be told in time",
            why=f"nobody may hold the lock for longer than {format_duration(_LOCKED_FOR)} here: "
            "a loop has to pass",
            fix="try again: it goes on with those that were not told yet",
        )
    timers = context.journal.state.node_timers
    none = {mark for mark, timer in timers.items() if not timer.runs}
    kept = [one for one in outcomes if not one.done and one.mark not in none]
    if kept:
        raise UnsafePlan(
            f"fleet.{fleet} is not extended: {kept[0].slot} would destroy itself before that",
            why="; ".join(f"{one.slot}: {one.detail}" for one in kept[:3]),
            fix="try again once one can log in there; gpu-shopper ssh shows whether one can",
        )


def _running_lease(recorded: RecordedState, fleet: str, now: datetime) -> LeaseRecord:
    lease = recorded.leases.get(fleet)
    if lease is None:
        raise UsageRefused(f"fleet.{fleet} has no lease", fix="gpu-shopper apply opens one")
    if has_ended(lease, now):
        fix = f"gpu-shopper apply -renew fleet.{fleet}"
        if lease.hours is not None and not lease.ended_by:
            fix = "gpu-shopper plan says when its next window opens"
        raise UsageRefused(f"the lease of fleet.{fleet} has ended", fix=fix)
    if lease.started_at is None:
        raise UsageRefused(
            f"the lease of fleet.{fleet} has not started",
            fix="it starts when its first machine exists: gpu-shopper apply",
        )
    return lease


async def _end_and_look(
    workspace: Workspace, recorded: RecordedState, request: PlanRequest, fleet: str
) -> Look:
    """The lease is ended, and the look that follows agrees that it is: a provider may know that it
    is earlier than this machine's clock says (I31).
    """
    journal = Journal(workspace.backend, recorded, stored=True)
    now = workspace.clock.now()
    await journal.commit(lease_transitions.lease_ended(fleet, LeaseEnding.RELEASED, now))
    seen = await look(workspace, request)
    if seen.plan.now >= now:
        return seen
    now = seen.plan.now
    await journal.commit(lease_transitions.lease_ended(fleet, LeaseEnding.RELEASED, now))
    return await look(workspace, request)


async def release_fleet(workspace: Workspace, fleet: str, options: RunOptions) -> RunResult:
    """End the lease now and destroy its machines (reason ``requested``), then wait for the proof.

    For an application that says that it is done. Only ``apply -renew`` opens the lease again.
    Releasing a fleet whose lease has ended repeats what is left to destroy.
    """
    run = Run(workspace, options)
    request = PlanRequest(Mode.LOOP, targets=(Address(fleet),), fused=False)
    with run.lock("release"):
        recorded = _state_of(fleet, workspace)
        if fleet not in recorded.leases:
            raise UsageRefused(f"fleet.{fleet} has no lease", fix="gpu-shopper status")
        read_clocks(workspace, recorded)
        seen = await _end_and_look(workspace, recorded, request, fleet)
        run.show(seen.plan)
        await run.carry_out(seen, seen.plan)
    await run.wait()
    return run.result(seen.plan)
