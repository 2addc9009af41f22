"""The whole life of one machine through one adapter: what a cassette holds, and what plays it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from reconciler.clock import Clock
from reconciler.model.errors import InstanceNotFound
from reconciler.model.instance import Instance
from reconciler.model.mark import Mark, workspace_part
from reconciler.model.observation import Complete
from reconciler.model.offer import Offer
from reconciler.providers.base import CreateRequest, OfferQuery, Provider

GIB = 2**30
MARK = Mark(
    workspace_part("cassette", "c" * 32), "dev", 0, datetime(2030, 1, 1, tzinfo=UTC), "cassette"
)
_POLLS = 60
_PAUSE_SECONDS = 10.0


class Unsuitable(Exception):
    """The account, or what is for rent, is not what a life may be recorded with."""


@dataclass(frozen=True)
class Life:
    """What was seen on the way."""

    account: str
    balance: Decimal | None
    rented: Offer
    fresh: Instance
    ready: Instance
    listed: Instance


async def live(
    provider: Provider, clock: Clock, usd_per_hour_max: Decimal, keys: tuple[str, ...] = ()
) -> Life:
    """Rent the cheapest machine, wait until it is ready, destroy it, wait until it is gone.
    ``keys`` may log in to it: without any an adapter may look for those of the account.

    Whatever happens in between, what was made is destroyed.
    """
    before = await provider.list_instances()
    if not isinstance(before, Complete) or before.instances:
        raise Unsuitable("the account has machines already: what they are is nobody's business")
    balance = await provider.balance()
    offers = (await provider.list_offers(OfferQuery(kinds=frozenset({False})))).offers
    rented = min(offers, key=lambda offer: (offer.usd_per_hour, offer.id))
    if rented.node_usd_per_hour(20 * GIB) > usd_per_hour_max:
        raise Unsuitable(f"the cheapest machine costs {rented.usd_per_hour} $/h")
    ends_at = clock.now() + timedelta(hours=1)
    request = CreateRequest(str(MARK), rented, 20 * GIB, None, {}, ends_at, keys)
    created = await provider.create_instance(request)
    try:
        fresh = await provider.get_instance(created.instance_id)
        ready = await _ready(provider, clock, fresh)
        await clock.sleep(provider.capabilities.visibility_window.total_seconds())
        listing = await provider.list_instances()
        (listed,) = [one for one in listing.instances if one.id == created.instance_id]
    finally:
        await provider.destroy_instance(created.instance_id)
        await _gone(provider, clock, created.instance_id)
    return Life(before.account, balance, rented, fresh, ready, listed)


async def _ready(provider: Provider, clock: Clock, found: Instance) -> Instance:
    for _ in range(_POLLS):
        if found.is_ready:
            break
        await clock.sleep(_PAUSE_SECONDS)
        found = await provider.get_instance(found.id)
    return found


async def _gone(provider: Provider, clock: Clock, instance_id: str) -> None:
    for _ in range(_POLLS):
        try:
            await provider.get_instance(instance_id)
        except InstanceNotFound:
            return
        await clock.sleep(_PAUSE_SECONDS)
    raise AssertionError(f"machine {instance_id} is still there: destroy it by hand")
