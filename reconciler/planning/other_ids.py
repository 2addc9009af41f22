"""Machines whose create was answered with a wrong id (RELIABILITY.md C2.12).

One that stands under the mark of a record while nobody ever saw a machine under the record's own id
is no copy: it may be what was ordered. It is once that id is proven gone (I12), or while a direct
read of it is answered with that machine: then both are spellings of one id.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.mark import parse_mark
from reconciler.planning import ledger as books

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from reconciler.model.instance import Instance
    from reconciler.model.plan import Stranger
    from reconciler.model.record import InstanceRecord, RecordedState

OTHER_ID = "other-id"


def is_marked(record: InstanceRecord, found: Instance) -> bool:
    """Whether ``found`` carries the mark of ``record``."""
    mark, told = parse_mark(record.mark), parse_mark(found.label)
    same = mark is not None and told is not None and mark.identity == told.identity
    return same and record.provider == found.provider


def was_never_seen(record: InstanceRecord, found: Instance, recorded: RecordedState) -> bool:
    """No look since its create had it, and ``found`` carries its mark: who copies a machine has
    seen it before.
    """
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


def noticed(strangers: Iterable[Stranger]) -> Callable[[RecordedState], RecordedState]:
    """Which machines stand under the mark of one that was never seen: that is kept until the record
    goes, since what is done about it meanwhile says nothing about it.
    """
    named = [one.instance for one in strangers if one.kind == OTHER_ID]

    def change(state: RecordedState) -> RecordedState:
        new = {
            mark: found.id
            for found in named
            for mark, record in state.instances.items()
            if mark not in state.other_ids and is_marked(record, found)
        }
        return state.with_(other_ids={**state.other_ids, **new}) if new else state

    return change if named else lambda state: state
