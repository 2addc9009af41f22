"""Spot machines that were taken away: what tells it, what it costs the host, and what follows.

A provider that takes a spot machine away stops it or removes it; nothing else stops a spot machine
that is to run. Either way it is counted once: when its destroy is decided, or when it is proven
gone and nobody had asked for that.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from reconciler.model.instance import InstanceStatus
from reconciler.model.plan import Difference
from reconciler.model.record import SpotLosses
from reconciler.planning.host_memory import lost_there
from reconciler.planning.hosts import host_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from reconciler.model.instance import Instance
    from reconciler.model.plan import Destroy
    from reconciler.model.record import InstanceRecord, RecordedState
    from reconciler.planning.hosts import HostKey

HOST_SHUNNED = timedelta(hours=1)
"""How long nothing on spot is bought on a host that took a machine away."""
POOL_SHUNNED = timedelta(minutes=15)
"""The same for an offer that names no host: it stands for many."""
SHUNNED_MAX = 500
_STOPPED = InstanceStatus.STOPPED  # an enumeration is slow to ask for its members
TAKEN_AWAY = Difference("status", "stopped", "running")
"""How a spot machine that was taken away differs from what it should be."""


def was_spot(record: InstanceRecord) -> bool:
    return record.specification is not None and record.specification.spot


def is_lost(record: InstanceRecord, instance: Instance) -> bool:
    """Whether it is a spot machine that its provider has stopped."""
    return instance.status is _STOPPED and was_spot(record)


def ends_a_loss(destroy: Destroy) -> bool:
    """Whether it ends a spot machine that was taken away."""
    return TAKEN_AWAY in destroy.differences and was_spot(destroy.record)


def with_loss(state: RecordedState, record: InstanceRecord, now: datetime) -> RecordedState:
    """The state in which the loss of this spot machine is remembered."""
    bought = record.specification
    if bought is None or not bought.spot:
        return state
    place = host_of(record.provider, bought.host, bought.capacity_key)
    until = now + (POOL_SHUNNED if bought.host is None else HOST_SHUNNED)
    lease = state.leases.get(record.fleet)
    since = lease.started_at if lease else None
    known = state.spot_losses.get(record.fleet)
    slots = dict(known.slots) if known is not None and known.since == since else {}
    slots[str(record.index)] = slots.get(str(record.index), 0) + 1
    losses = {**state.spot_losses, record.fleet: SpotLosses(since=since, slots=slots)}
    state = state.with_(
        spot_losses={name: one for name, one in losses.items() if name in state.leases},
        spot_shunned=_shunned(state.spot_shunned, place_key(place), until, now),
    )
    return lost_there(record, now)(state)


def _shunned(
    known: Mapping[str, datetime], key: str, until: datetime, now: datetime
) -> dict[str, datetime]:
    lasting = {place: end for place, end in known.items() if end > now}
    lasting[key] = until
    kept = sorted(lasting, key=lambda place: (lasting[place], place))[-SHUNNED_MAX:]
    return {place: lasting[place] for place in sorted(kept)}


def place_key(place: HostKey) -> str:
    """The key in ``RecordedState.spot_shunned``; names of providers have no space."""
    return " ".join(place)
