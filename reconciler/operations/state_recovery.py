"""``state restore`` and ``state rebuild``: a state put together again. No machine is touched."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.execution.journal import Journal
from reconciler.inventory.observe import list_everything, observe_instances
from reconciler.model.errors import ProviderError, StateConflict, UnsafePlan, UsageRefused
from reconciler.model.observation import Complete, Unknown
from reconciler.model.state_change import Rebuilding, Recovered, Restoring
from reconciler.operations.look import later, read_clocks
from reconciler.operations.provider_pins import pins_of
from reconciler.planning.classification import classify_instances
from reconciler.planning.restoration import rebuilding, restoration
from reconciler.planning.state_edits import taken_in

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from pathlib import Path

    from reconciler.model.observation import ObservedState
    from reconciler.model.record import RecordedState
    from reconciler.model.state_change import Backup
    from reconciler.operations.workspace import Workspace
    from reconciler.statefile.backend import Found

_SERIALS_SKIPPED = 1000
"""Left free where the last version is not the one that stands there, so that its serial is unknown:
no writer that was stopped then takes what is stored now for what it knows.
"""


async def restore_state(
    workspace: Workspace,
    what: int | Path,
    approve: Callable[[Restoring], Awaitable[bool]],
    *,
    lock_timeout_seconds: float,
) -> RecordedState | None:
    """Bring back the backup with that serial, or a state in a file; None when nobody agreed.

    It gets a new serial, and what the newest readable version knows of machines stays. Raises
    ``UsageRefused`` when there is no such backup, ``StateError`` for one that cannot be used,
    ``UnsafePlan`` when another lineage's machines would be forgotten, ``StateConflict`` when the
    state changed while somebody was asked.
    """
    found = workspace.backend.find()
    backups = workspace.backend.backups()
    chosen = _chosen(workspace, what, backups, found)
    _refuse_other_lineage(found, chosen)
    workspace.refuse_other_host(found.state or chosen)
    serial = _next_serial(chosen, found, backups)
    newest = _newest(chosen, found, backups)
    planned = restoration(chosen, newest, serial, workspace.clock.now())
    if not await approve(Restoring(chosen, planned, found.problem)):
        return None
    with workspace.backend.lock("state restore", timeout_seconds=lock_timeout_seconds):
        state = planned.state.with_(host=workspace.host)
        return workspace.backend.replace(state, found=found)


def _chosen(
    workspace: Workspace, what: int | Path, backups: tuple[Backup, ...], found: Found
) -> RecordedState:
    if not isinstance(what, int):
        return workspace.backend.load(what)
    good = [one.state for one in backups if one.state is not None and one.state.serial == what]
    good = [one for one in good if one.workspace == workspace.name]
    if found.state is not None:
        good = [one for one in good if one.lineage == found.state.lineage] or good
    if len({one.lineage for one in good}) == 1:
        return good[0]
    if good:
        raise UsageRefused(
            f"backups of several states have serial {what}", fix="name the file instead"
        )
    raise UsageRefused(
        f"there is no good backup with serial {what}", fix="gpu-shopper state history"
    )


def _refuse_other_lineage(found: Found, chosen: RecordedState) -> None:
    state = found.state
    if state is None or state.lineage == chosen.lineage:
        return
    count = len(state.instances) + len(state.intents) + len(state.let_go)
    if count:
        raise UnsafePlan(
            f"the state that is there is another one and records {count} machine(s)",
            why="they would be forgotten while they are billed",
            fix="destroy them first, or give the two states two directories",
        )


def _relatives(
    chosen: RecordedState, found: Found, backups: tuple[Backup, ...]
) -> Iterator[RecordedState]:
    for state in (found.state, *(one.state for one in backups)):
        if state is not None and state.lineage == chosen.lineage:
            yield state


def _next_serial(chosen: RecordedState, found: Found, backups: tuple[Backup, ...]) -> int:
    known = [one.serial for one in _relatives(chosen, found, backups)]
    serial = max(chosen.serial, found.serial_hint, found.told_serial, *known)
    there = found.state if found.state and found.state.lineage == chosen.lineage else None
    is_last = there is not None and max(*known, found.told_serial - 1) <= there.serial
    return serial + 1 + (0 if is_last else _SERIALS_SKIPPED)


def _newest(
    chosen: RecordedState, found: Found, backups: tuple[Backup, ...]
) -> RecordedState | None:
    relatives = (one for one in _relatives(chosen, found, backups) if one != chosen)
    return max(relatives, key=lambda one: one.serial, default=None)


async def rebuild_state(
    workspace: Workspace,
    approve: Callable[[Recovered], Awaitable[bool]],
    *,
    lock_timeout_seconds: float,
) -> Recovered | None:
    """Record the machines that carry this workspace's name and that no record covers; None when
    nobody agreed. Where there is no state, that makes one; where one is that cannot be used, also
    without any machine: else no command could ever go on.

    Raises ``ProviderError`` (8) unless every provider was read in full: a machine that was not
    seen would be bought again.
    """
    found = workspace.backend.find()
    workspace.refuse_other_host(found.state)
    base = found.state or workspace.fresh_state()
    observed = await _everything(workspace, base)
    strangers = classify_instances(base, observed).strangers
    planned = rebuilding(base, strangers, workspace.desired, workspace.clock.now())
    backup = None if found.state else _newest_good(workspace)
    rolled_back = base.rolled_back is not None
    recovered = Recovered(planned, found.state is None, backup, rolled_back, found.problem)
    if not (planned.records or rolled_back or found.problem):
        return recovered
    if not await approve(recovered):
        return None
    with workspace.backend.lock("state rebuild", timeout_seconds=lock_timeout_seconds):
        await _record(workspace, base, planned, observed, found)
    return recovered


async def _everything(workspace: Workspace, base: RecordedState) -> ObservedState:
    inventories = await list_everything(workspace.providers, workspace.clock)
    # A clock that is wrong now would begin the leases of what is found at that time.
    _, moved = read_clocks(workspace, base)
    inventories = {name: later(one, moved) for name, one in inventories.items()}
    observed = await observe_instances(workspace.providers, inventories, base)
    for name, inventory in observed.inventories.items():
        if not isinstance(inventory, Complete):
            raise ProviderError(
                name,
                "its listing is not complete, so nothing was rebuilt",
                why=inventory.why,
                fix="run it again when the provider answers",
            )
    return observed


def _newest_good(workspace: Workspace) -> RecordedState | None:
    states = (one.state for one in workspace.backend.backups())
    mine = (one for one in states if one is not None and one.workspace == workspace.name)
    return next(mine, None)


async def _record(
    workspace: Workspace,
    base: RecordedState,
    planned: Rebuilding,
    observed: ObservedState,
    found: Found,
) -> None:
    change = taken_in(planned.records, planned.leases, whole=not planned.left_out)
    if found.state is not None:
        if workspace.backend.find().version != found.version:
            raise StateConflict(
                f"{workspace.backend.location}: the state changed while somebody was asked; "
                "nothing was written",
                fix="run the command again",
            )
        await Journal(workspace.backend, base, stored=True).commit(change)
        return
    accounts = {
        name: one.account
        for name, one in observed.inventories.items()
        if not isinstance(one, Unknown)
    }
    serial = max(base.serial, found.serial_hint, found.told_serial) + 1
    state = change(base).with_(
        providers=pins_of(workspace.desired, accounts), serial=serial, decided_serial=serial
    )
    workspace.backend.replace(state, found=found)
