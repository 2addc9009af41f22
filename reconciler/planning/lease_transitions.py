"""What becomes of a lease: changed by a plan, ended or extended by a person.

As in ``transitions`` each is a function from state to state, and tolerates a newer one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.record import LeaseEnding
from reconciler.planning.transitions import without

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from reconciler.model.plan import LeaseChange
    from reconciler.model.record import RecordedState
    from reconciler.planning.transitions import Change


def lease_changed(change_of_lease: LeaseChange) -> Change:
    """The lease as the plan leaves it; a start that came in between is kept."""

    def change(state: RecordedState) -> RecordedState:
        name, after = change_of_lease.fleet, change_of_lease.after
        if after is None:
            return state.with_(leases=without(state.leases, name))
        found = state.leases.get(name)
        if found is not None and change_of_lease.before in (None, found.with_(started_at=None)):
            after = after.with_(started_at=after.started_at or found.started_at)
        return state.with_(leases={**state.leases, name: after})

    return change


def lease_ended(fleet: str, by: LeaseEnding, now: datetime) -> Change:
    """A person ended it: what is left of it is destroyed as requested. An end that lies ahead, by
    a clock that was wrong, is moved to ``now``. A destroy is a person's last word whatever ended
    the lease before: no schedule opens another window after it.
    """

    def change(state: RecordedState) -> RecordedState:
        lease = state.leases.get(fleet)
        ended_at = lease.ended_at if lease else None
        if lease is None:
            return state
        if ended_at is None or ended_at > now:
            ended = lease.with_(ended_at=now, ended_by=by)
        elif by is LeaseEnding.DESTROYED and lease.ended_by is not by:
            ended = lease.with_(ended_by=by)
        else:
            return state
        return state.with_(leases={**state.leases, fleet: ended})

    return change


def lease_extended(fleet: str, until: datetime, by: timedelta) -> Change:
    """An absolute end, and every announced soft destroy of the fleet that much later."""

    def change(state: RecordedState) -> RecordedState:
        lease = state.leases.get(fleet)
        if lease is None:
            return state
        marks = {one.mark for one in state.instances.values() if one.fleet == fleet}
        notices = {
            mark: notice.with_(due_at=notice.due_at + by) if mark in marks else notice
            for mark, notice in state.notices.items()
        }
        leases = {**state.leases, fleet: lease.with_(extended_to=until)}
        return state.with_(leases=leases, notices=notices)

    return change
