"""Destroys: doomed durable, then the call, then proof (SPEC.md section 4, 3)."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import anyio

from reconciler.execution.proof_countdown import ProofCountdown
from reconciler.inventory.observe import list_everything, observe_instances
from reconciler.model.errors import (
    GpuShopperError,
    InstanceNotFound,
    ProviderError,
    StateError,
    StateLocked,
)
from reconciler.model.exit_code import ExitCode
from reconciler.model.notice import Notice, NoticeKind
from reconciler.model.outcome import SlotOutcome
from reconciler.planning import departures, transitions
from reconciler.planning.absence import adds_to_proof, earliest_proof
from reconciler.planning.classification import is_recycled
from reconciler.planning.ledger import spent_on
from reconciler.planning.machines import decide_doomed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import timedelta

    from reconciler.execution.context import ExecutionContext
    from reconciler.model.observation import ProviderInventory
    from reconciler.model.plan import Destroy
    from reconciler.model.record import InstanceRecord
    from reconciler.planning.scene import Decisions
    from reconciler.providers.base import Provider

_TRIES = 3
_FIRST_PAUSE_SECONDS = 2.0
_LONGEST_PAUSE_SECONDS = 60.0
_POLL_SECONDS = 5.0
_RECYCLED = "the provider shows another machine under its id"


async def destroy_machine(destroy: Destroy, context: ExecutionContext) -> SlotOutcome:
    """Doom it, ask for its end, a few times if need be. Never says "gone": proof comes later."""
    started = context.clock.now()
    record = destroy.record
    unsaved = "" if destroy.again else await _doom(destroy, context)
    if not unsaved and record.mark not in context.journal.state.instances:
        # Somebody else's pass came in between: the id may stand for another machine by now.
        detail = "another run has proven it gone"
        return SlotOutcome(destroy.slot, "destroy", True, detail, mark=record.mark)
    provider = context.providers.get(record.provider)
    if provider is None:
        return _not_sent(destroy, f"no provider {record.provider} is configured")
    context.show(destroy.slot, "destroying", started, detail=str(destroy.reason))
    error = ""
    for attempt in range(_TRIES):
        if attempt:
            await context.interruption.sleep(context.clock, _FIRST_PAUSE_SECONDS * 2**attempt)
            if context.interruption.requested:
                break
        if attempt or destroy.again:
            if await _recycled(record, provider, context):
                return _not_sent(destroy, _RECYCLED + unsaved)
            await _note_repetition(record, provider, context)
        sent = await _send(provider, record.instance_id, context)
        if sent is None:
            return _not_sent(destroy, f"not sent, the next run sends it{unsaved}")
        error = sent
        await _note_attempt(record, error, context)
        if not attempt and not destroy.again:
            # After the call: a slow webhook must not keep a machine alive.
            await context.notify(_destroyed_notice(destroy, context))
        if not error:
            detail = f"{destroy.reason}: accepted by {record.provider}, proof pending{unsaved}"
            return SlotOutcome(destroy.slot, "destroy", True, detail, mark=record.mark)
    return _not_sent(destroy, error + unsaved)


def _not_sent(destroy: Destroy, error: str) -> SlotOutcome:
    detail = f"{destroy.reason}: NOT accepted ({error}); it is billed until it is"
    code = ExitCode.DESTROY_UNVERIFIED
    return SlotOutcome(destroy.slot, "destroy", False, detail, code, mark=destroy.record.mark)


async def _doom(destroy: Destroy, context: ExecutionContext) -> str:
    """Durable before the call. A disk that cannot be written never keeps a machine alive."""
    try:
        await context.journal.commit(transitions.doomed(destroy, context.clock.now()))
    except StateError:
        raise
    except GpuShopperError as error:
        return f" (the state could not be saved: {error.what})"
    return ""


async def _note_attempt(record: InstanceRecord, error: str, context: ExecutionContext) -> None:
    with _written_later():
        await context.journal.commit(
            transitions.destroy_attempted(record.mark, context.clock.now(), error=error)
        )


async def _note_repetition(
    record: InstanceRecord, provider: Provider, context: ExecutionContext
) -> None:
    """Before the call, where the accepted destroy plainly ended nothing: should this attempt be the
    last thing that this run does, the next one knows that the machine was billed until then.
    """
    doom = context.journal.state.instances.get(record.mark, record).doom
    accepted_at = doom.accepted_at if doom else None
    now = context.clock.now()
    if accepted_at is None or now <= accepted_at + provider.capabilities.destroy_time:
        return
    with _written_later():
        await context.journal.commit(transitions.destroy_repeated(record.mark, now))


@contextmanager
def _written_later() -> Iterator[None]:
    """For what may be written later: the journal keeps it, and the run ends with its failure."""
    try:
        yield
    except StateLocked:
        return
    except StateError:
        raise
    except GpuShopperError:
        return


async def _recycled(record: InstanceRecord, provider: Provider, context: ExecutionContext) -> bool:
    """Whether the id stands for somebody else's machine by now. One that cannot be read is ours, as
    it was when its end was decided, unless another one was seen there since.
    """
    known = context.journal.state.instances.get(record.mark, record)
    read = await context.read(provider, record.instance_id)
    if is_recycled(known, read.instance):
        with _written_later():
            await context.journal.commit(transitions.recycled(record.mark))
        return True
    unread = read.instance is None and not read.not_found
    return unread and known.recycled


async def _send(provider: Provider, instance_id: str, context: ExecutionContext) -> str | None:
    """One call; the error, or "" when accepted. "Not found" is a hint that proof will weigh. None:
    nothing was sent, because somebody asked to stop before its turn came.
    """
    seconds = provider.capabilities.call_deadline.total_seconds()
    budget = context.budget(provider, "destroy")
    async with budget:
        if not context.interruption.requested:
            await budget.turn()
        if context.interruption.requested:
            return None
        context.fence()
        with context.interruption.in_flight():
            try:
                with anyio.move_on_after(seconds):
                    await provider.destroy_instance(instance_id)
                    return ""
            except InstanceNotFound:
                return ""
            except ProviderError as error:
                return error.what
            except TimeoutError:
                pass
            return "no answer within the deadline"
    return "left before the answer"


def _destroyed_notice(destroy: Destroy, context: ExecutionContext) -> Notice:
    return Notice(
        kind=NoticeKind.DESTROYED,
        workspace=context.workspace,
        message=f"{destroy.slot} is being destroyed: {destroy.reason.sentence}",
        slot=destroy.slot,
        reason=destroy.reason,
        usd_so_far=spent_on(destroy.record, context.journal.state.ledger, context.clock.now()),
    )


async def prove_absence(context: ExecutionContext, timeout: timedelta) -> list[SlotOutcome]:
    """Wait until every doomed machine is proven gone; the destroy is repeated for those seen.

    Listings are shared by all of them. Returns one outcome for each: done, or exit 11 when
    ``timeout`` passed or somebody asked to stop.
    """
    started = context.clock.now()
    deadline = context.clock.elapsed_seconds() + timeout.total_seconds()
    outcomes: dict[str, SlotOutcome] = {}
    countdown = ProofCountdown(context)
    backoff = _FIRST_PAUSE_SECONDS
    while True:
        decisions = await _look_at_doomed(context)
        for forget in decisions.forgets:
            context.show(forget.slot, "gone", started, detail=forget.detail)
            outcomes[forget.mark] = SlotOutcome(
                forget.slot, "prove", True, forget.detail, mark=forget.mark
            )
        waiting = _doomed(context)
        over = context.interruption.requested or context.clock.elapsed_seconds() >= deadline
        if not waiting or over:
            return [*outcomes.values(), *(_unproven(record) for record in waiting)]
        countdown.tell(waiting, deadline)
        again = bool(decisions.destroys)
        pause = backoff if again else _pause(waiting, context)
        left = deadline - context.clock.elapsed_seconds()
        await context.interruption.sleep(context.clock, min(pause, left))
        await _resend_all(decisions.destroys, context)
        backoff = min(2 * backoff, _LONGEST_PAUSE_SECONDS) if again else _FIRST_PAUSE_SECONDS


async def _look_at_doomed(context: ExecutionContext) -> Decisions:
    """One observation of the doomed machines, and what it proves, made durable."""
    marks = {record.mark for record in _doomed(context)}
    homes = {record.provider for record in _doomed(context)}
    asked = {name: one for name, one in context.providers.items() if name in homes}
    inventories = await list_everything(asked, context.clock)
    state = context.journal.state
    doomed = {mark: one for mark, one in state.instances.items() if mark in marks}
    weighed = {one.mark: one for one in _worth_a_read(doomed.values(), inventories, asked)}
    recorded = state.with_(instances=weighed, intents={})
    observed = await observe_instances(asked, inventories, recorded)
    decisions = decide_doomed(recorded, observed, context.clock.now())
    now = context.clock.now()
    changes = [
        departures.forgotten(decisions.forgets, now, context.destroy_times),
        *(transitions.doubted(doubt) for doubt in decisions.doubts),
        *(transitions.sighted(mark) for mark in decisions.sighted),
    ]
    # A full disk or a busy lock must not end the watch over a machine that is still billed.
    with _written_later():
        await context.journal.commit(transitions.in_turn(changes))
    return decisions


def _worth_a_read(
    doomed: Iterable[InstanceRecord],
    inventories: Mapping[str, ProviderInventory],
    providers: Mapping[str, Provider],
) -> Iterator[InstanceRecord]:
    """Those that their listing shows, and those of which it may prove something.

    A thousand machines that are leaving are not asked for one by one every few seconds.
    """
    shown = {(one.provider, one.id) for entry in inventories.values() for one in entry.instances}
    for record in doomed:
        provider, inventory = providers.get(record.provider), inventories.get(record.provider)
        listed = (record.provider, record.instance_id) in shown
        if listed or provider is None or inventory is None:
            yield record
            continue
        window = provider.capabilities.visibility_window
        if adds_to_proof(record.absence, inventory, window):
            yield record


def _doomed(context: ExecutionContext) -> list[InstanceRecord]:
    records = context.journal.state.instances.values()
    return sorted((one for one in records if one.doom), key=lambda one: (one.slot, one.mark))


def _pause(waiting: list[InstanceRecord], context: ExecutionContext) -> float:
    """Until the earliest listing that can complete a proof, a few seconds at most."""
    now = context.clock.now()
    soonest = _POLL_SECONDS
    for record in waiting:
        provider = context.providers.get(record.provider)
        if record.absence is not None and provider is not None:
            proof = earliest_proof(record.absence, provider.capabilities.visibility_window)
            soonest = min(soonest, max(0.5, (proof - now).total_seconds()))
    return soonest


async def _resend_all(destroys: Iterable[Destroy], context: ExecutionContext) -> None:
    """Side by side: one provider that hangs holds up no other, and their outcomes share a write."""
    failures: list[GpuShopperError] = []

    async def apart(destroy: Destroy) -> None:
        try:
            await _resend(destroy, context)
        except GpuShopperError as error:
            failures.append(error)

    async with anyio.create_task_group() as tasks:
        for destroy in destroys:
            tasks.start_soon(apart, destroy)
    if failures:
        raise failures[0]


async def _resend(destroy: Destroy, context: ExecutionContext) -> None:
    provider = context.providers.get(destroy.record.provider)
    if provider is not None and not context.interruption.requested:
        if await _recycled(destroy.record, provider, context):
            return
        await _note_repetition(destroy.record, provider, context)
        error = await _send(provider, destroy.record.instance_id, context)
        if error is not None:
            await _note_attempt(destroy.record, error, context)


def _unproven(record: InstanceRecord) -> SlotOutcome:
    detail = f"{record.provider} {record.instance_id} is not proven gone: money may still flow"
    code = ExitCode.DESTROY_UNVERIFIED
    return SlotOutcome(record.slot, "prove", False, detail, code, mark=record.mark)
