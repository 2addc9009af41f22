"""What a person does to the state by hand: rename, let go, settle a doubt. No machine is touched.

As in ``transitions`` each is a function from state to state. Whether one may be done is asked
first: the questions here answer with the reason against it, "" for none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from reconciler.model.quantity import NEVER
from reconciler.model.reason import DestroyReason
from reconciler.model.record import Doom, InstanceRecord, LetGo, PendingCreate
from reconciler.planning.leases import end_of, has_ended

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from reconciler.model.address import Address
    from reconciler.model.pins import HostPin
    from reconciler.model.record import LeaseRecord, RecordedState
    from reconciler.planning.transitions import Change

Entry = TypeVar("Entry", InstanceRecord, PendingCreate)


def records_at(state: RecordedState, address: Address) -> list[InstanceRecord]:
    """The machines recorded there, in slot order."""
    found = [one for one in state.instances.values() if address.covers(one.fleet, one.index)]
    return sorted(found, key=lambda one: (one.slot, one.mark))


def intents_at(state: RecordedState, address: Address) -> list[PendingCreate]:
    """The creates without a known outcome there, in slot order."""
    found = [one for one in state.intents.values() if address.covers(one.fleet, one.index)]
    return sorted((one for one in found if one.blocks_slot), key=lambda one: (one.slot, one.mark))


def move_refusal(state: RecordedState, source: Address, target: Address, now: datetime) -> str:
    """Why what is at ``source`` cannot be called ``target``."""
    if source == target:
        return "both are the same address"
    taken = [str(one.slot) for one in records_at(state, target)]
    taken += [f"{one.slot} (an unresolved create)" for one in intents_at(state, target)]
    if taken:
        return f"{taken[0]} is taken" + (f", and {len(taken) - 1} more" if taken[1:] else "")
    lease = state.leases.get(target.fleet)
    if lease is None or source.fleet == target.fleet:
        return ""
    if source.index is None and not has_ended(lease, now):
        return f"fleet.{target.fleet} has a lease of its own"
    if source.index is not None and has_ended(lease, now):
        return f"the lease of fleet.{target.fleet} has ended, so the machine would end at once"
    return ""


def moved(source: Address, target: Address) -> Change:
    """Machines, creates and lease under their new name. Marks, and what they are keyed by, stay."""

    def change(state: RecordedState) -> RecordedState:
        instances = {mark: _renamed(one, source, target) for mark, one in state.instances.items()}
        intents = {mark: _renamed(one, source, target) for mark, one in state.intents.items()}
        leases = _leases_moved(state.leases, source, target)
        return state.with_(instances=instances, intents=intents, leases=leases)

    return change


def _renamed(entry: Entry, source: Address, target: Address) -> Entry:
    if not source.covers(entry.fleet, entry.index):
        return entry
    index = entry.index if target.index is None else target.index
    return entry.with_(fleet=target.fleet, index=index)


def _leases_moved(
    leases: dict[str, LeaseRecord], source: Address, target: Address
) -> dict[str, LeaseRecord]:
    """A fleet takes its lease along; a slot that opens a fleet takes the same terms with it."""
    lease = leases.get(source.fleet)
    if lease is None or source.fleet == target.fleet:
        return leases
    if target.index is None:
        left = {name: one for name, one in leases.items() if name != source.fleet}
        return {**left, target.fleet: lease.with_(fleet=target.fleet)}
    if target.fleet in leases:
        return leases
    opened = lease.with_(fleet=target.fleet, target=1, maximum=target.index + 1)
    return {**leases, target.fleet: opened}


def removal_refusal(state: RecordedState, address: Address) -> str:
    """Why what is at ``address`` cannot be forgotten."""
    if intents_at(state, address):
        return f"{intents_at(state, address)[0].slot} has a create whose outcome is not known"
    for record in records_at(state, address):
        if record.doom is not None:
            return f"{record.slot} is being destroyed, which is not proven yet"
        if end_of(record, state) == NEVER:
            return f"{record.slot} has no end, so nothing would ever destroy it"
    return ""


def let_go(address: Address, now: datetime) -> Change:
    """The records there become what is enforced at its end only; a whole fleet loses its lease."""

    def change(state: RecordedState) -> RecordedState:
        gone = {one.mark: one for one in records_at(state, address)}
        kept = {
            mark: LetGo(record=one, since=now, ends_at=end_of(one, state))
            for mark, one in gone.items()
        }
        leases = state.leases
        if address.index is None:
            leases = {name: one for name, one in leases.items() if name != address.fleet}
        return state.with_(
            instances={mark: one for mark, one in state.instances.items() if mark not in gone},
            notices={mark: one for mark, one in state.notices.items() if mark not in gone},
            let_go={**state.let_go, **kept},
            leases=leases,
        )

    return change


def let_go_ended(now: datetime) -> Change:
    """What was let go and has reached its end is ours once more, to be destroyed."""

    def change(state: RecordedState) -> RecordedState:
        over = {mark: one for mark, one in state.let_go.items() if one.ends_at <= now}
        if not over:
            return state
        doom = Doom.model_construct(reason=DestroyReason.EXPIRED, since=now)
        doomed = {
            mark: one.record.with_(doom=doom, absence=None, succeeds=None)
            for mark, one in over.items()
            if mark not in state.instances
        }
        left = {mark: one for mark, one in state.let_go.items() if mark not in over}
        return state.with_(let_go=left, instances={**state.instances, **doomed})

    return change


def taken_in(
    records: Iterable[InstanceRecord], leases: Iterable[LeaseRecord], *, whole: bool
) -> Change:
    """Machines found by their marks are recorded; a lease that is there already stays.

    ``whole``: nothing of ours is left unknown, so that a roll-back is overcome.
    """
    found = {one.mark: one for one in records}
    opened = {one.fleet: one for one in leases}

    def change(state: RecordedState) -> RecordedState:
        return state.with_(
            instances={**found, **state.instances},
            intents={mark: one for mark, one in state.intents.items() if mark not in found},
            leases={**opened, **state.leases},
            let_go={mark: one for mark, one in state.let_go.items() if mark not in found},
            rolled_back=None if whole else state.rolled_back,
        )

    return change


def host_pinned(host: HostPin, *, take_over: bool) -> Change:
    """The host that changes this state, for good unless it is taken over."""

    def change(state: RecordedState) -> RecordedState:
        pinned = state.host is not None and not take_over
        return state if pinned or state.host == host else state.with_(host=host)

    return change
