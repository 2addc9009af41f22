"""Asks every provider what exists. A failed provider is a typed doubt, never an empty list."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from reconciler.model.errors import (
    AnotherInstance,
    AuthenticationFailed,
    InstanceNotFound,
    ProviderError,
)
from reconciler.model.observation import DirectRead, ObservedState, Unknown
from reconciler.waiting import event_loop, in_time, side_by_side

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import timedelta

    from reconciler.clock import Clock
    from reconciler.model.observation import ProviderInventory
    from reconciler.model.record import RecordedState
    from reconciler.providers.base import Provider

    Listed = Callable[[str, ProviderInventory | None], None]
    """Told of each provider twice: when it is asked (None), and what it said. Must not raise."""


async def list_everything(
    providers: Mapping[str, Provider], clock: Clock, told: Listed | None = None
) -> dict[str, ProviderInventory]:
    """One listing per provider, all at once. Never raises for a provider's failure."""
    inventories: dict[str, ProviderInventory] = {}

    async def ask(name: str, provider: Provider) -> None:
        if told is not None:
            told(name, None)
        inventories[name] = await _listing(name, provider, clock)
        if told is not None:
            told(name, inventories[name])

    asked = [partial(ask, name, provider) for name, provider in providers.items()]
    at_hand = all(provider.capabilities.at_hand for provider in providers.values())
    await side_by_side(asked, at_hand=at_hand)
    return dict(sorted(inventories.items()))


async def _listing(name: str, provider: Provider, clock: Clock) -> ProviderInventory:
    started_at = clock.now()
    try:
        deadline = provider.capabilities.call_deadline.total_seconds()
        return await in_time(deadline, provider.list_instances())
    except AuthenticationFailed as error:
        return Unknown(name, started_at, error.what, credentials_refused=True)
    except ProviderError as error:
        return Unknown(name, started_at, error.what)
    except TimeoutError:
        return Unknown(name, started_at, "no answer within the deadline")
    except Exception as error:  # an adapter's own bug must not hide the other providers
        return Unknown(name, started_at, f"its adapter failed with {type(error).__name__}")


async def observe_instances(
    providers: Mapping[str, Provider],
    inventories: Mapping[str, ProviderInventory],
    recorded: RecordedState | None,
    longest: timedelta | None = None,
) -> ObservedState:
    """Listings, plus a direct read of every recorded machine that they do not show.

    A listing of another account than the recorded one becomes Unknown (I14). After ``longest``
    nothing more is read: a hundred machines, each read at its provider's pace, would hold up for
    minutes what has to be destroyed now (I9). The next look goes on.
    """
    pinned = dict(inventories)
    if recorded is not None:
        for name, inventory in inventories.items():
            pinned[name] = _of_pinned_account(inventory, recorded)
    reads = await _read_unlisted(providers, pinned, recorded, longest) if recorded else {}
    windows = {name: one.capabilities.visibility_window for name, one in providers.items()}
    intervals = {name: one.capabilities.destroy_interval for name, one in providers.items()}
    return ObservedState(
        inventories=pinned, reads=reads, visibility=windows, destroy_intervals=intervals
    )


def _of_pinned_account(inventory: ProviderInventory, recorded: RecordedState) -> ProviderInventory:
    pin = recorded.providers.get(inventory.provider)
    if isinstance(inventory, Unknown) or pin is None or pin.account in (None, inventory.account):
        return inventory
    return Unknown(
        inventory.provider,
        inventory.started_at,
        f"this is account {inventory.account}, the state belongs to account {pin.account}",
        credentials_refused=True,
        wrong_account=True,
    )


async def _read_unlisted(
    providers: Mapping[str, Provider],
    inventories: Mapping[str, ProviderInventory],
    recorded: RecordedState,
    longest: timedelta | None,
) -> dict[tuple[str, str], DirectRead]:
    listed = {
        name: {found.id for found in inventory.instances} for name, inventory in inventories.items()
    }
    readable = {
        (record.provider, record.instance_id)
        for record in recorded.instances.values()
        if record.instance_id not in listed.get(record.provider, ())
        and record.provider in providers
        and not _wrong_account(inventories.get(record.provider))
    }
    return await read_instances(providers, readable, longest)


def _wrong_account(inventory: ProviderInventory | None) -> bool:
    return isinstance(inventory, Unknown) and inventory.wrong_account


async def read_instances(
    providers: Mapping[str, Provider],
    ids: Iterable[tuple[str, str]],
    longest: timedelta | None = None,
) -> dict[tuple[str, str], DirectRead]:
    """A direct read of each (provider, id), within each provider's limit of parallel calls; those
    that are not answered after ``longest`` are put off.
    """
    reads: dict[tuple[str, str], DirectRead] = {}
    wanted = sorted(ids)
    if not wanted:
        return reads
    await event_loop()
    import anyio

    limits: dict[str, anyio.CapacityLimiter] = {}

    async def read(key: tuple[str, str]) -> None:
        provider = providers[key[0]]
        async with limits[key[0]]:
            reads[key] = await direct_read(provider, key[1])

    with anyio.move_on_after(longest.total_seconds() if longest else None):
        async with anyio.create_task_group() as tasks:
            for key in wanted:
                parallel = providers[key[0]].capabilities.parallel_calls
                limits.setdefault(key[0], anyio.CapacityLimiter(parallel))
                tasks.start_soon(read, key)
    late = DirectRead(why="there was no time to ask", put_off=True)
    return {key: reads.get(key, late) for key in wanted}


async def direct_read(provider: Provider, instance_id: str) -> DirectRead:
    """Ask for one machine. A failure says nothing about it."""
    try:
        deadline = provider.capabilities.call_deadline.total_seconds()
        return DirectRead(instance=await in_time(deadline, provider.get_instance(instance_id)))
    except InstanceNotFound as error:
        return DirectRead(not_found=True, ended_at=error.ended_at)
    except AnotherInstance as error:
        return DirectRead(why=error.what, other_id=error.other_id)
    except ProviderError as error:
        return DirectRead(why=error.what)
    except TimeoutError:
        pass
    return DirectRead(why="no answer within the deadline")
