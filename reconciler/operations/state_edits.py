"""``state mv``, ``rm`` and ``resolve``: what a person changes in the records. No machine is
touched, and the lock is not held while somebody is asked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.execution.journal import Journal
from reconciler.inventory.observe import direct_read, list_everything, observe_instances
from reconciler.model.cost import ZERO
from reconciler.model.errors import ProviderError, StateConflict, UnsafePlan, UsageRefused
from reconciler.model.mark import parse_mark
from reconciler.model.observation import Complete, Unknown
from reconciler.model.plan import Forget
from reconciler.model.state_change import LettingGo, Moved, Resolution
from reconciler.operations.lease_verbs import read_state
from reconciler.planning import departures, state_edits, transitions
from reconciler.planning.absence import Presence
from reconciler.planning.classification import carries_another_mark, classify_instances
from reconciler.planning.leases import end_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import datetime

    from reconciler.model.address import Address, Slot
    from reconciler.model.instance import Instance
    from reconciler.model.observation import ObservedState
    from reconciler.model.record import InstanceRecord, PendingCreate, RecordedState
    from reconciler.operations.workspace import Workspace
    from reconciler.planning.transitions import Change

_LISTED = "gpu-shopper state list"


async def move_records(
    workspace: Workspace, source: Address, target: Address, *, lock_timeout_seconds: float
) -> Moved:
    """Call what is recorded at ``source`` ``target`` from now on.

    Raises ``UsageRefused`` for a source where nothing is or a mix of fleet and slot, and
    ``UnsafePlan`` where the target is taken: two machines never come to share a slot.
    """
    if (source.index is None) != (target.index is None):
        raise UsageRefused(f"{source} and {target} are not of one kind", fix="a fleet or two slots")
    with workspace.backend.lock("state mv", timeout_seconds=lock_timeout_seconds):
        recorded = read_state(workspace, to_change=True)
        mine = state_edits.records_at(recorded, source)
        intents = state_edits.intents_at(recorded, source)
        leased = source.index is None and source.fleet in recorded.leases
        if not mine and not intents and not leased:
            raise UsageRefused(f"nothing is recorded at {source}", fix=_LISTED)
        why = state_edits.move_refusal(recorded, source, target, workspace.clock.now())
        if why:
            raise UnsafePlan(f"{source} cannot become {target}: {why}", fix=_LISTED)
        state = await _commit(workspace, recorded, state_edits.moved(source, target))
    lease = state.leases.get(target.fleet)
    return Moved(
        len(mine) + len(intents), _is_declared(workspace, target), lease.ends_at if lease else None
    )


def _is_declared(workspace: Workspace, target: Address) -> bool | None:
    if workspace.desired is None:
        return None
    fleet = workspace.desired.fleets.get(target.fleet)
    return fleet is not None and (target.index or 0) < fleet.nodes.maximum


async def _commit(workspace: Workspace, recorded: RecordedState, change: Change) -> RecordedState:
    journal = Journal(workspace.backend, recorded, stored=True)
    await journal.commit(change)
    return journal.state


async def let_go(
    workspace: Workspace,
    address: Address,
    approve: Callable[[LettingGo], Awaitable[bool]],
    *,
    lock_timeout_seconds: float,
) -> LettingGo | None:
    """Forget the machines at ``address``, once somebody agrees: they go on being billed, and are
    destroyed at their end only. None when nobody agreed.

    Raises ``UsageRefused`` where nothing is recorded, ``UnsafePlan`` for an unresolved create or a
    machine that is being destroyed, ``StateConflict`` when the state changed meanwhile.
    """
    before = read_state(workspace, to_change=True)
    letting = _letting_go(before, address)
    if not await approve(letting):
        return None
    with workspace.backend.lock("state rm", timeout_seconds=lock_timeout_seconds):
        recorded = read_state(workspace, to_change=True)
        if _letting_go(recorded, address) != letting:
            raise _moved_on(workspace)
        now = workspace.clock.now()
        await _commit(workspace, recorded, state_edits.let_go(address, now))
    return letting


def _letting_go(recorded: RecordedState, address: Address) -> LettingGo:
    mine = state_edits.records_at(recorded, address)
    why = state_edits.removal_refusal(recorded, address)
    if why:
        raise UnsafePlan(
            f"{address} cannot be forgotten: {why}",
            fix="destroy it, give its fleet an end, or let the loop settle it; if you know more: "
            "gpu-shopper state resolve",
        )
    if not mine:
        raise UsageRefused(f"no machine is recorded at {address}", fix=_LISTED)
    machines = tuple((one, end_of(one, recorded)) for one in mine)
    return LettingGo(machines, sum((one.usd_per_hour for one in mine), ZERO))


def _moved_on(workspace: Workspace) -> StateConflict:
    return StateConflict(
        f"{workspace.backend.location}: what was shown is no longer so; nothing was written",
        fix="run the command again",
    )


async def resolve_absent(
    workspace: Workspace,
    address: Address,
    approve: Callable[[Resolution], Awaitable[bool]],
    *,
    lock_timeout_seconds: float,
) -> Resolution | None:
    """A person has checked that nothing runs there: the slot is free, and the mark is watched for
    a day. Nothing that a provider shows can be called absent. None when nobody agreed.

    Raises ``UnsafePlan`` when it is shown, ``UsageRefused`` where nothing is in doubt.
    """
    recorded = read_state(workspace, to_change=True)
    observed = await _observe(workspace, recorded)
    forget, resolution = _in_doubt(recorded, observed, address, workspace.clock.now())
    if not await approve(resolution):
        return None
    with workspace.backend.lock("state resolve", timeout_seconds=lock_timeout_seconds):
        fresh = read_state(workspace, to_change=True)
        if _about(fresh, forget.mark) != _about(recorded, forget.mark):
            raise _moved_on(workspace)
        await _commit(workspace, fresh, departures.forgotten([forget], workspace.clock.now(), {}))
    return resolution


def _about(recorded: RecordedState, mark: str) -> tuple[object, ...]:
    """What is recorded under a mark, apart from evidence that comes and goes."""
    record, intent = recorded.instances.get(mark), recorded.intents.get(mark)
    return (
        record and (record.slot, record.instance_id),
        intent and (intent.slot, intent.watched_until),
    )


async def _observe(workspace: Workspace, recorded: RecordedState) -> ObservedState:
    inventories = await list_everything(workspace.providers, workspace.clock)
    return await observe_instances(workspace.providers, inventories, recorded)


def _in_doubt(
    recorded: RecordedState, observed: ObservedState, address: Address, now: datetime
) -> tuple[Forget, Resolution]:
    """The first thing in doubt at ``address``, a create before a machine."""
    classified = classify_instances(recorded, observed)
    for found in classified.intents:
        intent = found.intent
        if intent.blocks_slot and address.covers(intent.fleet, intent.index):
            if found.instance is not None:
                raise _is_shown(intent.slot, found.instance)
            forget = Forget(intent.slot, intent.mark, intent.provider, "intent", "a person checked")
            return forget, _resolution(intent, "create", recorded, observed, now)
    shown = None
    for sighting in classified.records:
        record = sighting.record
        if not address.covers(record.fleet, record.index):
            continue
        recycled = carries_another_mark(record, sighting.instance)
        if sighting.weighed.presence is Presence.SEEN and not recycled:
            shown = _is_shown(record.slot, sighting.instance)
            continue
        forget = Forget(record.slot, record.mark, record.provider, "record", "a person checked")
        return forget, _resolution(record, "machine", recorded, observed, now)
    raise shown or UsageRefused(f"nothing is in doubt at {address}", fix=_LISTED)


def _is_shown(slot: Slot, instance: Instance | None) -> UnsafePlan:
    machine = f"{instance.provider} {instance.id}" if instance else "its provider"
    return UnsafePlan(
        f"{slot} is not absent: {machine} is there",
        why="what a provider shows is billed",
        fix=f"gpu-shopper destroy {slot}, or gpu-shopper apply to go on with it",
    )


def _resolution(
    entry: InstanceRecord | PendingCreate,
    kind: str,
    recorded: RecordedState,
    observed: ObservedState,
    now: datetime,
) -> Resolution:
    lease = recorded.leases.get(entry.fleet)
    mark = parse_mark(entry.mark)
    end = lease.ends_at if lease is not None and lease.ends_at else mark.end if mark else now
    inventory = observed.inventories.get(entry.provider)
    return Resolution(
        slot=entry.slot,
        provider=entry.provider,
        kind=kind,
        usd_per_hour=entry.usd_per_hour,
        until=max(end, now),
        unasked=_why_unasked(inventory),
    )


def _why_unasked(inventory: object) -> str:
    if isinstance(inventory, Complete):
        return ""
    if isinstance(inventory, Unknown):
        return inventory.why
    return "its listing is not complete" if inventory is not None else "it is not configured"


async def resolve_found(
    workspace: Workspace, slot: Address, instance_id: str, *, lock_timeout_seconds: float
) -> Resolution:
    """A person has found the machine that an unresolved create made: it is recorded.

    Raises ``UsageRefused`` where no create is unresolved, ``ProviderError`` when the provider does
    not confirm that the machine exists, ``UnsafePlan`` when it is another one of ours, or carries
    the mark of another machine.
    """
    with workspace.backend.lock("state resolve", timeout_seconds=lock_timeout_seconds):
        recorded = read_state(workspace, to_change=True)
        intents = state_edits.intents_at(recorded, slot)
        if not intents:
            raise UsageRefused(f"no create is unresolved at {slot}", fix=_LISTED)
        intent = intents[0]
        instance = await _confirmed(workspace, intent, instance_id)
        _refuse_other_machine(recorded, intent, instance)
        now = workspace.clock.now()
        change = transitions.created(intent, instance.id, instance.usd_per_hour, now)
        state = await _commit(workspace, recorded, change)
    record = state.instances[intent.mark]
    return Resolution(
        slot=intent.slot,
        provider=intent.provider,
        kind="create",
        usd_per_hour=record.usd_per_hour,
        until=end_of(record, state),
        unasked="",
        instance_id=instance.id,
    )


async def _confirmed(workspace: Workspace, intent: PendingCreate, instance_id: str) -> Instance:
    provider = workspace.providers.get(intent.provider)
    if provider is None:
        raise UsageRefused(f"no provider {intent.provider} is configured")
    read = await direct_read(provider, instance_id)
    if read.instance is None:
        why = "it says that there is none" if read.not_found else read.why
        raise ProviderError(
            intent.provider, "it does not confirm that this machine exists", why=why
        )
    return read.instance


def _refuse_other_machine(
    recorded: RecordedState, intent: PendingCreate, instance: Instance
) -> None:
    key = (intent.provider, instance.id)
    for record in recorded.instances.values():
        if (record.provider, record.instance_id) == key:
            raise UnsafePlan(f"that machine is recorded already, as {record.slot}", fix=_LISTED)
    found, wanted = parse_mark(instance.label), parse_mark(intent.mark)
    if found is not None and (wanted is None or found.identity != wanted.identity):
        raise UnsafePlan(
            f"that machine carries the mark of another one: {found.address}",
            why="whoever made it decides about it",
            fix="gpu-shopper orphans",
        )
