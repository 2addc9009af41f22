"""Keeps the ledger: what a machine is billed from its create on (its end: ``ledger_closing``).

Billed by the second begun, at the live rate, stopped and unseen time included (SPEC.md section 6).
Where it is not known when something happened, the dearer reading counts and is marked unknown.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from functools import lru_cache
from typing import TYPE_CHECKING

from reconciler.model.cost import ZERO
from reconciler.model.ledger import (
    NOTHING,
    Amounts,
    Segment,
    closed_machine_of,
    microseconds,
    moment,
)
from reconciler.model.observation import Complete, Unknown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from reconciler.model.ledger import Ledger
    from reconciler.model.observation import ObservedState
    from reconciler.model.record import InstanceRecord, RecordedState

_SECOND = timedelta(seconds=1)
_PICO = 12
_PICO_HOURS_PER_MICRO = 3600 * 10**6


def running_segments(record: InstanceRecord, ledger: Ledger) -> tuple[Segment, ...]:
    """What the machine was and is billed, in order; the last one is still running."""
    row = ledger.running.get(record.mark)
    if row is None:
        return (Segment(record.created_at, None, record.usd_per_hour, ZERO),)
    *past, last = (_segment(text) for text in row.split(";"))
    running = Segment(last.since, None, record.usd_per_hour, last.disk_usd_per_hour, last.unknown)
    return (*past, running)


def _segment(text: str) -> Segment:
    since, until, rate, disk, mark = text.split(",")
    return Segment(
        moment(int(since)),
        moment(int(until)) if until else None,
        Decimal(rate or 0),
        Decimal(disk or 0),
        mark == "u",
    )


def _row(segments: Iterable[Segment]) -> str:
    return ";".join(
        f"{microseconds(one.since)},"
        + (f"{microseconds(one.until)},{one.usd_per_hour}" if one.until else ",")
        + f",{one.disk_usd_per_hour or ''},{'u' if one.unknown else ''}"
        for one in segments
    )


def _with_row(ledger: Ledger, mark: str, segments: Iterable[Segment]) -> Ledger:
    return ledger.model_copy(update={"running": {**ledger.running, mark: _row(segments)}})


def begun(
    ledger: Ledger, record: InstanceRecord, since: datetime, disk_usd_per_hour: Decimal
) -> Ledger:
    """It is billed since ``since``, of which ``disk_usd_per_hour`` is for its disk."""
    if record.mark in ledger.running:
        return ledger
    if since == record.created_at and not disk_usd_per_hour:
        return ledger
    opening = Segment(since, None, record.usd_per_hour, disk_usd_per_hour)
    return _with_row(ledger, record.mark, (opening,))


def began_at(ledger: Ledger, record: InstanceRecord, since: datetime) -> Ledger:
    """The provider's own word for when it began, unless it lies before our order or after the
    answer's arrival: a clock of theirs that is wrong, or zero, must not use up a budget.
    """
    first, *later = running_segments(record, ledger)
    if not first.since <= since <= record.created_at:
        return ledger
    if first.until is not None and since >= first.until:
        return ledger
    moved = replace(first, since=since)
    return ledger if moved == first else _with_row(ledger, record.mark, (moved, *later))


def looked(observed: ObservedState) -> Callable[[RecordedState], RecordedState]:
    """Every provider that was read as a whole was looked at when its listing began."""
    seen = {
        name: one.started_at
        for name, one in sorted(observed.inventories.items())
        if isinstance(one, Complete)
    }

    def change(state: RecordedState) -> RecordedState:
        looks = {**state.ledger.looked_at, **seen}
        if looks == state.ledger.looked_at:
            return state
        return state.with_(ledger=state.ledger.model_copy(update={"looked_at": looks}))

    return change


def last_look(state: RecordedState, provider: str) -> datetime | None:
    """When its rates were known for sure the last time; None where nobody remembers."""
    if not state.ledger.looked_at:
        return state.saved_at  # of an earlier version, whose every save came after a look
    return state.ledger.looked_at.get(provider)


def sightings(observed: ObservedState, now: datetime) -> Callable[[RecordedState], RecordedState]:
    """Time in which a provider could not be read, from the last look before it on, is billed at the
    last known rates, and marked.
    """

    def change(state: RecordedState) -> RecordedState:
        homes = {record.provider for record in state.instances.values()}
        dark = {name for name in homes if isinstance(observed.inventories.get(name), Unknown)}
        seen = {name for name in state.ledger.unseen if name in observed.inventories} - dark
        if not seen and dark <= state.ledger.unseen.keys():
            return state
        ledger = _marked(state, seen, now)
        unseen = {name: when for name, when in ledger.unseen.items() if name not in seen}
        unseen = {**{name: _dark_since(state, name, now) for name in sorted(dark)}, **unseen}
        return state.with_(ledger=ledger.model_copy(update={"unseen": unseen}))

    return change


def _dark_since(state: RecordedState, provider: str, now: datetime) -> datetime:
    return min(now, last_look(state, provider) or state.saved_at or now)


def _marked(state: RecordedState, seen: set[str], now: datetime) -> Ledger:
    running = dict(state.ledger.running)
    for record in state.instances.values():
        if record.provider not in seen:
            continue
        *past, last = running_segments(record, state.ledger)
        dark = max(last.since, min(now, state.ledger.unseen[record.provider]))
        parts = (
            replace(last, until=dark),
            replace(last, since=dark, until=now, unknown=True),
            replace(last, since=now),
        )
        kept = [one for one in parts if one.until is None or one.until > one.since]
        running[record.mark] = _row((*past, *kept))
    return state.ledger.model_copy(update={"running": running})


def reopened(ledger: Ledger, record: InstanceRecord, since: datetime) -> Ledger:
    """A machine whose account was closed is billed again from ``since`` on, unseen until now."""
    return _with_row(ledger, record.mark, (Segment(since, None, record.usd_per_hour, ZERO),))


def seen_again(ledger: Ledger, record: InstanceRecord, now: datetime) -> Ledger:
    """A machine is found of which the ledger knows already what it cost until it was taken for
    gone: that is not counted twice, and whether it was billed since then is not known.
    """
    until = _closed_until(ledger, record)
    if until is None or record.mark in ledger.running or until >= now:
        return ledger
    doubt = Segment(until, now, record.usd_per_hour, ZERO, unknown=True)
    running = Segment(now, None, record.usd_per_hour, ZERO)
    return _with_row(ledger, record.mark, (doubt, running))


def _closed_until(ledger: Ledger, record: InstanceRecord) -> datetime | None:
    key = (record.provider, record.instance_id)
    rows = (row for row in (*ledger.closed, *ledger.failed) if record.instance_id in row)
    known = map(closed_machine_of, rows)
    ends = [one.until for one in known if (one.provider, one.instance_id) == key]
    return max(ends, default=None)


def rate_changed(
    ledger: Ledger,
    record: InstanceRecord,
    usd_per_hour: Decimal,
    known_until: datetime | None,
    seen_at: datetime | None = None,
) -> Ledger:
    """Billed at ``usd_per_hour`` by ``seen_at``, and last known at the old rate ``known_until``;
    None: never. The dearer of the two counts for the time between, which is marked; without
    ``seen_at`` the change was at ``known_until``. To be called before the record itself is changed.
    """
    segments = running_segments(record, ledger)
    old = segments[-1].usd_per_hour
    if usd_per_hour == old:
        return ledger
    doubt = known_until or moment(0)
    sure = max(doubt, seen_at or doubt)
    parts = _cut(_cut(segments, doubt), sure)
    changed = [
        _billed(one, usd_per_hour, dearer=usd_per_hour > old, sure=sure)
        if one.since >= doubt
        else one
        for one in parts
    ]
    if len(changed) == 1 and record.mark not in ledger.running:
        return ledger  # the record says it all
    return _with_row(ledger, record.mark, changed)


def _cut(segments: Iterable[Segment], at: datetime) -> list[Segment]:
    """The same, none of them on both sides of ``at``."""
    parts: list[Segment] = []
    for one in segments:
        if one.since < at and (one.until is None or at < one.until):
            parts += (replace(one, until=at), replace(one, since=at))
        else:
            parts.append(one)
    return parts


def _billed(segment: Segment, usd_per_hour: Decimal, *, dearer: bool, sure: datetime) -> Segment:
    """A segment since the last look: at the new rate where that is dearer, or sure."""
    if segment.since >= sure:
        return replace(segment, usd_per_hour=usd_per_hour)
    rate = usd_per_hour if dearer else segment.usd_per_hour
    return replace(segment, usd_per_hour=rate, unknown=True)


# --- what a stretch of time costs ----------------------------------------------------------------


def cost_between(segment: Segment, since: datetime, until: datetime) -> Amounts:
    """What ``segment`` costs from ``since`` to ``until``; stretches side by side add up exactly.

    Every second begun counts, half a micro-dollar rounds to even. A running one has no end.
    """
    start = max(since, segment.since)
    end = until if segment.until is None else min(until, segment.until)
    if end <= start:
        return NOTHING
    first, last = _seconds(segment, start), _seconds(segment, end)
    whole = _micro(segment.usd_per_hour, last) - _micro(segment.usd_per_hour, first)
    unknown = whole if segment.unknown else 0
    if segment.stopped:
        return Amounts(stopped=whole, unknown=unknown, seconds=last - first)
    disk = _micro(segment.disk_usd_per_hour, last) - _micro(segment.disk_usd_per_hour, first)
    return Amounts(gpu=whole - disk, disk=disk, unknown=unknown, seconds=last - first)


def _seconds(segment: Segment, until: datetime) -> int:
    """Begun since the segment's start, so that its parts share no second."""
    return -((segment.since - until) // _SECOND)


@lru_cache(maxsize=256)
def _pico(usd_per_hour: Decimal) -> int:
    return int(usd_per_hour.scaleb(_PICO).to_integral_value(ROUND_HALF_EVEN))


def _micro(usd_per_hour: Decimal, seconds: int) -> int:
    """Micro-dollars, half-even."""
    whole, rest = divmod(_pico(usd_per_hour) * seconds, _PICO_HOURS_PER_MICRO)
    twice = 2 * rest
    up = twice > _PICO_HOURS_PER_MICRO or (twice == _PICO_HOURS_PER_MICRO and whole % 2)
    return whole + 1 if up else whole


def total_of(segments: Iterable[Segment], since: datetime, until: datetime) -> Amounts:
    """All of them between two moments."""
    total = NOTHING
    for one in segments:
        total += cost_between(one, since, until)
    return total


def spent_on(record: InstanceRecord, ledger: Ledger, now: datetime) -> Decimal:
    """Dollars that a machine has cost until ``now``, at every rate that it had."""
    return total_of(running_segments(record, ledger), moment(0), now).usd
