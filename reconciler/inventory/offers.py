"""Asks providers what can be rented now."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio

from reconciler.model.errors import ProviderError
from reconciler.model.offer import OfferBook, OfferListing
from reconciler.providers.base import OfferQuery

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from reconciler.clock import Clock
    from reconciler.model.fleet import Fleet
    from reconciler.providers.base import Provider


def query_of(fleets: Sequence[Fleet]) -> OfferQuery:
    """What ``fleets`` may take, and as little more as a query can say."""
    wanted = [requirement for fleet in fleets for requirement in fleet.resources.gpu]
    any_model = any(not requirement.models for requirement in wanted)
    return OfferQuery(
        models=frozenset()
        if any_model
        else frozenset(model for requirement in wanted for model in requirement.models),
        kinds=frozenset(fleet.spot for fleet in fleets),
        gpu_counts=frozenset(requirement.count for requirement in wanted),
    )


async def collect_offers(
    providers: Mapping[str, Provider], query: OfferQuery, clock: Clock
) -> OfferBook:
    """One listing per provider, all at once.

    A provider that fails is in the book with its reason and without offers.
    """
    listings: dict[str, OfferListing] = {}

    async def ask(name: str, provider: Provider) -> None:
        listings[name] = await _listing(name, provider, query, clock)

    async with anyio.create_task_group() as tasks:
        for name, provider in providers.items():
            tasks.start_soon(ask, name, provider)
    return OfferBook(tuple(listing for _, listing in sorted(listings.items())))


async def _listing(name: str, provider: Provider, query: OfferQuery, clock: Clock) -> OfferListing:
    try:
        with anyio.fail_after(provider.capabilities.call_deadline.total_seconds()):
            return await provider.list_offers(query)
    except ProviderError as error:
        why = error.what
    except TimeoutError:
        why = "no answer within the deadline"
    return OfferListing(name, (), {}, clock.now(), failure=why)
