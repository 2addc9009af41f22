"""What a change of the state tells: one effect for each thing decided, done or found.

Every intent and every outcome passes through the state, so the difference between what is stored
and what is about to be stored is the whole story (I20), whoever writes it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from reconciler.model.audit import Effect
from reconciler.model.cost import format_rate
from reconciler.planning.ledger import spent_on

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime
    from decimal import Decimal

    from reconciler.model.audit import AuditAction, AuditOutcome
    from reconciler.model.ledger import Ledger
    from reconciler.model.record import (
        Doom,
        InstanceRecord,
        LeaseRecord,
        PendingCreate,
        RecordedState,
    )

Value = TypeVar("Value")
_TOLD_ELSEWHERE = frozenset({"absence", "doom", "ready_at", "usd_per_hour"})


def effects(
    before: RecordedState | None, after: RecordedState, now: datetime, *, by_hand: bool
) -> list[Effect]:
    """In the order in which they matter to each other; the same change gives the same list.

    ``by_hand``: a person edits the state, so that a record that goes is no proof of anything.
    Evidence of absence, and when a loop passed, are nobody's effect and are left out.
    """
    old = before or after.with_(
        leases={}, instances={}, intents={}, notices={}, providers={}, duplicates={}
    )
    told = [
        *_providers(old, after),
        *_leases(old, after),
        *_intents(old, after, by_hand=by_hand),
        *_machines(old, after, now, by_hand=by_hand),
        *_notices(old, after),
        *_duplicates(old, after),
        *_clock(before, after),
    ]
    if by_hand:
        told.append(Effect("state", "changed", detail=_edited(old, after)))
    return told


def _changed(
    old: Mapping[str, Value], new: Mapping[str, Value]
) -> Iterator[tuple[str, Value | None, Value | None]]:
    if old is new:
        return
    for key in sorted(old.keys() | new.keys()):
        left, right = old.get(key), new.get(key)
        if left is not right and left != right:
            yield key, left, right


def _providers(old: RecordedState, new: RecordedState) -> Iterator[Effect]:
    for name, _, pin in _changed(old.providers, new.providers):
        detail = "no longer known" if pin is None else f"{pin.type}, account {pin.account}"
        yield Effect("provider", "changed", provider=name, detail=detail)


def _leases(old: RecordedState, new: RecordedState) -> Iterator[Effect]:
    for fleet, left, right in _changed(old.leases, new.leases):
        slot = f"fleet.{fleet}"
        if right is None:
            yield Effect("lease", "closed", slot)
            continue
        outcome, detail = _lease_change(left, right)
        yield Effect("lease", outcome, slot, ends_at=right.ends_at, detail=detail)


def _lease_change(left: LeaseRecord | None, right: LeaseRecord) -> tuple[AuditOutcome, str]:
    terms = f"ttl {int(right.ttl.total_seconds())} s, {right.target} node(s)"
    if left is None:
        return "opened", terms
    if right.ended_at is not None and left.ended_at is None:
        return "ended", str(right.ended_by or "ended")
    if right.extended_to != left.extended_to and right.extended_to is not None:
        return "extended", f"was {left.ends_at.isoformat() if left.ends_at else 'open'}"
    if right == left.with_(started_at=right.started_at):
        return "started", terms
    return "changed", terms


def _intents(old: RecordedState, new: RecordedState, *, by_hand: bool) -> Iterator[Effect]:
    for mark, left, right in _changed(old.intents, new.intents):
        if left is None:
            assert right is not None
            if right.blocks_slot:
                limit = format_rate(right.ceiling_usd_per_hour)
                offer = f"offer {right.specification.offer_id}, at most {limit}"
                yield _of_intent("create", "intent", right, offer)
        elif right is not None:
            if left.blocks_slot and not right.blocks_slot:
                yield _of_intent("create", "absent", right, "proven absent; its mark is watched")
        elif mark not in new.instances:
            yield _given_up(left, by_hand=by_hand)


def _given_up(intent: PendingCreate, *, by_hand: bool) -> Effect:
    if by_hand:
        return _of_intent("forget", "done", intent, "dropped by hand")
    if intent.blocks_slot:
        return _of_intent("create", "refused", intent, "the provider created nothing")
    return _of_intent("forget", "done", intent, "its mark never appeared")


def _of_intent(
    action: AuditAction, outcome: AuditOutcome, one: PendingCreate, detail: str
) -> Effect:
    return Effect(
        action,
        outcome,
        str(one.slot),
        one.mark,
        one.provider,
        reason=one.reason,
        usd_per_hour=one.usd_per_hour,
        detail=detail,
    )


def _machines(
    old: RecordedState, new: RecordedState, now: datetime, *, by_hand: bool
) -> Iterator[Effect]:
    for mark, left, right in _changed(old.instances, new.instances):
        if right is None:
            assert left is not None
            yield _dropped(left, spent_on(left, old.ledger, now), by_hand=by_hand)
            continue
        if left is None:
            intent = old.intents.get(mark)
            ordered = intent is not None and intent.blocks_slot
            action: AuditAction = "create" if ordered else "adopt"
            reason = intent.reason if intent else None
            yield _of_machine(action, "done", right, reason=reason)
        else:
            yield from _amended(left, right)
        yield from _progress(left, right, new.ledger, now)


def _dropped(record: InstanceRecord, usd: Decimal, *, by_hand: bool) -> Effect:
    if by_hand:
        return _of_machine("forget", "done", record, detail="dropped by hand").with_cost(usd)
    if record.doom is None:
        detail = "it is gone, and nothing here destroyed it"
        return _of_machine("lose", "gone", record, detail=detail).with_cost(usd)
    return _of_machine("destroy", "gone", record, reason=record.doom.reason).with_cost(usd)


def _amended(left: InstanceRecord, right: InstanceRecord) -> Iterator[Effect]:
    """What is none of a machine's usual ways: another slot, another id, another ceiling."""
    was = left.__dict__
    names = [
        name
        for name, value in right.__dict__.items()
        if value is not was[name] and name not in _TOLD_ELSEWHERE and value != was[name]
    ]
    if names:
        detail = f"{', '.join(names)} changed; it was {left.slot} {left.instance_id}"
        yield _of_machine("state", "changed", right, detail=detail)
    if left.usd_per_hour != right.usd_per_hour:
        yield _of_machine("rate", "changed", right, detail=f"was {format_rate(left.usd_per_hour)}")


def _progress(
    left: InstanceRecord | None, right: InstanceRecord, ledger: Ledger, now: datetime
) -> Iterator[Effect]:
    if right.ready_at is not None and (left is None or left.ready_at is None):
        yield _of_machine("ready", "done", right)
    old, new = left.doom if left else None, right.doom
    if new is None:
        if old is not None:
            yield _of_machine("destroy", "withdrawn", right, reason=old.reason)
        return
    if old is None or (left and left.instance_id != right.instance_id):  # known by another id now
        intent = _of_machine("destroy", "intent", right, reason=new.reason)
        yield intent.with_cost(spent_on(right, ledger, now))
    yield from _attempts(old, new, right)
    if new.alerted_at is not None and new.alerted_at != (old.alerted_at if old else None):
        yield _of_machine("alert", "done", right, reason=new.reason, detail="overdue")


def _attempts(old: Doom | None, new: Doom, record: InstanceRecord) -> Iterator[Effect]:
    """One for each; of those that were saved together only the last one has kept its words."""
    before, failed_before = (old.attempts, old.failures) if old else (0, 0)
    last_failed = bool(new.last_error)
    failed = new.failures - failed_before - last_failed
    for number in range(before + 1, new.attempts + 1):
        last = number == new.attempts
        outcome: AuditOutcome = (
            "failed" if (last_failed if last else number - before <= failed) else "accepted"
        )
        words = f": {new.last_error}" if last and last_failed else ""
        words = words if last else f", told with attempt {new.attempts}"
        detail = f"attempt {number}{words}"
        yield _of_machine("destroy", outcome, record, reason=new.reason, detail=detail)


def _of_machine(
    action: AuditAction,
    outcome: AuditOutcome,
    one: InstanceRecord,
    *,
    reason: str | None = None,
    detail: str | None = None,
) -> Effect:
    return Effect(
        action,
        outcome,
        str(one.slot),
        one.mark,
        one.provider,
        one.instance_id,
        reason,
        one.usd_per_hour,
        detail=detail,
    )


def _notices(old: RecordedState, new: RecordedState) -> Iterator[Effect]:
    for mark, left, right in _changed(old.notices, new.notices):
        record = new.instances.get(mark)
        if record is None:
            continue
        if right is not None:
            told = _of_machine("announce", "done", record, reason=right.reason)
            yield told.ending(right.due_at)
        elif left is not None and record.doom is None:
            yield _of_machine("announce", "withdrawn", record, reason=left.reason)


def _duplicates(old: RecordedState, new: RecordedState) -> Iterator[Effect]:
    for key, _, mark in _changed(old.duplicates, new.duplicates):
        provider, _, instance_id = key.partition(" ")
        detail = "no longer remembered" if mark is None else "a copy under this mark; never touched"
        yield Effect("duplicate", "done", None, mark, provider, instance_id, detail=detail)


def _clock(old: RecordedState | None, new: RecordedState) -> Iterator[Effect]:
    was = old.clock.doubt if old and old.clock else ""
    doubt = new.clock.doubt if new.clock else was
    if doubt and not was:
        yield Effect("clock", "refused", detail=doubt)
    elif was and not doubt:
        yield Effect("clock", "done", detail="this machine's clock is right again")


def _edited(old: RecordedState, new: RecordedState) -> str:
    return f"edited by hand: {', '.join(new.decided_since(old)) or 'nothing'}"
