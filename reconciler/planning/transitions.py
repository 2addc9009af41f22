"""What each event does to the recorded state: functions from state to state.

Each tolerates a state in which another process has already dropped what it is about, so that it
can be applied again to a newer state. None of them ever drops a known id without proof (I28).
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING

from reconciler.model.reason import DestroyReason
from reconciler.model.record import (
    AbsenceEvidence,
    Doom,
    InstanceRecord,
    PendingCreate,
    SoftNotice,
    duplicate_key,
)
from reconciler.planning import ledger as books
from reconciler.planning.leases import is_of_earlier_window
from reconciler.planning.plan_safety import FUSE_WINDOW

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime
    from decimal import Decimal

    from reconciler.model.budget import BudgetRecord
    from reconciler.model.pins import ProviderPin
    from reconciler.model.plan import (
        Adopt,
        Announce,
        Destroy,
        Doubt,
        Stranger,
    )
    from reconciler.model.record import (
        AbsenceEvidence,
        HoursRecord,
        LeaseRecord,
        NodeTimer,
        RecordedState,
    )

    Change = Callable[[RecordedState], RecordedState]


def in_turn(changes: Iterable[Change]) -> Change:
    """All of them, one after the other, as one change."""
    steps = tuple(changes)

    def change(state: RecordedState) -> RecordedState:
        for step in steps:
            state = step(state)
        return state

    return change


def without(mapping: Mapping[str, object], key: str) -> Mapping[str, object]:
    """Not a new map where ``key`` is not in it: thousands of changes make no thousand copies."""
    if key not in mapping:
        return mapping
    left = dict(mapping)
    del left[key]
    return left


def begin_create(intent: PendingCreate, timer: NodeTimer | None = None) -> Change:
    """The intent, durable before the call (I2), with the timer that its machine is to have."""

    def change(state: RecordedState) -> RecordedState:
        begun = state.with_(intents={**state.intents, intent.mark: intent})
        return begun if timer is None else timer_set(intent.mark, timer)(begun)

    return change


def timer_set(mark: str, timer: NodeTimer) -> Change:
    """When a machine destroys itself. Timers of machines that nobody knows any more go."""

    def change(state: RecordedState) -> RecordedState:
        known = (state.instances, state.intents, state.let_go)
        if not any(mark in where for where in known):
            return state
        kept = {
            name: one
            for name, one in state.node_timers.items()
            if any(name in where for where in known)
        }
        return state.with_(node_timers={**kept, mark: timer})

    return change


def create_refused(mark: str) -> Change:
    """The provider surely created nothing: the slot is free at once."""
    return lambda state: state.with_(intents=without(state.intents, mark))


def created(
    intent: PendingCreate, instance_id: str, usd_per_hour: Decimal | None, now: datetime
) -> Change:
    """The id is durable: the intent becomes a record and the lease starts (SPEC.md section 1).

    Also where the intent is gone from the state: an id that was seen is never lost (I28).
    """
    record = InstanceRecord.model_construct(
        fleet=intent.fleet,
        index=intent.index,
        provider=intent.provider,
        instance_id=instance_id,
        mark=intent.mark,
        specification=intent.specification,
        ceiling_usd_per_hour=intent.ceiling_usd_per_hour,
        usd_per_hour=intent.usd_per_hour if usd_per_hour is None else usd_per_hour,
        created_at=now,
        succeeds=intent.succeeds,
    )
    return lambda state: _with_record(state, record, now)


def adopted(adopt: Adopt, now: datetime) -> Change:
    """A machine found by its mark becomes a record; its intent, if any, is resolved.

    Where a record of that mark was noted to have another id than the answer to its create said, it
    gets that one.
    """

    def change(state: RecordedState) -> RecordedState:
        known = state.instances.get(adopt.record.mark)
        noted = state.other_ids.get(adopt.record.mark)
        if known is not None and noted == adopt.record.instance_id:
            right = known.with_(instance_id=noted, absence=None)
            state = state.with_(
                instances={**state.instances, known.mark: right},
                other_ids=without(state.other_ids, known.mark),
                duplicates=without(state.duplicates, duplicate_key(known.provider, noted)),
            )
        return _with_record(state, adopt.record, now)

    return change


def _with_record(state: RecordedState, record: InstanceRecord, now: datetime) -> RecordedState:
    leases = state.leases
    intent = state.intents.get(record.mark)
    # Whoever comes after the proof of its absence is destroyed: nobody has leased it.
    kept = intent is None or intent.watched_until is None
    lease = leases.get(record.fleet) if kept else None
    if lease is not None and lease.hours is not None:
        lease = _slot_opened(lease, lease.hours, record)
        leases = {**leases, record.fleet: lease}
    earlier = lease is not None and is_of_earlier_window(lease, record.created_at)
    if lease is not None and lease.started_at is None and not (lease.ended_at or earlier):
        # A machine that was found ends by its order's time: so does the lease that begins with it.
        started = now if intent is None else min(now, record.created_at)
        leases = {**leases, record.fleet: lease.with_(started_at=started)}
    known = state.instances.get(record.mark, record)
    ledger = state.ledger
    if known is record and (intent is None or not kept):
        ledger = books.seen_again(ledger, record, now)
    if intent is not None:
        since = min(intent.begun_at, record.created_at)
        ledger = books.begun(ledger, record, since, intent.disk_usd_per_hour)
    fuse = state.soft_destroys
    if known is record and record.succeeds and record.succeeds.reason.may_be_a_slip:
        # The destroy of its predecessor is as good as done: it is counted here, and only here.
        fuse = _recent(state, now)
        fuse.append(now)
    return state.with_(
        leases=leases,
        soft_destroys=fuse,
        intents=without(state.intents, record.mark),
        instances={**state.instances, record.mark: known},
        let_go=without(state.let_go, record.mark) if state.let_go else state.let_go,
        ledger=ledger,
    )


def _slot_opened(lease: LeaseRecord, hours: HoursRecord, record: InstanceRecord) -> LeaseRecord:
    """The window has held a machine there: its schedule does not fill that slot again."""
    if hours.opens_at is None or record.created_at < hours.opens_at:
        return lease
    opened, index = hours.opened, record.index
    place = bisect_left(opened, index)  # in order: a fleet may have ten thousand
    if opened[place : place + 1] == [index]:
        return lease
    return lease.with_(hours=hours.with_(opened=[*opened[:place], index, *opened[place:]]))


def _on_record(mark: str, update: Callable[[InstanceRecord], InstanceRecord]) -> Change:
    def change(state: RecordedState) -> RecordedState:
        record = state.instances.get(mark)
        if record is None:
            return state
        return state.with_(instances={**state.instances, mark: update(record)})

    return change


def became_ready(mark: str, now: datetime) -> Change:
    """Ready for the first time; later calls change nothing."""
    return _on_record(
        mark, lambda record: record if record.ready_at else record.with_(ready_at=now)
    )


def doomed(destroy: Destroy, now: datetime) -> Change:
    """The destroy is decided, durable before the call; a slip is counted for the fuse."""

    def change(state: RecordedState) -> RecordedState:
        mark = destroy.record.mark
        record = state.instances.get(mark)
        if record is None or record.doom is not None:
            return state
        doom = Doom.model_construct(reason=destroy.reason, since=now)
        known = record.absence or destroy.record.absence  # which may be of this very look
        fuse = _recent(state, now)
        if not destroy.succeeded and (destroy.soft or destroy.reason.may_be_a_slip):
            fuse.append(now)
        state = state.with_(
            instances={
                **state.instances,
                mark: record.with_(doom=doom, absence=_afresh(known, now)),
            },
            notices=without(state.notices, mark),
            soft_destroys=fuse,
            budgets=_after_kill(state, destroy, now),
        )
        return _after_loss(state, destroy, now) if destroy.differences else state

    return change


def _afresh(
    known: AbsenceEvidence | None, now: datetime, billed_at: datetime | None = None
) -> AbsenceEvidence | None:
    """The proof begins again; since when its bill is in doubt is not forgotten."""
    doubtful = (known.billed_at if known else None) or billed_at
    if doubtful is None:
        return None
    return AbsenceEvidence.model_construct(last_seen_at=now, billed_at=doubtful)


def _after_loss(state: RecordedState, destroy: Destroy, now: datetime) -> RecordedState:
    from reconciler.planning.spot_losses import ends_a_loss, with_loss  # most fleets have no spot

    return with_loss(state, destroy.record, now) if ends_a_loss(destroy) else state


def _after_kill(
    state: RecordedState, destroy: Destroy, now: datetime
) -> Mapping[str, BudgetRecord]:
    if destroy.reason is not DestroyReason.OVER_BUDGET:
        return state.budgets
    from reconciler.planning.billing import after_kill  # budgets seldom kill

    return after_kill(state, destroy.record.fleet, destroy.record.provider, now)


def _recent(state: RecordedState, now: datetime) -> list[datetime]:
    return [moment for moment in state.soft_destroys if moment > now - FUSE_WINDOW]


def destroy_attempted(mark: str, now: datetime, *, error: str) -> Change:
    """One attempt was made; ``error`` empty means accepted, which is a request, not proof."""

    def update(record: InstanceRecord) -> InstanceRecord:
        doom = record.doom
        if doom is None:
            return record
        tried = doom.with_(
            attempts=doom.attempts + 1,
            failures=doom.failures + (1 if error else 0),
            last_attempt_at=now,
            accepted_at=doom.accepted_at if error else doom.accepted_at or now,
            last_error=error,
        )
        # It was not denied a moment ago, or nobody could tell. An attempt without an answer may
        # have ended it.
        doubtful = _afresh(record.absence, now, now if error else None)
        seen = doubtful or AbsenceEvidence.model_construct(last_seen_at=now)
        return record.with_(doom=tried, absence=seen)

    return _on_record(mark, update)


def destroy_repeated(mark: str, now: datetime) -> Change:
    """It was seen although its destroy was accepted, and is about to be asked for its end again: if
    this attempt is the last thing that its run does, it was billed until then all the same.
    """

    def update(record: InstanceRecord) -> InstanceRecord:
        doom = record.doom
        return record if doom is None else record.with_(doom=doom.with_(last_attempt_at=now))

    return _on_record(mark, update)


def recycled(mark: str) -> Change:
    """Its id was seen to stand for somebody else's machine (I4)."""
    return _on_record(
        mark,
        lambda record: record if record.recycled else record.with_(recycled=True),
    )


def alerted(mark: str, now: datetime) -> Change:
    """People were told that this destroy is overdue."""
    return _on_record(
        mark,
        lambda record: (
            record if record.doom is None else record.with_(doom=record.doom.with_(alerted_at=now))
        ),
    )


def doubted(doubt: Doubt) -> Change:
    """Evidence of absence so far, of a record or of an unresolved create."""

    def change(state: RecordedState) -> RecordedState:
        mark, evidence = doubt.mark, doubt.evidence
        if doubt.recycled:
            return recycled(mark)(state)
        if evidence is None:
            return state
        if mark in state.instances:
            found = _first_missed(evidence, state.instances[mark], state)
            return _on_record(mark, lambda one: one.with_(absence=found))(state)
        intent = state.intents.get(mark)
        if intent is None:
            return state
        return state.with_(intents={**state.intents, mark: intent.with_(absence=evidence)})

    return change


def _first_missed(
    evidence: AbsenceEvidence, record: InstanceRecord, state: RecordedState
) -> AbsenceEvidence:
    """With the last look that showed it, where no accepted destroy says what became of it."""
    if record.absence is not None or (record.doom is not None and record.doom.accepted_at):
        return evidence
    return evidence.with_(billed_at=books.last_look(state, record.provider))


def sighted(mark: str) -> Change:
    """Evidence of absence, announcements, and that its id is another one's no longer hold."""

    def change(state: RecordedState) -> RecordedState:
        cleared = _on_record(mark, _seen)(state)
        return cleared.with_(notices=without(cleared.notices, mark))

    return change


def _seen(record: InstanceRecord) -> InstanceRecord:
    return record.with_(absence=None, recycled=False)


def copies_seen(strangers: Iterable[Stranger]) -> Change:
    """Which machines are copies under the mark of another one; nothing ever takes that back.

    Without it a copy would pass for an orphan of ours when the machine that it copies is gone.
    """
    copies = {
        duplicate_key(one.instance.provider, one.instance.id): one.instance.label or ""
        for one in strangers
        if one.kind == "duplicate"
    }

    def change(state: RecordedState) -> RecordedState:
        ours = {duplicate_key(one.provider, one.instance_id) for one in state.instances.values()}
        new = {key: mark for key, mark in copies.items() if key not in ours | set(state.duplicates)}
        return state.with_(duplicates={**state.duplicates, **new}) if new else state

    return change if copies else lambda state: state


def announced(announce: Announce, now: datetime) -> Change:
    """The soft destroy and its time are recorded; a later pass carries it out."""
    notice = SoftNotice.model_construct(
        reason=announce.reason, noticed_at=now, due_at=announce.due_at
    )
    return lambda state: state.with_(notices={**state.notices, announce.record.mark: notice})


def pinned(pins: Mapping[str, ProviderPin]) -> Change:
    """Provider types, settings and accounts as used now."""
    return lambda state: state.with_(providers={**state.providers, **pins})


def loop_passed(now: datetime, due_at: datetime) -> Change:
    """A loop was here and means to come back: what the next plan says about who enforces it."""
    return lambda state: state.with_(loop_last_seen=now, loop_due_at=due_at)
