"""What the suite is run on: an account, its clock, and how to let its server misbehave."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Literal, get_args

from reconciler.clock import LoopClock
from reconciler.conformance.virtual_time import run_virtual
from reconciler.model.observation import Complete
from reconciler.model.value import dataclass
from reconciler.providers.base import CreateRequest, OfferQuery

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

    from reconciler.clock import Clock
    from reconciler.model.instance import Instance
    from reconciler.model.offer import Offer
    from reconciler.providers.base import Provider

START = datetime(2026, 7, 1, 12, tzinfo=UTC)
GIB = 2**30
DISK_BYTES = 20 * GIB

Misbehaviour = Literal[
    "list-fails",  # every listing is answered with a server error
    "list-is-cut",  # a listing misses machines, and the protocol shows it
    "read-fails",  # a direct read is answered with a server error
    "destroy-fails",  # a destroy is answered with a server error and has no effect
    "create-answer-lost",  # the next create makes a machine and is answered with an error
    "key-refused",  # every call is refused because of its key
    "status-unknown",  # machines carry a word for their status that nobody knows
    "machine-stops",  # the next machine stops by itself as soon as it is made
]
MISBEHAVIOURS: tuple[Misbehaviour, ...] = get_args(Misbehaviour)


class NotConforming(AssertionError):
    """A provider does not do what every provider must do."""


class NotTried(Exception):
    """The case has no way to let its server misbehave like that."""


def expect(holds: object, otherwise: str) -> None:
    """Raise ``NotConforming`` unless ``holds``; unlike an assertion, under every flag."""
    if not holds:
        raise NotConforming(otherwise)


@dataclass(frozen=True, slots=True)
class Account:
    """A fresh account with nothing in it, and offers of which some can be rented once.

    ``misbehave`` says for each misbehaviour how to bring it about from now on; what is not in it
    is not tried. ``disk_bytes_min``: the smallest disk that is sold, where it is larger than what
    the suite orders; a quote may count it on top of the order, a bill may not.
    """

    provider: Provider
    clock: Clock
    misbehave: Mapping[Misbehaviour, Callable[[], None]] = field(default_factory=dict)
    disk_bytes_min: int = 0

    def let(self, what: Misbehaviour) -> None:
        """Raises ``NotTried`` where the case does not know how."""
        begin = self.misbehave.get(what)
        if begin is None:
            raise NotTried(what)
        begin()

    async def offers(self) -> tuple[Offer, ...]:
        return (await self.provider.list_offers(OfferQuery())).offers

    async def rent(self, mark: str, offer: Offer | None = None) -> tuple[str, Decimal | None]:
        chosen = offer or (await self.offers())[0]
        ends_at = self.clock.now() + timedelta(hours=1)
        request = CreateRequest(mark, chosen, DISK_BYTES, None, {}, ends_at)
        created = await self.provider.create_instance(request)
        return created.instance_id, created.usd_per_hour

    async def listed(self) -> dict[str, Instance]:
        listing = await self.provider.list_instances()
        expect(isinstance(listing, Complete), "a healthy listing is complete")
        return {instance.id: instance for instance in listing.instances}

    async def wait(self, duration: timedelta) -> None:
        await self.clock.sleep(duration.total_seconds())


Check = Callable[[Account], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Case:
    """``open_account`` gives a fresh account on a clock that runs in virtual time."""

    name: str
    open_account: Callable[[Clock], Account]


def run_check(check: Check, case: Case) -> None:
    """Raises ``NotConforming``, or whatever the provider raised, when it does not conform.

    Raises ``NotTried`` where the case cannot bring about what the check needs. Hours take no time:
    the account's servers must live in this process and read its clock.
    """

    async def told() -> None:
        account = case.open_account(LoopClock(START))
        try:
            await check(account)
        finally:
            await account.provider.close()

    run_virtual(told)
