"""What every provider adapter offers, and what it declares about itself (SPEC.md section 8)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

from reconciler.model.value import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from decimal import Decimal

    from reconciler.model.gpu_reading import GpuReading
    from reconciler.model.instance import Instance
    from reconciler.model.observation import Complete, Partial
    from reconciler.model.offer import Ability, Offer, OfferListing
    from reconciler.model.volume import Volume

CallKind = Literal["create", "destroy", "read"]


@dataclass(frozen=True, slots=True)
class CallPace:
    """How often an adapter calls one endpoint: at most ``calls`` of them in ``seconds``."""

    endpoint: str
    calls: int
    seconds: float


@dataclass(frozen=True, slots=True)
class ProviderCapabilities:
    """The adapter's truth table; planner and executor obey it.

    ``visibility_window`` (V_p): how long a listing may lag behind a create or a destroy.
    ``create_deadline`` and ``call_deadline`` bound one create, and one other call, in the
    provider's own time. The intervals are the least time between two calls of one kind; an adapter
    that keeps its pace by itself may leave those of reads and destroys at 0. ``slow_answer``: how
    long a healthy call may take; so many calls are kept on their way that the pace holds.
    ``parallel_calls`` of one kind may be on their way at any pace.
    ``stopped_bills``: a stopped machine is still charged for. ``ends_itself``: the provider can
    be told to destroy a machine at its lease end without us. ``node_ends_itself``: a machine holds
    a key with which it can destroy itself, and no other machine. ``runs_images``,
    ``boots_vm_images``, ``runs_setup``, ``opens_ports``: it carries out that part of a
    ``CreateRequest``; an order with a part that it does not is never sent (``why_unable``).
    ``at_hand``: it lies in this process, and its listings wait for nothing, or for ``event_loop``
    first.
    ``rehearsal``: its API is served on this machine, and nothing answers at the addresses from
    documentation that its machines may have.
    ``mark_places``: where our mark is kept. ``price_unit``: what the provider's own prices count.
    ``offers_keep``: what a search found serves so long, because searches are few; 0 for not at all.
    ``lists_volumes``: ``list_volumes`` asks. ``has_balance``: ``balance`` tells a figure.
    ``paces``: how often each endpoint is called.
    """

    visibility_window: timedelta = timedelta(seconds=120)
    create_deadline: timedelta = timedelta(seconds=120)
    call_deadline: timedelta = timedelta(seconds=30)
    destroy_time: timedelta = timedelta(seconds=60)
    create_interval: timedelta = timedelta(0)
    destroy_interval: timedelta = timedelta(0)
    read_interval: timedelta = timedelta(0)
    slow_answer: timedelta = timedelta(seconds=3)
    parallel_calls: int = 8
    stopped_bills: bool = True
    ends_itself: bool = False
    has_spot: bool = True
    runs_images: bool = True
    boots_vm_images: bool = False
    runs_setup: bool = False
    opens_ports: bool = False
    ssh_answers: bool = True
    at_hand: bool = False
    rehearsal: bool = False
    node_ends_itself: bool = False
    mark_places: tuple[str, ...] = ("label",)
    price_unit: str = "USD per hour of a node"
    has_balance: bool = False
    lists_volumes: bool = False
    offers_keep: timedelta = timedelta(0)
    paces: tuple[CallPace, ...] = ()

    @property
    def lacks(self) -> frozenset[Ability]:
        """What an order may ask and such a provider cannot do; for its offers to say."""
        able: tuple[tuple[Ability, bool], ...] = (
            ("image", self.runs_images),
            ("vm_image", self.boots_vm_images),
            ("setup", self.runs_setup),
            ("ports", self.opens_ports),
            ("spot", self.has_spot),
            ("node_timer", self.node_ends_itself),
        )
        return frozenset(name for name, can in able if not can)

    def interval_of(self, kind: CallKind) -> timedelta:
        """The least time between two calls of ``kind``."""
        if kind == "create":
            return self.create_interval
        return self.destroy_interval if kind == "destroy" else self.read_interval


@dataclass(frozen=True, slots=True)
class OfferQuery:
    """What the planner may use; an adapter may answer with more, never with less.

    ``models`` are canonical GPU names, ``gpu_counts`` GPUs of one node; empty = all. ``kinds``:
    False for on-demand, True for spot. ``fresh``: what was kept from an earlier search will not do.
    """

    models: frozenset[str] = frozenset()
    kinds: frozenset[bool] = frozenset({False, True})
    gpu_counts: frozenset[int] = frozenset()
    fresh: bool = False


@dataclass(frozen=True, slots=True)
class CreateRequest:
    """One create call. ``mark`` is sent inside it; ``env`` holds resolved values: never log it.

    ``ssh_public_keys`` may log in as the provider's own user, each as ``parse_public_key`` gives
    it: the adapter puts all of them on the machine, by the create call itself where it can.
    ``image`` is a container, ``vm_image`` an operating system, never both. ``setup`` is shell text
    that runs once, as root where there is one. ``ports`` are TCP ports of the machine that must be
    reachable beside the one of SSH. ``bid_usd``: dollars an hour to bid for a spot node without
    its disk, never below what the offer asks; None: what it asks. ``destroys_itself_at``: what the
    machine's own timer is set to, where the provider's machines can have one
    (``node_ends_itself``); None for no timer. ``timer_margin``: one that finds at its start that
    what it was told later is lost leaves the machine at least so long.
    """

    mark: str
    offer: Offer
    disk_bytes: int
    image: str | None
    env: Mapping[str, str]
    ends_at: datetime
    ssh_public_keys: tuple[str, ...] = ()
    vm_image: str | None = None
    setup: str | None = None
    ports: tuple[int, ...] = ()
    bid_usd: Decimal | None = None
    destroys_itself_at: datetime | None = None
    timer_margin: timedelta = timedelta(0)

    @property
    def spot_usd_per_hour(self) -> Decimal:
        """What is bid for a spot node."""
        return self.offer.usd_per_hour if self.bid_usd is None else self.bid_usd


def why_unable(request: CreateRequest, capabilities: ProviderCapabilities) -> str:
    """What of ``request`` such a provider cannot carry out; "" when it can do all of it."""
    for wanted, able, what in (
        (request.image, capabilities.runs_images, "it runs no container images"),
        (request.vm_image, capabilities.boots_vm_images, "it boots no VM images of your choice"),
        (request.setup, capabilities.runs_setup, "it runs no setup text"),
        (request.ports, capabilities.opens_ports, "it opens no ports beside SSH"),
    ):
        if wanted and not able:
            return what
    return ""


@dataclass(frozen=True, slots=True)
class Created:
    """The provider's word that a machine exists. ``usd_per_hour`` is what it says it will bill."""

    instance_id: str
    usd_per_hour: Decimal | None


class Provider(ABC):
    """One account at one provider.

    Every method may raise ``ProviderError`` or a subclass. Reads never report "empty" or "gone"
    on doubt. Methods are called concurrently, each as often at once as the truth table says.
    """

    name: str
    capabilities: ProviderCapabilities
    key_source: str = ""
    """Where its key was found, fit to show; "" where it needs none."""
    origin: str = ""
    """Scheme, host and port of its API; "" where it has none."""

    @abstractmethod
    async def list_offers(self, query: OfferQuery) -> OfferListing:
        """What can be rented now. Rows that cannot be used are counted, never guessed at."""

    @abstractmethod
    async def list_instances(self) -> Complete | Partial:
        """Every machine of the account. Raises ``ProviderError`` when nothing can be said."""

    @abstractmethod
    async def get_instance(self, instance_id: str) -> Instance:
        """One machine. Raises ``InstanceNotFound`` when the provider denies that it exists."""

    @abstractmethod
    async def create_instance(self, request: CreateRequest) -> Created:
        """Rent it. Sent at most once.

        Raises ``OfferGone``, ``InsufficientCapacity`` or ``CreateRefused`` when surely nothing was
        created, ``CreateOutcomeUnknown`` or any other ``ProviderError`` when that is not sure.
        """

    @abstractmethod
    async def destroy_instance(self, instance_id: str) -> None:
        """Ask for the end of a machine. Returning means accepted, not gone; may be repeated.

        Raises ``InstanceNotFound`` when the provider denies that it exists.
        """

    async def gpus_inside(self, instance_id: str) -> GpuReading | None:
        """What the driver there would say, from a provider whose machines answer no SSH.

        None: that cannot be told. Raises as a read does.
        """
        return None

    def timer_command(self, ends_at: datetime) -> str:
        """What, run on a machine with a timer of its own, moves that to ``ends_at`` unless it is
        later already, and prints two figures in seconds since 1970: what it went by (0: nothing)
        and what it goes by from then on (0: no timer runs there); for ``node_ends_itself`` alone.
        """
        raise NotImplementedError(f"{self.name}: machines have no timer")

    async def balance(self) -> Decimal | None:
        """Dollars that the account can still spend, below 0 where it owes.

        None where the provider does not tell (``has_balance`` of the truth table).
        """
        return None

    async def list_volumes(self) -> tuple[Volume, ...]:
        """Every volume of the account that is billed apart from machines.

        Nothing where there are none, or the adapter does not ask (``lists_volumes``). Raises
        ``ProviderError`` where it cannot tell.
        """
        return ()

    async def close(self) -> None:  # noqa: B027  # most adapters hold nothing
        """Release what the adapter holds. It cannot be used afterwards."""
