"""What still costs money once a plan is carried out: the machines that stay, and those that go."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from reconciler.planning.leases import planned_end
from reconciler.planning.spending import live_rate

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from decimal import Decimal

    from reconciler.planning.scene import Decisions, Scene


class Commitment(NamedTuple):
    """One machine, at dollars an hour, until it ends."""

    provider: str
    fleet: str
    usd_per_hour: Decimal
    ends_at: datetime


def staying(decisions: Decisions, scene: Scene) -> Iterator[Commitment]:
    """Machines that the plan leaves, those in doubt and those that were let go included (I13)."""
    for keep in decisions.keeps:
        record = keep.record
        rate = live_rate(record, keep.instance)
        yield Commitment(record.provider, record.fleet, rate, scene.end_of(record))
    others = [one.record for one in decisions.announces]
    others += [one.record for one in decisions.destroys if one.after_successor]
    for record in others:
        end = scene.end_of(record)
        yield Commitment(record.provider, record.fleet, record.usd_per_hour, end)
    for doubt in decisions.doubts:
        lease = scene.leases.get(doubt.slot.fleet)
        if doubt.worrying:
            end = planned_end(lease, scene.now) if lease else scene.now
            yield Commitment(doubt.provider, doubt.slot.fleet, doubt.usd_per_hour, end)
    for let_go in scene.recorded.let_go.values():
        record = let_go.record
        yield Commitment(record.provider, record.fleet, record.usd_per_hour, let_go.ends_at)


def going(decisions: Decisions, scene: Scene) -> Iterator[Commitment]:
    """Machines that are destroyed now, or wait for the proof that they are gone."""
    for destroy in decisions.destroys:
        if not destroy.after_successor:
            record = destroy.record
            yield Commitment(record.provider, record.fleet, record.usd_per_hour, scene.now)
    for doubt in decisions.doubts:
        if not doubt.worrying:
            yield Commitment(doubt.provider, doubt.slot.fleet, doubt.usd_per_hour, scene.now)
