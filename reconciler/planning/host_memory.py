"""What a machine's boot or failure teaches about its host, and how it counts for later offers.

The changes are functions from state to state, as in ``transitions``.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from reconciler.model.host_memory import HOSTS_MAX, HostRecord, host_key
from reconciler.model.quantity import NEVER

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from reconciler.model.fleet import Fleet
    from reconciler.model.record import InstanceRecord, RecordedState

    Change = Callable[[RecordedState], RecordedState]
    _Learn = Callable[[HostRecord], HostRecord]

LIE_QUARANTINE = timedelta(days=7)
"""A host that sold something else than it had."""
FAILURE_QUARANTINE = timedelta(hours=24)
"""A host whose machine never became usable."""


def booted(record: InstanceRecord, now: datetime) -> Change:
    """A machine there was looked into and is what was sold."""
    took = max(0, int((now - record.created_at).total_seconds()))

    def learn(known: HostRecord) -> HostRecord:
        return known.with_(boots=known.boots + 1, ready_seconds=known.ready_seconds + took)

    return _learnt(record, now, learn)


def failed(record: InstanceRecord, why: str, *, lied: bool, now: datetime) -> Change:
    """A machine there failed its check: nothing is bought there for a while."""
    until = now + (LIE_QUARANTINE if lied else FAILURE_QUARANTINE)

    def learn(known: HostRecord) -> HostRecord:
        before = known.quarantined_until
        longer = until if before is None else max(until, before)
        kept = known.why if before == longer and known.why else why
        return known.with_(
            failures=known.failures + 1,
            last_failure=why,
            quarantined_until=longer,
            why=kept,
            trouble_at=now,
        )

    return _learnt(record, now, learn)


def lost_there(record: InstanceRecord, now: datetime) -> Change:
    """A spot machine there was taken away."""
    return _learnt(record, now, lambda known: known.with_(losses=known.losses + 1, trouble_at=now))


def _learnt(record: InstanceRecord, now: datetime, learn: _Learn) -> Change:
    bought = record.specification
    host = bought.host if bought else None

    def change(state: RecordedState) -> RecordedState:
        if host is None:
            return state
        return _with_host(state, record.provider, host, now, learn)

    return change


def quarantined(
    provider: str, host: str, until: datetime | None, why: str, now: datetime
) -> Change:
    """A person wants nothing from there; ``until`` None: until a person says otherwise."""

    def learn(known: HostRecord) -> HostRecord:
        return known.with_(quarantined_until=until or NEVER, why=why)

    return lambda state: _with_host(state, provider, host, now, learn)


def forgiven(provider: str, host: str) -> Change:
    """Offers of the host count again; what was learnt of it stays."""

    def change(state: RecordedState) -> RecordedState:
        known = state.hosts.get(host_key(provider, host))
        if known is None:
            return state
        freed = known.with_(quarantined_until=None, why="")
        return state.with_(hosts={**state.hosts, host_key(provider, host): freed})

    return change


def _with_host(
    state: RecordedState, provider: str, host: str, now: datetime, learn: _Learn
) -> RecordedState:
    key = host_key(provider, host)
    known = state.hosts.get(key)
    if known is None:
        known = HostRecord(provider=provider, host=host, seen_at=now)
    return state.with_(hosts=_bounded({**state.hosts, key: learn(known.with_(seen_at=now))}, now))


def _bounded(hosts: Mapping[str, HostRecord], now: datetime) -> Mapping[str, HostRecord]:
    if len(hosts) <= HOSTS_MAX:
        return hosts

    def worth(key: str) -> tuple[bool, bool, datetime]:
        one = hosts[key]
        return (one.by_hand, one.is_quarantined(now), one.seen_at)

    kept = sorted(hosts, key=worth)[-HOSTS_MAX:]
    return {key: hosts[key] for key in sorted(kept)}


def shunning(
    fleet: Fleet,
    hosts: frozenset[tuple[str, str]],
    lost: frozenset[tuple[str, str]] = frozenset(),
) -> Fleet:
    """``fleet`` that takes nothing from ``hosts``, and no spot machine where one was ``lost``."""
    lost = lost if lost and True in fleet.kinds else frozenset()
    if not hosts and not lost:
        return fleet
    return replace(fleet, offers=replace(fleet.offers, quarantined=hosts, lost=lost))
