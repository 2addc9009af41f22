"""Machines whose create was answered with a wrong id (RELIABILITY.md C2.12).

One that stands under the mark of a record while nobody ever saw a machine under the record's own id
is no copy: it may be what was ordered. It is once that id is proven gone (I12).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from reconciler.model.mark import parse_mark
from reconciler.planning import ledger as books
from reconciler.planning.absence import SEEN, Presence

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from reconciler.model.instance import Instance
    from reconciler.model.plan import Stranger
    from reconciler.model.record import InstanceRecord, RecordedState
    from reconciler.planning.classification import Sighting

OTHER_ID = "other-id"


def ordered_as(
    found: Instance, sightings: Iterable[Sighting], recorded: RecordedState
) -> Sighting | None:
    """The record whose machine ``found`` may be: of its mark, and never seen under its own id."""
    for one in sightings:
        if one.instance is None and _is_marked(one.record, found):
            return one if _was_never_seen(one.record, found, recorded) else None
    return None


def _is_marked(record: InstanceRecord, found: Instance) -> bool:
    mark, told = parse_mark(record.mark), parse_mark(found.label)
    same = mark is not None and told is not None and mark.identity == told.identity
    return same and record.provider == found.provider


def _was_never_seen(record: InstanceRecord, found: Instance, recorded: RecordedState) -> bool:
    """No look since its create had it: who copies a machine has seen it before."""
    noted = recorded.other_ids.get(record.mark)
    if noted is not None:
        return noted == found.id
    if record.ready_at is not None or record.doom is not None:
        return False
    if record.absence is not None:
        looked = record.absence.billed_at
    else:
        looked = books.last_look(recorded, record.provider)
    return looked is not None and looked < record.created_at


def corrected(sighting: Sighting, found: Instance, recorded: RecordedState) -> Sighting | None:
    """``sighting`` as one of ``found``, which was noted before; None while the id of the answer is
    not proven gone.
    """
    noted = recorded.other_ids.get(sighting.record.mark)
    if sighting.weighed.presence is not Presence.GONE or noted != found.id:
        return None
    record = sighting.record.with_(instance_id=found.id, absence=None)
    return replace(
        sighting, record=record, instance=found, weighed=SEEN, identity_doubt="", found_by_mark=True
    )


def noticed(strangers: Iterable[Stranger]) -> Callable[[RecordedState], RecordedState]:
    """Which machines stand under the mark of one that was never seen: that is kept, since what is
    done about a record later says nothing about it. What was kept of records that are gone is not.
    """
    named = [one.instance for one in strangers if one.kind == OTHER_ID]

    def change(state: RecordedState) -> RecordedState:
        known = state.other_ids
        noted = {
            mark: known.get(mark, found.id)
            for found in named
            for mark, record in state.instances.items()
            if _is_marked(record, found)
        }
        kept = {mark: one for mark, one in known.items() if mark in state.instances}
        new = {**kept, **noted}
        return state if new == known else state.with_(other_ids=new)

    return change
