"""What earlier losses of spot machines, and those of this plan, rule out for its purchases."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from reconciler.planning.hosts import host_of
from reconciler.planning.spot_losses import ends_a_loss, was_spot

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from reconciler.model.fleet import Fleet
    from reconciler.model.record import InstanceRecord, RecordedState
    from reconciler.planning.hosts import HostKey
    from reconciler.planning.scene import Decisions, Scene


def shunned_places(
    recorded: RecordedState, decisions: Decisions | None, now: datetime
) -> frozenset[HostKey]:
    """Where no spot machine is bought now, those included that ``decisions`` find lost."""
    found = set()
    for key, until in recorded.spot_shunned.items():
        provider, _, place = key.partition(" ")
        if until > now:
            found.add((provider, place))
    for record in _lost_now(recorded, decisions) if decisions is not None else ():
        bought = record.specification
        if bought is not None:
            found.add(host_of(record.provider, bought.host, bought.capacity_key))
    return frozenset(found)


def _lost_now(recorded: RecordedState, decisions: Decisions) -> Iterator[InstanceRecord]:
    """What this decision finds lost, so that the state cannot know it yet."""
    for destroy in decisions.destroys:
        if destroy.differences and ends_a_loss(destroy):
            yield destroy.record
    for forget in decisions.forgets:
        record = recorded.instances.get(forget.mark) if forget.unexpected else None
        if record is not None and was_spot(record):
            yield record


def slots_without_spot(fleet: Fleet, scene: Scene, decisions: Decisions) -> frozenset[int]:
    """The slots of an ``auto`` fleet whose spot machines were taken away too often."""
    losses = Counter[int]()
    lease, known = scene.leases.get(fleet.name), scene.recorded.spot_losses.get(fleet.name)
    if known is not None and lease is not None and known.since == lease.started_at:
        losses.update({int(slot): count for slot, count in known.slots.items()})
    losses.update(
        one.index for one in _lost_now(scene.recorded, decisions) if one.fleet == fleet.name
    )
    most = fleet.buying.fallback_after
    return frozenset(slot for slot, count in losses.items() if count >= most)
