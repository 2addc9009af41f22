"""Waits until a new machine can be used, and notices when it never will be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.execution.hand_over_check import Fit, HandOverCheck, Unfit
from reconciler.execution.shared_listings import until_next_tick
from reconciler.model.exit_code import ExitCode
from reconciler.model.instance import InstanceStatus
from reconciler.model.outcome import SlotOutcome
from reconciler.model.plan import Destroy
from reconciler.model.quantity import format_duration
from reconciler.model.reason import DestroyReason
from reconciler.model.record import AbsenceEvidence
from reconciler.model.text import printable
from reconciler.planning import host_memory, transitions
from reconciler.planning.succession import living_predecessor

if TYPE_CHECKING:
    from datetime import datetime

    from reconciler.execution.context import ExecutionContext
    from reconciler.model.instance import Instance
    from reconciler.model.progress import Stage
    from reconciler.model.record import InstanceRecord

_SECOND_LOOK_SECONDS = 5.0
_STAGES: dict[InstanceStatus, Stage] = {
    InstanceStatus.PLACED: "placed",
    InstanceStatus.CREATED: "created",
    InstanceStatus.BOOTING: "booting",
    InstanceStatus.RUNNING: "ssh",
}


async def wait_until_ready(
    record: InstanceRecord, context: ExecutionContext
) -> tuple[SlotOutcome, Destroy | None]:
    """Look at one machine until it is ready, has failed, or is late (exit 9).

    A failed one comes back as the Destroy that its failure asks for, and so does one that is late
    while the machine it was to replace still lives. Any other late one is kept: its lease ends it.
    """
    check = HandOverCheck(record, context)
    with context.listings.watching(context.providers[record.provider]):
        seen = await _watch(check, record, context)
    if seen is None:
        return await _given_up(check, record, context)
    instance, found = seen
    if isinstance(found, Unfit):
        return await _failed(record, found, context)
    return await _ready(record, instance, found, context), None


async def look_once(
    record: InstanceRecord, context: ExecutionContext
) -> tuple[SlotOutcome | None, Destroy | None]:
    """One look at a machine that no run has waited for and that its provider calls running.

    Only a lie ends it, as it would have then. Whatever else stands in the way is looked at again
    by the next run; once `ready.timeout` is over the provider's word has to do. Who has had it
    since then may also have given it another host key.
    """
    provider = context.providers[record.provider]
    with context.listings.watching(provider):
        instance = await context.look(provider, record.instance_id)
    if instance is None or not instance.is_ready:
        return None, None
    check = HandOverCheck(record, context)
    found = await check.look(instance)
    if found is None and check.was_contradicted:
        await context.interruption.sleep(context.clock, _SECOND_LOOK_SECONDS)
        found = await check.look(instance)
    timeout = context.ready_rules(record.fleet).timeout
    is_old = context.clock.now() >= record.created_at + timeout
    if isinstance(found, Unfit) and found.lied and not (is_old and found.other_key):
        return await _failed(record, found, context, later=True)
    if isinstance(found, Fit):
        return await _ready(record, instance, found, context), None
    trouble = found.why if isinstance(found, Unfit) else f"{check.stage}: {check.trouble}"
    if is_old:
        words = Fit(f"by its provider's word alone: {trouble}")
        return await _ready(record, instance, words, context), None
    detail = printable(f"{trouble}; the next run looks again", 200)
    code = ExitCode.NOT_READY if context.waits else None
    return SlotOutcome(record.slot, "ready", False, detail, code, mark=record.mark), None


async def _watch(
    check: HandOverCheck, record: InstanceRecord, context: ExecutionContext
) -> tuple[Instance, Fit | Unfit] | None:
    """Look again and again; None when it is late, or somebody asked to stop."""
    started, provider = context.clock.now(), context.providers[record.provider]
    while not context.interruption.requested:
        began = context.clock.now()
        instance = await context.look(provider, record.instance_id)
        check.looked(began, instance)
        if instance is not None:
            found = await _step(check, instance)
            _show(check, found, record, started, context)
            if found is not None:
                return instance, found
        if check.is_late:
            break
        elapsed = context.clock.elapsed_seconds()
        await context.interruption.sleep(context.clock, until_next_tick(elapsed))
    return None


def _show(
    check: HandOverCheck,
    found: Fit | Unfit | None,
    record: InstanceRecord,
    started: datetime,
    context: ExecutionContext,
) -> None:
    """The stage, with what was seen there or what is in the way."""
    detail = f"{record.provider} {record.instance_id}"
    if isinstance(found, Fit):
        detail = found.detail
    elif check.trouble:
        detail = f"{detail}: {check.trouble}"
    if detail and not isinstance(found, Unfit):
        rate = record.usd_per_hour
        text = printable(detail, 200)
        context.show(record.slot, check.stage, started, detail=text, usd_per_hour=rate)


async def _given_up(
    check: HandOverCheck, record: InstanceRecord, context: ExecutionContext
) -> tuple[SlotOutcome, Destroy | None]:
    if context.interruption.requested:
        detail = "interrupted before it was ready; kept until its lease ends"
        return SlotOutcome(record.slot, "ready", False, detail, None, mark=record.mark), None
    record = _as_seen(record, check, context)
    if check.trouble:
        return await _failed(record, Unfit(f"{check.stage}: {check.trouble}"), context)
    limit = format_duration(check.limit)
    if await _holds_up_a_replacement(record, context):
        return _too_late(record, limit)
    detail = f"not ready within {limit}; kept until its lease ends"
    outcome = SlotOutcome(record.slot, "ready", False, detail, ExitCode.NOT_READY, mark=record.mark)
    return outcome, None


def _as_seen(
    record: InstanceRecord, check: HandOverCheck, context: ExecutionContext
) -> InstanceRecord:
    """With what the ledger must know of one that was not there any more: nobody can say that it was
    billed since, even though its destroy is sent only now.
    """
    if check.unseen_since is None:
        return record
    missed = AbsenceEvidence(last_seen_at=context.clock.now(), billed_at=check.unseen_since)
    return record.with_(absence=missed)


async def _step(check: HandOverCheck, instance: Instance) -> Fit | Unfit | None:
    """What one look at a machine comes to; None: not yet."""
    if instance.status is InstanceStatus.FAILED:
        return Unfit("the provider says failed")
    if instance.is_ready:
        return await check.look(instance)
    check.enter(_STAGES.get(instance.status, "waiting"))
    return None


async def _holds_up_a_replacement(record: InstanceRecord, context: ExecutionContext) -> bool:
    """Read anew: a pass of the loop may have seen it ready, and let its predecessor go."""
    state = await context.journal.refresh()
    mine = state.instances.get(record.mark)
    never_ready = mine is not None and mine.ready_at is None and mine.doom is None
    return never_ready and living_predecessor(record, state) is not None


async def _ended_by_others(record: InstanceRecord, context: ExecutionContext) -> bool:
    """Read anew: a person, a budget or its lease may have ended it while it was waited for."""
    mine = (await context.journal.refresh()).instances.get(record.mark)
    if mine is None:
        return True
    return mine.doom is not None and mine.doom.reason is not DestroyReason.FAILED_READY


async def _ready(
    record: InstanceRecord, instance: Instance, found: Fit, context: ExecutionContext
) -> SlotOutcome:
    now = context.clock.now()
    learnt = [transitions.became_ready(record.mark, now), host_memory.booted(record, now)]
    await context.journal.commit(transitions.in_turn(learnt))
    ssh = instance.ssh
    detail = printable(f"ssh {ssh.user}@{ssh.host}:{ssh.port}") if ssh else ""
    context.show(
        record.slot, "ready", record.created_at, detail=detail, usd_per_hour=record.usd_per_hour
    )
    if found.detail:
        detail = f"{detail}; {found.detail}"
    return SlotOutcome(record.slot, "ready", True, detail, mark=record.mark)


def _too_late(record: InstanceRecord, limit: str) -> tuple[SlotOutcome, Destroy]:
    detail = f"not ready within {limit}: destroyed, the machine it was to replace stays"
    outcome = SlotOutcome(record.slot, "ready", False, detail, ExitCode.NOT_READY, mark=record.mark)
    return outcome, Destroy(record, DestroyReason.FAILED_READY, detail)


async def _failed(
    record: InstanceRecord, found: Unfit, context: ExecutionContext, *, later: bool = False
) -> tuple[SlotOutcome, Destroy | None]:
    """``later``: it was not waited for. Then somebody may have put it under protection, and one
    that stays is not looked into again.
    """
    if await _ended_by_others(record, context):
        # Whoever ended it wants no other one, and says nothing about its host.
        detail = "another run has ended it meanwhile"
        code = ExitCode.NOT_READY
        return SlotOutcome(record.slot, "ready", False, detail, code, mark=record.mark), None
    now = context.clock.now()
    learnt = [host_memory.failed(record, found.why, lied=found.lied, now=now)]
    kept_by = _kept_by(record, context, later=later)
    if kept_by and later:
        learnt.append(transitions.became_ready(record.mark, now))
    await context.journal.commit(transitions.in_turn(learnt))
    if kept_by:
        detail = f"{found.why}: kept until its lease ends ({kept_by})"
        code = ExitCode.NOT_READY
        return SlotOutcome(record.slot, "ready", False, detail, code, mark=record.mark), None
    detail = f"{found.why}: destroyed"
    outcome = SlotOutcome(record.slot, "ready", False, detail, ExitCode.PARTIAL, mark=record.mark)
    return outcome, Destroy(record, DestroyReason.FAILED_READY, detail)


def _kept_by(record: InstanceRecord, context: ExecutionContext, *, later: bool) -> str:
    """Which of the user's words keeps a machine that failed; "" for none."""
    if context.ready_rules(record.fleet).on_fail == "keep":
        return "on_fail: keep"
    lease = context.journal.state.leases.get(record.fleet)
    return "prevent_destroy" if later and lease is not None and lease.prevent_destroy else ""
