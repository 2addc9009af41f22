"""What the verbs that change something share: options in, outcomes out."""

from __future__ import annotations

from dataclasses import field, replace
from datetime import timedelta
from typing import TYPE_CHECKING

import anyio

from reconciler.execution.destruction import prove_absence
from reconciler.execution.executor import PlanExecutor
from reconciler.execution.interruption import Interruption
from reconciler.model.errors import GpuShopperError, StateError
from reconciler.model.exit_code import ExitCode, most_urgent
from reconciler.model.observation import NOTHING_OBSERVED
from reconciler.model.outcome import SlotOutcome
from reconciler.model.value import dataclass
from reconciler.operations.overdue import pending_outcomes
from reconciler.operations.provider_pins import pins_of
from reconciler.planning import ledger as books
from reconciler.planning import state_edits, transitions
from reconciler.planning.clock_rule import clock_marked
from reconciler.planning.leases import next_deadline
from reconciler.planning.ledger_buckets import rolled_up
from reconciler.planning.rollback import settled

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable
    from datetime import datetime
    from pathlib import Path

    from reconciler.execution.context import ExecutionContext
    from reconciler.inventory.observe import Listed
    from reconciler.model.address import Slot
    from reconciler.model.notice import Notice
    from reconciler.model.observation import ObservedState
    from reconciler.model.plan import Create, Plan
    from reconciler.model.progress import SlotProgress
    from reconciler.model.record import InstanceRecord, RecordedState
    from reconciler.operations.look import Look
    from reconciler.operations.notices import Notifier
    from reconciler.operations.workspace import Workspace
    from reconciler.planning.transitions import Change
    from reconciler.statefile.backend import StateLock

_SHORTEST_VISIT = timedelta(seconds=10)
DEFAULT_VERIFY_TIMEOUT = timedelta(minutes=10)
"""How long ``apply`` and ``destroy`` wait for proof of absence (SPEC.md section 12, 5)."""


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How a verb carries out what was approved.

    ``detach``: do not wait for ready. ``wait``: wait for proof that destroyed machines are gone.
    ``approve`` is asked with the plan when it would change something; None approves everything.
    ``progress``, ``outcome`` (told as each action ends), ``listed`` and ``remark`` must not raise.
    """

    progress: Callable[[SlotProgress], None]
    show: Callable[[Plan], None]
    approve: Callable[[Plan], Awaitable[bool]] | None = None
    interruption: Interruption | None = None
    detach: bool = False
    wait: bool = True
    lock_timeout_seconds: float = 0.0
    verify_timeout: timedelta = DEFAULT_VERIFY_TIMEOUT
    outcome: Callable[[SlotOutcome], None] | None = None
    listed: Listed | None = None
    remark: Callable[[str], None] | None = None
    """Told now and then what the run waits for."""
    interval: timedelta | None = None
    """When a daemon passes again at the latest; None for a pass that cron or a person made."""
    record: Path | None = None
    """Where a pass of the loop keeps its decision, to be replayed."""


@dataclass(slots=True)
class RunResult:
    """What happened. ``code`` is the exit code; ``declined``: a person said no."""

    plan: Plan
    outcomes: list[SlotOutcome] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    notice_failures: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    declined: bool = False
    document_code: ExitCode | None = None
    """Set when the documents could not be used."""
    interrupted: ExitCode | None = None
    unsaved: ExitCode | None = None
    """Set when the state could not be written in the end: what is known is in the outcomes."""
    unrecorded: ExitCode | None = None
    """Set when the decision could not be kept where it was asked for; a warning says why."""
    next_deadline: datetime | None = None
    """When a later pass has something to do, as far as the state tells."""

    @property
    def code(self) -> ExitCode:
        """The most urgent of everything that was found or went wrong."""
        proven = {one.mark for one in self.outcomes if one.action == "prove" and one.done}
        codes = [finding.code for finding in self.plan.findings]
        ready = {one.slot for one in self.outcomes if one.action == "ready" and one.done}
        codes += [one.code for one in self.outcomes if not _settled(one, proven, ready)]
        return most_urgent(
            code
            for code in (
                *codes,
                self.interrupted,
                self.document_code,
                self.unsaved,
                self.unrecorded,
            )
            if code is not None
        )


def _settled(outcome: SlotOutcome, proven: set[str], ready: set[Slot]) -> bool:
    """A destroy that failed at first, of a machine that was proven gone in the end; a machine that
    failed its check, in whose slot another one is ready.
    """
    if outcome.action == "ready" and not outcome.done and outcome.slot in ready:
        return True
    return outcome.action in ("destroy", "prove") and not outcome.done and outcome.mark in proven


def _counts_from_the_last_look(plan: Plan) -> bool:
    """What it notes is billed from the look before it on, which therefore stays known until then:
    also when this run dies in between.
    """
    return bool(plan.rate_changes or plan.forgets or plan.doubts or plan.adopts)


def _until_looked_into(plan: Plan, recorded: RecordedState | None) -> tuple[Plan, frozenset[str]]:
    """``plan`` without what rests on a provider's word that machines are ready: neither are they
    noted as that, nor do they take another one's place, before `look_into` has asked them. Also
    the marks of the machines that are destroyed only then.
    """
    known = recorded.instances if recorded else {}
    heirs = (known[mark].succeeds for mark in plan.became_ready if mark in known)
    old = {heir.mark for heir in heirs if heir is not None}
    plan = replace(plan, became_ready=())
    if not old:
        return plan, frozenset()
    replaced = {one.record.mark for one in plan.destroys if one.succeeded} & old
    destroys = tuple(one for one in plan.destroys if one.record.mark not in replaced)
    return replace(plan, destroys=destroys), frozenset(replaced)


def _not_started(create: Create, error: GpuShopperError) -> SlotOutcome:
    detail = f"not started: {error.what}"
    return SlotOutcome(create.slot, "create", False, detail, error.exit_code)


class Run:
    """One verb's turn on one workspace: looks under the lock, acts, then waits without it."""

    def __init__(self, workspace: Workspace, options: RunOptions) -> None:
        self.workspace = workspace
        self.options = options
        self.interruption = options.interruption or Interruption()
        self.notifier: Notifier = workspace.notifier()
        self._context: ExecutionContext | None = None
        self._executor: PlanExecutor | None = None
        self._earlier: list[SlotOutcome] = []
        self._observed: ObservedState = NOTHING_OBSERVED
        self._to_look_into: tuple[str, ...] = ()
        self._to_replace: frozenset[str] = frozenset()
        self.shown: Plan | None = None

    def show(self, plan: Plan) -> None:
        """Print ``plan`` and remember that it was printed."""
        self.options.show(plan)
        self.shown = plan

    def lock(self, operation: str) -> StateLock:
        """The workspace's lock, to be entered with ``with``."""
        return self.workspace.backend.lock(
            operation, timeout_seconds=self.options.lock_timeout_seconds
        )

    async def carry_out(
        self, seen: Look, plan: Plan, *, by_loop: bool = False, also: Iterable[Change] = ()
    ) -> PlanExecutor:
        """Record (``also`` included), destroy and create as ``plan`` says. The caller holds the
        lock. A disk that cannot be written keeps nothing alive: then it only destroys.
        """
        context = self.workspace.context(
            seen.recorded, self.interruption, self.options.progress, self.notifier
        )
        context.waits = not (by_loop or self.options.detach)
        if not self.options.detach and not plan.request.only_record:
            # Their provider's word is not enough: `look_into` asks them.
            self._to_look_into += plan.became_ready
            plan, waiting = _until_looked_into(plan, seen.recorded)
            self._to_replace |= waiting
        if self.options.remark is not None:
            context.remark = self.options.remark
        if self._executor is not None:
            self._earlier += self._executor.report.outcomes
        executor = PlanExecutor(context, self.options.outcome)
        self._context, self._executor = context, executor
        self._observed = seen.observed
        first, last = self._to_record(seen, plan, by_loop=by_loop, also=also)
        if seen.recorded is not None or plan.has_changes:
            try:
                await context.journal.commit(transitions.in_turn(first))
                await executor.note(plan, seen.recorded, also=last)
            except StateError:
                raise
            except GpuShopperError as error:
                executor.report.add(*(_not_started(one, error) for one in plan.creates))
                plan = replace(plan, creates=())
            await executor.send(plan)
        return executor

    def _to_record(
        self, seen: Look, plan: Plan, *, by_loop: bool, also: Iterable[Change]
    ) -> tuple[list[Change], list[Change]]:
        """What is written before the notes of ``plan``, and what with them."""
        first = [
            transitions.pinned(pins_of(self.workspace.desired, seen.accounts)),
            state_edits.host_pinned(self.workspace.host, take_over=self.workspace.take_over),
            state_edits.let_go_ended(plan.now),
            books.sightings(seen.observed, plan.now),
            rolled_up(plan.now),
            *also,
        ]
        if seen.recorded is not None:
            first.append(settled(seen.recorded, plan, seen.observed))
        if by_loop:
            expected = self.options.interval or self.workspace.safety.tick
            first.append(transitions.loop_passed(plan.now, plan.now + expected))
        if by_loop or plan.has_changes or self.workspace.trust_clock:
            seconds = self.workspace.clock.elapsed_seconds()
            first.append(clock_marked(seen.observed.clock, self.workspace.boot_id, seconds))
        looks = by_loop or plan.has_changes or plan.rate_changes
        last = [books.looked(seen.observed)] if looks else []
        if _counts_from_the_last_look(plan):
            return first, last
        return [*first, *last], []  # one write for a pass that changes nothing

    async def wait(self) -> None:
        """Timers, ready checks, then proof of absence; the lock is not held."""
        assert self._executor is not None
        assert self._context is not None
        executor, options = self._executor, self.options
        # First: a timer may end a machine while another one is waited for.
        await self.move_timers()
        if executor.report.bought and not options.detach:
            await executor.settle(executor.report.bought)
            await self.move_timers(only_look=True)
        await self.look_into()
        state = self._context.journal.state
        if not options.wait:
            executor.report.add(*pending_outcomes(state, self.workspace))
        elif any(one.doom for one in state.instances.values()):
            proofs = await prove_absence(self._context, options.verify_timeout)
            executor.report.add(*proofs)

    async def visit(self, plan: Plan) -> None:
        """What a pass of the loop does over SSH, for as long as it has time: machines that do not
        answer must not keep it from the next end. What is left is for the next pass.
        """
        now, longest = self.workspace.clock.now(), self.workspace.safety.tick
        longest = self.options.interval or longest
        due = self._next_deadline(plan)
        left = longest if due is None else min(due - now, longest)
        with anyio.move_on_after(max(left, _SHORTEST_VISIT).total_seconds()):
            await self.move_timers()
            await self.look_into()

    async def look_into(self) -> None:
        """Go on where a run that did not wait, or was killed, left its machines (SPEC.md section
        4, 2): look into those that their provider calls running by now.

        Over SSH: not for a caller who holds the lock.
        """
        marks, self._to_look_into = self._to_look_into, ()
        if self._executor is not None and marks and not self.interruption.requested:
            await self._executor.look_into(marks, self._to_replace)

    async def move_timers(self, *, only_look: bool = False) -> None:
        """Machines that would destroy themselves before their lease ends are told its new end, and
        those in doubt are asked what they go by; ``only_look``: these alone.

        Over SSH: not for a caller who holds the lock.
        """
        if self._context is None or self._executor is None:
            return
        if not self._context.journal.state.node_timers and self._context.node_timer is None:
            return
        from reconciler.execution import node_timers  # few machines have timers

        follow = node_timers.look_at_timers if only_look else node_timers.follow_leases
        self._executor.report.add(*await follow(self._context))

    def failed_ready(self) -> list[InstanceRecord]:
        """The machines bought last that were found unfit."""
        return list(self._executor.report.failed_ready) if self._executor else []

    def _unsaved(self, failure: GpuShopperError | None) -> list[str]:
        """What the last write could not store is kept elsewhere, and where is said."""
        if failure is None or self._context is None:
            return []
        lines = [f"the state could not be saved: {failure.what}"]
        state = self._context.journal.state
        kept = self.workspace.backend.rescue(state.with_(serial=state.serial + 1))
        if kept:
            lines.append(
                f"what this run knows is in {kept}; when the state can be written again: "
                f"gpu-shopper state restore {kept}"
            )
        else:
            lines.append("it was kept in no other place: keep what was printed here")
        return lines

    def _next_deadline(self, plan: Plan) -> datetime | None:
        if self._executor is None:
            return None
        state, tick = self._executor.state, self.workspace.safety.tick
        moments = [next_deadline(state, plan.now, tick)]
        if state.budgets:
            from reconciler.planning.budget_walls import budget_deadlines

            moments += budget_deadlines(state, self._observed, plan.now, tick)
        if plan.request.schedule:
            moments += [one.hours.next_opens_at for one in plan.fleets if one.hours is not None]
        return min((one for one in moments if one is not None and one > plan.now), default=None)

    def result(self, plan: Plan) -> RunResult:
        """Everything that happened, for the caller."""
        report = self._executor.report if self._executor else None
        failure = self._context.journal.failure if self._context else None
        unsaved = self._unsaved(failure)
        return RunResult(
            plan=plan,
            outcomes=[*self._earlier, *report.outcomes] if report else [],
            notices=list(self.notifier.sent),
            notice_failures=list(self.notifier.failures),
            warnings=[*self.workspace.backend.warnings, *unsaved],
            unsaved=failure.exit_code if failure else None,
            interrupted=self.interruption.code,
            next_deadline=self._next_deadline(plan),
        )
