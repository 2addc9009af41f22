"""Asks providers what can be rented now."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from reconciler.model.errors import ProviderError, RateLimited
from reconciler.model.offer import OfferBook, OfferListing
from reconciler.providers.base import OfferQuery
from reconciler.waiting import in_time, side_by_side

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from reconciler.clock import Clock
    from reconciler.inventory.kept_offers import KeptOffers
    from reconciler.model.fleet import Fleet
    from reconciler.providers.base import Provider


def query_of(fleets: Sequence[Fleet], *, fresh: bool = False) -> OfferQuery:
    """What ``fleets`` may take, and as little more as a query can say."""
    wanted = [requirement for fleet in fleets for requirement in fleet.resources.gpu]
    any_model = any(not requirement.models for requirement in wanted)
    return OfferQuery(
        models=frozenset()
        if any_model
        else frozenset(model for requirement in wanted for model in requirement.models),
        kinds=frozenset().union(*(fleet.kinds for fleet in fleets)),
        gpu_counts=frozenset(requirement.count for requirement in wanted),
        fresh=fresh,
    )


async def collect_offers(
    providers: Mapping[str, Provider],
    query: OfferQuery,
    clock: Clock,
    kept: KeptOffers | None = None,
) -> OfferBook:
    """One listing per provider, all at once.

    A provider that fails is in the book with its reason and without offers. ``kept``: what earlier
    searches found, for providers that allow few.
    """
    listings: dict[str, OfferListing] = {}

    async def ask(name: str, provider: Provider) -> None:
        if kept is None or not provider.capabilities.offers_keep:
            listings[name] = await _listing(name, provider, query, clock)
        else:
            listings[name] = await _kept_or_listed(name, provider, query, clock, kept)

    asked = [partial(ask, name, provider) for name, provider in providers.items()]
    at_hand = all(provider.capabilities.at_hand for provider in providers.values())
    await side_by_side(asked, at_hand=at_hand)
    return OfferBook(tuple(listing for _, listing in sorted(listings.items())))


async def _kept_or_listed(
    name: str, provider: Provider, query: OfferQuery, clock: Clock, kept: KeptOffers
) -> OfferListing:
    from reconciler.inventory.kept_offers import SERVES_AFTER_QUOTA  # most runs search nothing

    if not query.fresh:
        now, longest = clock.now(), provider.capabilities.offers_keep
        found = kept.found(provider, query, now, longest)
        if found is not None:
            return found
    listing = await _listing(name, provider, query, clock)
    now = clock.now()
    if listing.failure is None:
        kept.keep(provider, query, listing)
        return kept.without_failed(provider, listing, now)
    older = None if query.fresh else kept.found(provider, query, now, SERVES_AFTER_QUOTA)
    return listing if older is None or not listing.searches_used_up else older


async def _listing(name: str, provider: Provider, query: OfferQuery, clock: Clock) -> OfferListing:
    try:
        deadline = provider.capabilities.call_deadline.total_seconds()
        return await in_time(deadline, provider.list_offers(query))
    except RateLimited as error:
        failed = OfferListing(name, (), {}, clock.now(), failure=error.what)
        return replace(failed, searches_used_up=True)
    except ProviderError as error:
        why = error.what
    except TimeoutError:
        why = "no answer within the deadline"
    return OfferListing(name, (), {}, clock.now(), failure=why)
