"""The provider `simulated`: one account at the simulated market."""

from __future__ import annotations

from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NoReturn, TypeVar

from reconciler.clock import Clock, wall_now
from reconciler.market.account import balance
from reconciler.market.errors import MarketError, NoSuchMachine, OfferTaken, OrderRefused
from reconciler.market.faults import HEALTHY, Fault, FaultHook, Operation, distort
from reconciler.market.machine import Order
from reconciler.market.settings import LIVELY
from reconciler.market.units import microseconds, microusd, usd
from reconciler.market.world import World
from reconciler.model.errors import (
    AuthenticationFailed,
    CreateOutcomeUnknown,
    CreateRefused,
    InstanceNotFound,
    InsufficientCapacity,
    OfferGone,
    ProviderError,
    ProviderUnavailable,
    RateLimited,
    UnexpectedResponse,
)
from reconciler.model.observation import Complete, Partial
from reconciler.providers.base import (
    Created,
    CreateRequest,
    OfferQuery,
    Provider,
    ProviderCapabilities,
)
from reconciler.providers.simulated.translation import (
    as_instance,
    as_instances,
    as_listing,
    as_reading,
    note_of,
)
from reconciler.waiting import give_way

if TYPE_CHECKING:
    from collections.abc import Callable
    from decimal import Decimal

    from reconciler.market.settings import MarketSettings
    from reconciler.model.gpu_reading import GpuReading
    from reconciler.model.instance import Instance
    from reconciler.model.offer import OfferListing

CALL_DEADLINE = timedelta(seconds=10)
CREATE_DEADLINE = timedelta(seconds=20)
_VISIBILITY_MIN = timedelta(seconds=10)
_VISIBILITY_MARGIN = timedelta(seconds=5)
_PARALLEL_CALLS = 64
Answer = TypeVar("Answer")


def open_market(path: Path, *, seed: int = 1) -> World:
    """The market in ``path``, made with the default offers if it is not there.

    A new market starts at the present wall time and runs as fast. Missing directories are made,
    for their owner alone. Raises ``MarketError`` when the file cannot be used.
    """
    for directory in reversed(path.absolute().parents):
        try:
            directory.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            why = error.strerror or "the system refuses"
            raise MarketError(f"the directory {directory} cannot be made", why=why) from error
    now = wall_now()
    return World.open_or_create(path, seed=seed, started_at=now, wall_origin=now)


class SimulatedProvider(Provider):
    """Speaks to a ``World`` that lives in this process.

    ``fault_hook`` is asked about each call before the world's own fault script. The latter's faults
    are used up by the calls that they fit, also where the hook has one.
    """

    def __init__(
        self,
        name: str,
        world: World,
        clock: Clock,
        fault_hook: FaultHook | None = None,
        *,
        closes_world: bool = False,
    ) -> None:
        """``clock`` shows the market's time; ``closes_world`` lets ``close`` end the world too."""
        self.name = name
        self.account = world.account
        self.capabilities = _capabilities(world.settings)
        self._world = world
        self._clock = clock
        self._fault_hook = fault_hook
        self._closes_world = closes_world

    async def list_offers(self, query: OfferQuery) -> OfferListing:
        fault = await self._begin("list_offers")
        now = self._clock.now()
        shown_at = now - (fault.stale or timedelta(0))
        quotes = self._ask(lambda: self._world.list_offers(shown_at, query.models))
        await self._answer("list_offers", fault)
        return as_listing(self.name, quotes, now, fault)

    async def list_instances(self) -> Complete | Partial:
        fault = await self._begin("list_instances")
        started_at = self._clock.now()
        older_by = fault.stale or timedelta(0)
        machines = self._ask(lambda: self._world.list_machines(started_at, older_by))
        await self._answer("list_instances", fault)
        shown_at = self._world.listing_moment(started_at) - older_by
        if fault.hides is not None:
            at = microseconds(shown_at)
            machines = [one for one in machines if not one.is_left_out(fault.hides, at)]
        rows = as_instances(self.name, machines, shown_at, fault)
        listed = tuple(distort(rows, fault.shape, fault.keep))
        if fault.shape == "partial":
            return Partial(self.name, self.account, started_at, listed, "a page could not be read")
        return Complete(self.name, self.account, started_at, listed)

    async def get_instance(self, instance_id: str) -> Instance:
        fault = await self._begin("get_instance", instance_id=instance_id)
        now = self._clock.now()
        await self._answer("get_instance", fault, instance_id)
        machine = self._ask(lambda: self._world.read_machine(instance_id, now))
        return as_instance(self.name, machine, now, fault)

    async def create_instance(self, request: CreateRequest) -> Created:
        offer_id = request.offer.id
        fault = await self._begin("create_instance", offer_id=offer_id, label=request.mark)
        order = Order(
            offer_id,
            request.mark,
            request.disk_bytes,
            request.image,
            note_of(request),
            bid_microusd=None if request.bid_usd is None else microusd(request.bid_usd),
        )
        now = self._clock.now()
        if not fault.has_effect:
            await self._answer("create_instance", fault)
            # C1.7: a well-formed answer about a machine that does not exist
            return Created("9999999", request.offer.node_usd_per_hour(request.disk_bytes))
        try:
            machine = self._ask(lambda: self._world.rent(order, now, fault))
        except ProviderUnavailable as error:
            raise CreateOutcomeUnknown(self.name, "the market broke during a create") from error
        await self._answer("create_instance", fault, machine.id)
        if fault.without_id:
            raise CreateOutcomeUnknown(self.name, "the answer to a create holds no id")
        agreed = usd(machine.microusd_per_hour) if fault.billed_percent == 100 else None
        return Created(machine.id, agreed)

    async def destroy_instance(self, instance_id: str) -> None:
        fault = await self._begin("destroy_instance", instance_id=instance_id)
        now = self._clock.now()
        if fault.has_effect:
            try:
                self._ask(lambda: self._world.destroy(instance_id, now, fault))
            except InstanceNotFound as error:
                if fault.gone_error:
                    raise UnexpectedResponse(self.name, "no such thing to terminate") from error
                raise
        await self._answer("destroy_instance", fault, instance_id)

    async def gpus_inside(self, instance_id: str) -> GpuReading:
        """From the market's own books: nobody can log in to a simulated machine."""
        await give_way()
        return as_reading(
            self._ask(lambda: self._world.gpus_inside(instance_id, self._clock.now()))
        )

    async def balance(self) -> Decimal | None:
        await self._travel()
        told = self._ask(lambda: balance(self._world, self._clock.now()))
        await self._travel()
        return told

    async def close(self) -> None:
        if self._closes_world:
            self._world.close()

    # --- one call ---------------------------------------------------------------------------

    async def _begin(
        self,
        operation: Operation,
        *,
        instance_id: str | None = None,
        offer_id: str | None = None,
        label: str | None = None,
    ) -> Fault:
        """The request travels to the market and is counted there."""
        await self._travel()
        call, scripted = self._ask(
            lambda: self._world.begin_call(
                operation,
                self._clock.now(),
                instance_id=instance_id,
                offer_id=offer_id,
                label=label,
            )
        )
        hooked = self._fault_hook(call) if self._fault_hook else None
        return hooked or scripted or HEALTHY

    async def _answer(
        self, operation: Operation, fault: Fault, instance_id: str | None = None
    ) -> None:
        """The answer travels back, late or as an error if the fault says so."""
        await self._travel()
        creating = operation == "create_instance"
        if fault.hang is not None:
            await self._wait(fault, CREATE_DEADLINE if creating else CALL_DEADLINE, creating)
        if fault.error is not None:
            self._raise(fault, creating, instance_id)

    async def _travel(self) -> None:
        await give_way()
        await self._clock.sleep(self._world.settings.call_latency.total_seconds() / 2)

    async def _wait(self, fault: Fault, deadline: timedelta, creating: bool) -> None:
        hang = fault.hang or timedelta(0)
        if hang < deadline or fault.ignores_deadline:
            await self._clock.sleep(hang.total_seconds())
            return
        await self._clock.sleep(deadline.total_seconds())
        what = f"no answer within {deadline.total_seconds():.0f} s"
        raise (CreateOutcomeUnknown if creating else ProviderUnavailable)(self.name, what)

    def _ask(self, question: Callable[[], Answer]) -> Answer:
        """The world's refusals as a provider's errors."""
        try:
            return question()
        except OfferTaken as error:
            raise OfferGone(self.name, error.what) from error
        except OrderRefused as error:
            raise CreateRefused(self.name, error.what) from error
        except NoSuchMachine as error:
            raise InstanceNotFound(self.name, error.what, ended_at=error.ended_at) from error
        except MarketError as error:
            raise ProviderUnavailable(self.name, error.what, why=error.why) from error

    def _raise(self, fault: Fault, creating: bool, instance_id: str | None) -> NoReturn:
        if creating and (fault.carries_id or fault.error in ("unavailable", "unreadable")):
            known_id = instance_id if fault.carries_id else None
            what = f"the create was answered with an error ({fault.error})"
            raise CreateOutcomeUnknown(self.name, what, instance_id=known_id)
        if fault.error == "rate-limited":
            delay = None if fault.delay is None else fault.delay.total_seconds()
            raise RateLimited(self.name, "too many calls", delay_seconds=delay)
        kind, what = _ERRORS[fault.error or "unavailable"]
        raise kind(self.name, what)


_PlainErrorWord = Literal[
    "unavailable", "auth-refused", "unreadable", "not-found", "offer-gone", "no-capacity", "refused"
]
_ERRORS: dict[_PlainErrorWord, tuple[type[ProviderError], str]] = {
    "unavailable": (ProviderUnavailable, "the market answers with a server error"),
    "auth-refused": (AuthenticationFailed, "the key is refused"),
    "unreadable": (UnexpectedResponse, "the answer has an unknown shape"),
    "not-found": (InstanceNotFound, "the machine does not exist"),
    "offer-gone": (OfferGone, "the offer is not available"),
    "no-capacity": (InsufficientCapacity, "no such machine is free"),
    "refused": (CreateRefused, "the order is refused"),
}


@lru_cache(maxsize=8)
def _capabilities(settings: MarketSettings) -> ProviderCapabilities:
    """A market without any lag shows each change at once."""
    lag = settings.list_lag
    return ProviderCapabilities(
        visibility_window=max(_VISIBILITY_MIN, lag + _VISIBILITY_MARGIN) if lag else lag,
        create_deadline=CREATE_DEADLINE,
        call_deadline=CALL_DEADLINE,
        destroy_time=settings.destroy_time,
        parallel_calls=_PARALLEL_CALLS,
        stopped_bills=True,
        ends_itself=False,
        has_spot=True,
        runs_images=True,
        boots_vm_images=True,
        runs_setup=True,
        opens_ports=True,
        ssh_answers=False,
        at_hand=not settings.call_latency,
        has_balance=settings.opening_balance_usd is not None,
        price_unit="USD per hour of a node, its disk apart",
    )


DEFAULT_CAPABILITIES = _capabilities(LIVELY)
"""The truth table of a market with the settings that a new one gets."""
