"""Asks every provider for volumes that are billed apart from machines."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio

from reconciler.model.errors import ProviderError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.model.volume import Volume
    from reconciler.providers.base import Provider


async def list_all_volumes(
    providers: Mapping[str, Provider],
) -> tuple[tuple[Volume, ...], tuple[str, ...]]:
    """Of all that list any, by provider and id; and which providers could not tell, and why."""
    found: dict[str, tuple[Volume, ...]] = {}
    doubts: dict[str, str] = {}

    async def ask(name: str, provider: Provider) -> None:
        try:
            with anyio.fail_after(provider.capabilities.call_deadline.total_seconds()):
                found[name] = await provider.list_volumes()
        except ProviderError as error:
            doubts[name] = error.what
        except TimeoutError:
            doubts[name] = "no answer within the deadline"

    async with anyio.create_task_group() as tasks:
        for name, provider in providers.items():
            if provider.capabilities.lists_volumes:
                tasks.start_soon(ask, name, provider)
    volumes = [one for name in sorted(found) for one in sorted(found[name], key=lambda v: v.id)]
    return tuple(volumes), tuple(f"{name}: volumes: {why}" for name, why in sorted(doubts.items()))
