"""What is dropped from the recorded state, on proof alone (I28), and what its ledger says then."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from reconciler.model.record import InstanceRecord, PendingCreate
from reconciler.planning import ledger_closing
from reconciler.planning.spot_losses import with_loss
from reconciler.planning.transitions import in_turn

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from reconciler.model.plan import Forget
    from reconciler.model.record import RecordedState
    from reconciler.planning.transitions import Change

WATCH_TIME = timedelta(hours=24)
"""How long a create that left nothing is still looked for (SPEC.md section 12, 6)."""


def forgotten(
    forgets: Iterable[Forget],
    now: datetime,
    destroy_times: Mapping[str, timedelta],
) -> Change:
    """Dropped on proof; what may never have been visible is watched for a day.

    The ledger closes the accounts of the machines; ``destroy_times``: how long a destroy takes, by
    provider.
    """
    wanted = tuple(forgets)
    marks = {one.mark: None for one in wanted if one.what == "record"}
    lost = {one.mark for one in wanted if one.unexpected}

    def change(state: RecordedState) -> RecordedState:
        gone = [state.instances[mark] for mark in marks if mark in state.instances]
        if gone:
            left = dict(state.instances)
            intents = dict(state.intents)
            for record in gone:
                del left[record.mark]
                intents.update(_watch_over(record, now))
            closings = [
                ledger_closing.closing_of(
                    one,
                    state.leases.get(one.fleet),
                    destroy_times.get(one.provider),
                    now,
                )
                for one in gone
            ]
            ledger = ledger_closing.closed(state.ledger, closings)
            state = state.with_(instances=left, intents=intents, ledger=ledger)
            for record in gone if lost else ():
                if record.mark in lost:
                    state = with_loss(state, record, now)
        if state.node_timers and any(mark in state.node_timers for mark in marks):
            timers = {mark: one for mark, one in state.node_timers.items() if mark not in marks}
            state = state.with_(node_timers=timers)
        if state.other_ids and any(mark in state.other_ids for mark in marks):
            others = {mark: one for mark, one in state.other_ids.items() if mark not in marks}
            state = state.with_(other_ids=others)
        if state.notices and any(mark in state.notices for mark in marks):
            kept = {mark: one for mark, one in state.notices.items() if mark not in marks}
            state = state.with_(notices=kept)
        return in_turn(_intent_forgotten(one, now) for one in wanted if one.what != "record")(state)

    return change


def _intent_forgotten(forget: Forget, now: datetime) -> Change:
    def change(state: RecordedState) -> RecordedState:
        mark = forget.mark
        intent = state.intents.get(mark)
        if forget.what == "watch" or intent is None:
            return _without(state, mark)
        watched = intent.with_(watched_until=now + WATCH_TIME, absence=None)
        return state.with_(intents={**state.intents, mark: watched})

    return change


def _watch_over(record: InstanceRecord, now: datetime) -> dict[str, PendingCreate]:
    """A machine that was never ready may appear later than any listing should take (C1.17)."""
    if record.ready_at is not None:
        return {}
    if record.specification is None or record.ceiling_usd_per_hour is None:
        return {}
    watched = PendingCreate.model_construct(
        fleet=record.fleet,
        index=record.index,
        provider=record.provider,
        mark=record.mark,
        specification=record.specification,
        ceiling_usd_per_hour=record.ceiling_usd_per_hour,
        usd_per_hour=record.usd_per_hour,
        begun_at=record.created_at,
        deadline_at=record.created_at,
        watched_until=now + WATCH_TIME,
    )
    return {record.mark: watched}


def _without(state: RecordedState, mark: str) -> RecordedState:
    if mark not in state.intents:
        return state
    return state.with_(intents={key: one for key, one in state.intents.items() if key != mark})
