"""``create_before_destroy``: two machines in one slot until the new one is ready.

Only a pair that the state records is one: the new machine says whose place it takes, durably since
its intent, so that any later run or pass of the loop can finish what a crash or ``-detach`` left
(SPEC.md section 12, 7).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.plan import Mode
from reconciler.model.value import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from reconciler.model.plan import PlanRequest
    from reconciler.model.record import InstanceRecord, RecordedState
    from reconciler.planning.classification import Sighting


@dataclass(frozen=True, slots=True)
class Successions:
    """Living pairs: by the mark of the old machine its successor, and the other way round."""

    successors: dict[str, Sighting]
    predecessors: dict[str, Sighting]


NO_SUCCESSIONS = Successions({}, {})


def find_successions(sightings: Iterable[Sighting]) -> Successions:
    """Every pair of which neither machine is doomed."""
    heirs = [one for one in sightings if one.record.succeeds and one.record.doom is None]
    if not heirs:
        return NO_SUCCESSIONS
    living = {one.record.mark: one for one in sightings if one.record.doom is None}
    pairs = []
    for heir in sorted(heirs, key=lambda one: _age(one.record)):
        old = living.get(heir.record.succeeds.mark) if heir.record.succeeds else None
        if old is not None and _follows(heir.record, old.record):
            pairs.append((old, heir))
    return Successions(
        {old.record.mark: heir for old, heir in pairs},
        {heir.record.mark: old for old, heir in pairs},
    )


def _follows(new: InstanceRecord, old: InstanceRecord) -> bool:
    return old.slot == new.slot and _age(old) < _age(new)


def _age(record: InstanceRecord) -> tuple[object, str]:
    return (record.created_at, record.mark)


def is_looked_into(record: InstanceRecord, now: datetime, request: PlanRequest) -> bool:
    """Whether the run that bought this successor may still find it unfit. A loop waits for that; a
    person's next command finishes what a run that died has left.
    """
    if request.mode is not Mode.LOOP:
        return False
    until = record.succeeds.looked_into_until if record.succeeds else None
    return record.ready_at is None and until is not None and now < until


def is_seen_ready(sighting: Sighting, now: datetime, request: PlanRequest) -> bool:
    """Standing, and not being looked into: nothing less lets its predecessor go."""
    return stands(sighting) and not is_looked_into(sighting.record, now, request)


def stands(sighting: Sighting) -> bool:
    """Seen now, ours beyond doubt, and ready."""
    instance = sighting.instance
    return instance is not None and instance.is_ready and not sighting.identity_doubt


def living_predecessor(record: InstanceRecord, state: RecordedState) -> InstanceRecord | None:
    """The machine whose place ``record`` takes, while it is recorded and not doomed."""
    old = state.instances.get(record.succeeds.mark) if record.succeeds else None
    return old if old is not None and old.doom is None else None


def has_successions(state: RecordedState) -> bool:
    """True while two machines hold one slot."""
    return any(
        record.succeeds is not None
        and record.doom is None
        and living_predecessor(record, state) is not None
        for record in state.instances.values()
    )
