"""What applying the documents does to the leases (SPEC.md section 12, 2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.mark import parse_mark
from reconciler.model.plan import LeaseChange
from reconciler.model.quantity import NEVER, format_duration
from reconciler.model.record import LeaseEnding, LeaseRecord
from reconciler.planning.succession import has_successions

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from reconciler.model.fleet import Fleet
    from reconciler.model.office_hours import OfficeHours
    from reconciler.model.record import InstanceRecord, RecordedState


def has_ended(lease: LeaseRecord | None, now: datetime) -> bool:
    """True when no machine may live under this lease any more."""
    end = lease.ends_at if lease is not None else None
    return end is not None and end <= now


def lease_after_apply(
    fleet: Fleet, recorded: LeaseRecord | None, now: datetime, *, renew: bool, occupied: bool
) -> LeaseRecord:
    """The lease as it stands once ``fleet`` is applied.

    ``occupied``: machines of the fleet exist. An ended lease stays ended unless ``renew``, except
    after ``destroy``, where the next apply opens a new one. Applying unchanged documents changes
    nothing, an extension included. Fleets with office hours: ``window_leases.lease_in_hours``.
    """
    if recorded is None:
        return lease_of(fleet, None, None)
    if has_ended(recorded, now):
        destroyed = recorded.ended_by is LeaseEnding.DESTROYED
        if renew or destroyed:
            return lease_of(fleet, now if renew and occupied else None, recorded)
        return without_schedule(recorded)
    if is_applied(fleet, recorded):
        return recorded
    moved = _terms_moved(fleet, recorded)
    return lease_of(fleet, recorded.started_at, recorded).with_(
        extended_to=None if moved else recorded.extended_to
    )


def is_applied(fleet: Fleet, recorded: LeaseRecord) -> bool:
    """True when nothing that a lease takes from its fleet has changed."""
    return (
        not _terms_moved(fleet, recorded)
        and (fleet.active is None or same_terms(recorded, fleet.active))
        and recorded.grace == fleet.grace
        and recorded.target == fleet.nodes.target
        and recorded.maximum == fleet.nodes.maximum
        and fleet.prevent_destroy in (None, recorded.prevent_destroy)
        and recorded.team == fleet.team
        and recorded.owner == fleet.owner
        and recorded.labels == fleet.labels
        and recorded.weight == fleet.weight
    )


def _terms_moved(fleet: Fleet, recorded: LeaseRecord) -> bool:
    """Whether the documents say something else of when it ends than what was applied."""
    if fleet.active is not None:
        return not same_hours(recorded, fleet.active)
    return (
        recorded.hours is not None
        or recorded.ttl != fleet.ttl
        or recorded.expires_at != fleet.expires_at
    )


def same_hours(lease: LeaseRecord, active: OfficeHours) -> bool:
    """True when these are the office hours that were applied."""
    known = lease.hours
    return known is not None and (known.text, known.time_zone, known.until) == (
        active.text,
        active.zone.name,
        active.until,
    )


def same_terms(lease: LeaseRecord, active: OfficeHours) -> bool:
    """True when its windows buy what was applied."""
    return lease.hours is not None and lease.hours.terms == active.terms


def without_schedule(lease: LeaseRecord) -> LeaseRecord:
    """``lease`` of a fleet that was applied without its office hours, or not at all: no loop opens
    another window of theirs until they are applied again.
    """
    if lease.hours is None or not lease.hours.terms:
        return lease
    return lease.with_(hours=lease.hours.with_(terms=""))


def ends_otherwise(fleet: Fleet, recorded: LeaseRecord) -> datetime | None:
    """When the documents end this started lease, where they say something else than what was
    applied; None where they do not. ``fleet`` as it is at this hour (``at_this_hour``).
    """
    if recorded.started_at is None or not _terms_moved(fleet, recorded):
        return None
    if fleet.active is not None:
        return fleet.expires_at
    return fleet.lease_end(recorded.started_at)


def lease_of(fleet: Fleet, started_at: datetime | None, before: LeaseRecord | None) -> LeaseRecord:
    """A lease with the terms of ``fleet``; ``before`` is the one whose place it takes."""
    protected = fleet.prevent_destroy
    if protected is None:
        # Deleting the block does not lift the protection (SPEC.md section 2, ``lifecycle``).
        protected = before is not None and before.prevent_destroy
    return LeaseRecord.model_construct(
        fleet=fleet.name,
        ttl=fleet.ttl,
        expires_at=fleet.expires_at,
        grace=fleet.grace,
        target=fleet.nodes.target,
        maximum=fleet.nodes.maximum,
        prevent_destroy=protected,
        team=fleet.team,
        owner=fleet.owner,
        labels=dict(sorted(fleet.labels.items())),
        weight=fleet.weight,
        started_at=started_at,
    )


def planned_end(lease: LeaseRecord, now: datetime) -> datetime:
    """When the lease ends, or would end if its first machine existed now; ``NEVER`` for no end."""
    known = lease.ends_at
    if known is not None:
        return known
    if lease.expires_at == NEVER:
        return NEVER
    end = now + lease.ttl
    return end if lease.expires_at is None else min(end, lease.expires_at)


def end_of(record: InstanceRecord, state: RecordedState) -> datetime:
    """When the machine ends at the latest, maybe ``NEVER``: by its lease, else by its own mark."""
    lease = state.leases.get(record.fleet)
    if lease is not None:
        return machine_end(lease, record.created_at)
    mark = parse_mark(record.mark)
    return mark.end if mark else record.created_at


def is_of_earlier_window(lease: LeaseRecord, created_at: datetime) -> bool:
    """Whether a machine that was made then belongs to office hours that are over: the lease of the
    window at hand is not its own.
    """
    begins_at = lease.begins_at if lease.hours is not None else None
    return begins_at is not None and created_at < begins_at


def machine_end(lease: LeaseRecord, created_at: datetime) -> datetime:
    """When a machine that was made then ends under ``lease``, maybe ``NEVER``."""
    end = planned_end(lease, created_at)
    if is_of_earlier_window(lease, created_at):
        assert lease.begins_at is not None
        return min(end, lease.begins_at)
    return end


def describe_change(before: LeaseRecord | None, after: LeaseRecord | None) -> LeaseChange | None:
    """What a reader should know about the change, or None when nothing changes."""
    if before is after or before == after:
        return None
    named = before or after
    assert named is not None
    lines = _lines(before, after) if before and after else _first_lines(after)
    return LeaseChange(named.fleet, before, after, lines)


def _first_lines(after: LeaseRecord | None) -> tuple[str, ...]:
    """Of a new fleet its machines are shown; its office hours may come without any."""
    if after is None or after.hours is None:
        return ()
    return tuple(_hours_lines(None, after))


def _lines(before: LeaseRecord, after: LeaseRecord) -> tuple[str, ...]:
    lines: list[str] = []
    if before.hours is not None or after.hours is not None:
        lines += _hours_lines(before, after)
        ends_moved = after.ends_at is not None and before.ends_at != after.ends_at
        if ends_moved and before.ends_at is not None:
            lines.append(f"lease end {_utc(before.ends_at)} -> {_utc(after.ends_at)}")
    elif before.ends_at is not None and before.ends_at != after.ends_at:
        lines.append(f"lease end {_utc(before.ends_at)} -> {_utc(after.ends_at)}")
    elif before.ttl != after.ttl:
        lines.append(f"ttl {format_duration(before.ttl)} -> {format_duration(after.ttl)}")
    if before.grace != after.grace:
        lines.append(f"grace {format_duration(before.grace)} -> {format_duration(after.grace)}")
    for attribute in ("target", "maximum", "prevent_destroy", "team", "owner", "labels", "weight"):
        old, new = getattr(before, attribute), getattr(after, attribute)
        if old != new:
            lines.append(f"{attribute} {old} -> {new}")
    return tuple(lines)


def _hours_lines(before: LeaseRecord | None, after: LeaseRecord) -> list[str]:
    """What changes about hours and windows, a line each."""
    old, new = before.hours if before else None, after.hours
    if new is None:
        return ["no office hours any more"] if old else []
    lines = []
    terms = (new.text, new.time_zone, new.until)
    if old is None or (old.text, old.time_zone, old.until) != terms:
        until = f"{new.until:%Y-%m-%d %H:%M} UTC"
        lines.append(f"office hours {new.text} {new.time_zone} until {until}")
    window = (new.opens_at, new.closes_at)
    moved = old is None or (old.opens_at, old.closes_at) != window
    renewed = before is not None and before.started_at is not None and after.started_at is None
    if new.opens_at and new.closes_at and (moved or renewed):
        lines.append(f"window {new.opens_at:%Y-%m-%d %H:%M} - {new.closes_at:%Y-%m-%d %H:%M} UTC")
    if old is not None and old.terms != new.terms:
        again = "its windows buy what the documents say now"
        lines.append(again if new.terms else "no window opens before its hours are applied again")
    if before is not None and before.ended_by is LeaseEnding.DESTROYED and not lines:
        lines.append("opened again by its next window")
    return lines


def _utc(moment: datetime | None) -> str:
    if moment == NEVER:
        return "never"
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC" if moment is not None else "(a new lease)"


def next_deadline(state: RecordedState, now: datetime, tick: timedelta) -> datetime | None:
    """The earliest moment after ``now`` at which a later pass has something to do.

    A lease ends, an announced destroy is due, or, a tick from now, a proof may be complete or a
    successor ready.
    """
    living = {record.fleet for record in state.instances.values() if record.doom is None}
    ends = [lease.ends_at for name, lease in state.leases.items() if name in living]
    moments = [end for end in ends if end not in (None, NEVER)]
    moments += [notice.due_at for notice in state.notices.values()]
    moments += [one.ends_at for one in state.let_go.values() if one.ends_at != NEVER]
    unproven = any(record.doom or record.absence for record in state.instances.values())
    unproven = unproven or has_successions(state)
    if unproven or any(intent.blocks_slot for intent in state.intents.values()):
        moments.append(now + tick)
    return min((moment for moment in moments if moment > now), default=None)
