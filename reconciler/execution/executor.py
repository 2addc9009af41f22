"""Carries out a plan: what is done is a subset of what the plan holds (I15)."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, TypeVar

import anyio

from reconciler.execution.creation import Bought, buy_machine, reserve_offers
from reconciler.execution.destruction import destroy_machine
from reconciler.execution.gang import short_gangs
from reconciler.execution.readiness import look_once, wait_until_ready
from reconciler.execution.replacement import superseded_by
from reconciler.model.errors import GpuShopperError
from reconciler.model.notice import Notice, NoticeKind
from reconciler.model.outcome import SlotOutcome
from reconciler.model.plan import Create, Destroy
from reconciler.model.value import dataclass
from reconciler.planning import (
    billing,
    departures,
    lease_transitions,
    other_ids,
    transitions,
)
from reconciler.planning.ledger import spent_on

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from reconciler.execution.context import ExecutionContext
    from reconciler.execution.gang import ShortGang
    from reconciler.model.exit_code import ExitCode
    from reconciler.model.plan import Announce, Plan
    from reconciler.model.record import InstanceRecord, RecordedState
    from reconciler.planning.transitions import Change

Action = TypeVar("Action", "Create", "Destroy", "InstanceRecord")


@dataclass(slots=True)
class ExecutionReport:
    """What was done, in the order in which it ended; ``told`` hears of it at once."""

    told: Callable[[SlotOutcome], None] | None = None
    outcomes: list[SlotOutcome] = field(default_factory=list)
    bought: list[InstanceRecord] = field(default_factory=list)
    failed_ready: list[InstanceRecord] = field(default_factory=list)
    """Found unfit, and to be destroyed: bought by this run, or by one that did not wait."""

    def add(self, *outcomes: SlotOutcome) -> None:
        """One more of each."""
        for outcome in outcomes:
            self.outcomes.append(outcome)
            if self.told is not None:
                self.told(outcome)

    @property
    def codes(self) -> list[ExitCode]:
        return [outcome.code for outcome in self.outcomes if outcome.code is not None]


class PlanExecutor:
    """One plan, once. The caller holds the lock during ``send``, and not during ``settle``."""

    def __init__(
        self, context: ExecutionContext, told: Callable[[SlotOutcome], None] | None = None
    ) -> None:
        self._context = context
        self.report = ExecutionReport(told)
        self._failures: list[Exception] = []

    @property
    def state(self) -> RecordedState:
        """The state as it is now."""
        return self._context.journal.state

    async def note(
        self, plan: Plan, before: RecordedState | None, *, also: Iterable[Change] = ()
    ) -> None:
        """Make durable what the plan merely records: adoptions, proofs, doubts, leases, notices.

        ``before``: the state that the plan was made from, None where there was none. ``also`` goes
        with it, last. What is adopted to be destroyed is doomed by the same write: a run that died
        between two would leave a machine of ours in a slot that has another one.
        """
        context, now = self._context, self._context.clock.now()
        adopted = {adopt.record.mark for adopt in plan.adopts}
        ending = [one for one in plan.destroys if one.record.mark in adopted]
        await context.journal.commit(
            transitions.in_turn(
                [
                    *(lease_transitions.lease_changed(entry) for entry in plan.lease_changes),
                    *(transitions.adopted(adopt, now) for adopt in plan.adopts),
                    *(transitions.doomed(one, now) for one in ending if not one.after_successor),
                    departures.forgotten(plan.forgets, now, context.destroy_times),
                    transitions.copies_seen(plan.strangers),
                    other_ids.noticed(plan.strangers),
                    *(transitions.doubted(doubt) for doubt in plan.doubts),
                    *(transitions.sighted(mark) for mark in plan.sighted),
                    *(transitions.became_ready(mark, now) for mark in plan.became_ready),
                    *billing.rates_seen(plan.rate_changes, before, now),
                    *(transitions.announced(entry, now) for entry in plan.announces),
                    *also,
                ]
            )
        )
        for announce in plan.announces:
            await context.notify(_soft_notice(announce, context))

    async def commit(self, change: Change) -> None:
        """One more change of the state, durable on return."""
        await self._context.journal.commit(change)

    async def send(self, plan: Plan) -> None:
        """Send every create and every destroy that waits for none, each provider at its own pace.

        What one could not do is in its outcome; it holds up no other. A gang that comes short is
        given back, unless somebody asked to stop: then the next run completes it.
        """
        known = {*self.state.instances, *self.state.intents}
        reserve_offers(plan.creates, self._context)
        async with anyio.create_task_group() as tasks:
            for destroy in plan.destroys:
                if destroy.after_successor:
                    continue  # its turn comes when the successor is ready: ``settle``, or later
                if not self._context.interruption.requested:
                    tasks.start_soon(self._apart, self._destroy, destroy)
            for create in plan.creates:
                tasks.start_soon(self._apart, self._create, create)
        if not self._context.interruption.requested:
            await self._give_back(short_gangs(plan.creates, known, self.state))
        self._raise_failure()

    async def _give_back(self, gangs: Iterable[ShortGang]) -> None:
        async with anyio.create_task_group() as tasks:
            for gang in gangs:
                self.report.add(gang.outcome)
                lost = {destroy.record.mark for destroy in gang.destroys}
                kept = [one for one in self.report.bought if one.mark not in lost]
                self.report.bought = kept
                for destroy in gang.destroys:
                    tasks.start_soon(self._apart, self._destroy, destroy)

    async def settle(self, records: Iterable[InstanceRecord]) -> None:
        """Wait until the new machines are ready; destroy those that failed, and those whose
        successor is ready.
        """
        async with anyio.create_task_group() as tasks:
            for record in records:
                tasks.start_soon(self._apart, self._settle, record)
        self._raise_failure()

    async def look_into(self, marks: Iterable[str], replaced: frozenset[str]) -> None:
        """One look at each of these machines that is not ready yet; one that lied is destroyed,
        and of one that is ready the machine whose place it takes, if that is among ``replaced``.
        """

        async def look(record: InstanceRecord) -> None:
            await self._look(record, replaced)

        async with anyio.create_task_group() as tasks:
            for mark in marks:
                record = self.state.instances.get(mark)
                if record is not None and record.ready_at is None and record.doom is None:
                    tasks.start_soon(self._apart, look, record)
        self._raise_failure()

    async def _look(self, record: InstanceRecord, replaced: frozenset[str]) -> None:
        takes_over = record.succeeds is not None and record.succeeds.mark in replaced
        outcome, destroy = await look_once(record, self._context)
        if outcome is not None:
            self.report.add(outcome)
        if destroy is not None:
            self.report.failed_ready.append(record)
        elif outcome is not None and outcome.done and takes_over:
            destroy = await self._superseded(record)
        if destroy is not None:
            await self._destroy(destroy)

    async def _superseded(self, record: InstanceRecord) -> Destroy | None:
        if record.succeeds is None:
            return None
        destroy, undone = await superseded_by(record, self._context)
        self.report.add(*undone)
        return destroy

    async def _apart(self, step: Callable[[Action], Awaitable[None]], action: Action) -> None:
        """An error in one action must not cancel another, least of all a destroy."""
        try:
            await step(action)
        except GpuShopperError as error:
            self.report.add(_outcome_of(action, error))
        except Exception as error:
            self._failures.append(error)

    def _raise_failure(self) -> None:
        failures, self._failures = self._failures, []
        if failures:
            raise failures[0]

    async def _destroy(self, destroy: Destroy) -> None:
        self.report.add(await destroy_machine(destroy, self._context))

    async def _create(self, create: Create) -> None:
        bought: Bought = await buy_machine(create, self._context)
        self.report.add(bought.outcome)
        if bought.too_dear is not None:
            await self._destroy(bought.too_dear)
        elif bought.record is not None:
            self.report.bought.append(bought.record)

    async def _settle(self, record: InstanceRecord) -> None:
        outcome, destroy = await wait_until_ready(record, self._context)
        self.report.add(outcome)
        if destroy is not None:
            self.report.failed_ready.append(record)
        elif outcome.done:
            destroy = await self._superseded(record)
        if destroy is not None:
            await self._destroy(destroy)


def _outcome_of(action: Create | Destroy | InstanceRecord, error: GpuShopperError) -> SlotOutcome:
    word = {Create: "create", Destroy: "destroy"}.get(type(action), "ready")
    detail = f"{error.what} ({error.why})" if error.why else error.what
    return SlotOutcome(action.slot, word, False, detail, error.exit_code)


def _soft_notice(announce: Announce, context: ExecutionContext) -> Notice:
    slot = announce.slot
    return Notice(
        kind=NoticeKind.SOFT_DESTROY,
        workspace=context.workspace,
        message=f"{slot} will be destroyed: {announce.reason.sentence}",
        slot=slot,
        reason=announce.reason,
        usd_so_far=spent_on(announce.record, context.journal.state.ledger, context.clock.now()),
        ends_at=announce.due_at,
        keep_command=f"gpu-shopper extend fleet.{slot.fleet} 1h",
    )
