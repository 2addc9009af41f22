"""A state put together again: from an older version, or from the marks that machines carry.

Knowledge only grows (RELIABILITY.md I28): what a newer version knows of machines, creates and
leases is kept beside what the older one brings back.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from reconciler.model.cost import ZERO
from reconciler.model.mark import parse_mark
from reconciler.model.pins import RolledBack
from reconciler.model.quantity import NEVER
from reconciler.model.record import InstanceRecord, LeaseRecord, LetGo
from reconciler.model.state_change import LeftOut, Rebuilding, Restoration
from reconciler.planning import ledger as books
from reconciler.planning.leases import end_of, lease_after_apply

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from reconciler.model.address import Slot
    from reconciler.model.fleet import DesiredState
    from reconciler.model.mark import Mark
    from reconciler.model.plan import Stranger
    from reconciler.model.record import RecordedState

_DEFAULT_GRACE = timedelta(minutes=10)


def restoration(
    chosen: RecordedState, newest: RecordedState | None, serial: int, now: datetime
) -> Restoration:
    """``chosen`` under ``serial``, with all that ``newest`` knows of the same lineage.

    ``newest`` is the newest version that can be read; None when that is ``chosen`` itself.
    """
    back = RolledBack(since=now, serial=chosen.serial, why="state restore")
    if newest is None or newest.lineage != chosen.lineage:
        state = chosen.with_(serial=serial, decided_serial=serial, rolled_back=back)
        return Restoration(state, (), ())
    older, newer = (chosen, newest) if chosen.serial < newest.serial else (newest, chosen)
    kept = tuple(one for mark, one in newest.instances.items() if mark not in chosen.instances)
    returning = [one for mark, one in older.instances.items() if mark not in newer.instances]
    taken = {one.slot for one in newer.instances.values()}
    beside = tuple(one for one in returning if one.slot in taken)
    state = _merged(older, newer, returning, beside, now)
    state = state.with_(serial=serial, decided_serial=serial, rolled_back=back)
    return Restoration(state, kept, beside)


def _merged(
    older: RecordedState,
    newer: RecordedState,
    returning: Sequence[InstanceRecord],
    beside: Sequence[InstanceRecord],
    now: datetime,
) -> RecordedState:
    free = {one.mark: one for one in returning if one not in beside}
    instances = {**_with_dooms(newer, older), **free}
    aside = {
        one.mark: LetGo(record=one, since=now, ends_at=end_of(one, older))
        for one in beside
        if one.doom is None
    }
    instances |= {one.mark: one for one in beside if one.doom is not None}
    intents = {**older.intents, **newer.intents}
    let_go = {**older.let_go, **newer.let_go, **aside}
    ledger = newer.ledger
    for one in returning:
        # What it cost until it was taken for gone is in the newer ledger already.
        ledger = books.reopened(ledger, one, now)
    return newer.with_(
        ledger=ledger,
        instances=instances,
        intents={mark: one for mark, one in intents.items() if mark not in instances},
        let_go={mark: one for mark, one in let_go.items() if mark not in instances},
        leases={**older.leases, **newer.leases},
        providers={**older.providers, **newer.providers},
        duplicates={**older.duplicates, **newer.duplicates},
        other_ids={**older.other_ids, **newer.other_ids},
        hosts={**older.hosts, **newer.hosts},
    )


def _with_dooms(newer: RecordedState, older: RecordedState) -> dict[str, InstanceRecord]:
    """The newer records; a destroy that was decided in the other version is never taken back."""
    dooms = {mark: one.doom for mark, one in older.instances.items() if one.doom is not None}
    return {
        mark: one.with_(doom=dooms[mark]) if mark in dooms and one.doom is None else one
        for mark, one in newer.instances.items()
    }


def rebuilding(
    recorded: RecordedState,
    strangers: Iterable[Stranger],
    desired: DesiredState | None,
    now: datetime,
) -> Rebuilding:
    """Records for the machines that carry our workspace's name and that no record covers.

    A slot is given to one machine alone: the one whose mark ends last, unless it is taken. What
    was extended is not in a mark, so a lease ends when the last of its machines' marks does.
    """
    taken = {one.slot for one in recorded.instances.values()}
    records: list[InstanceRecord] = []
    left_out = []
    ends: dict[str, datetime] = {}
    for stranger, mark in _ours(strangers):
        record = _record(stranger, mark, now)
        why = _reason_against(stranger, record.slot, taken)
        if why:
            left_out.append(LeftOut(stranger, why))
            continue
        taken.add(record.slot)
        records.append(record)
        ends[mark.fleet] = max(mark.end, ends.get(mark.fleet, mark.end))
    leases = [
        _lease(name, end, records, desired)
        for name, end in sorted(ends.items())
        if name not in recorded.leases
    ]
    records.sort(key=lambda one: (one.slot, one.mark))
    return Rebuilding(tuple(records), tuple(leases), tuple(left_out))


_OURS = frozenset({"orphaned", "other-lineage", "other-id", "duplicate"})


def _ours(strangers: Iterable[Stranger]) -> list[tuple[Stranger, Mark]]:
    """Those of our name, the ones that end last first; always in the same order."""
    found = []
    for stranger in strangers:
        mark = parse_mark(stranger.instance.label)
        if mark is not None and stranger.kind in _OURS:
            found.append((stranger, mark))
    found.sort(key=lambda one: (one[0].instance.provider, one[0].instance.id))
    return sorted(found, key=lambda one: one[1].end, reverse=True)


def _reason_against(stranger: Stranger, slot: Slot, taken: set[Slot]) -> str:
    if stranger.kind in ("duplicate", "other-id"):
        return "another machine carries the same mark"
    return f"{slot} is taken by another machine" if slot in taken else ""


def _record(stranger: Stranger, mark: Mark, now: datetime) -> InstanceRecord:
    instance = stranger.instance
    return InstanceRecord.model_construct(
        fleet=mark.fleet,
        index=mark.index,
        provider=instance.provider,
        instance_id=instance.id,
        mark=str(mark),
        specification=None,
        ceiling_usd_per_hour=None,
        usd_per_hour=ZERO if instance.usd_per_hour is None else instance.usd_per_hour,
        created_at=min(now, instance.begun_at or now),
    )


def _lease(
    name: str, end: datetime, records: Sequence[InstanceRecord], desired: DesiredState | None
) -> LeaseRecord:
    """In the words of the documents where they declare the fleet, so that no apply moves it."""
    mine = [one for one in records if one.fleet == name]
    started = min(end, *(one.created_at for one in mine))
    fleet = desired.fleets.get(name) if desired else None
    if fleet is not None:
        if fleet.active is not None:
            from reconciler.planning.window_leases import lease_in_hours  # most have no hours

            held = [one.index for one in mine]
            opened = lease_in_hours(fleet, fleet.active, None, started, renew=False, held=held)
        else:
            opened = lease_after_apply(fleet, None, started, renew=False, occupied=True)
        return opened.with_(started_at=started, extended_to=end)
    return LeaseRecord(
        fleet=name,
        ttl=max(end - started, timedelta(seconds=1)),
        expires_at=NEVER if end == NEVER else None,
        grace=_DEFAULT_GRACE,
        target=len(mine),
        maximum=max(one.index for one in mine) + 1,
        started_at=started,
        extended_to=end,
    )
