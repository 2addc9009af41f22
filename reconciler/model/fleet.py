"""What the user declared: fleets and the settings around them, merged and checked."""

from __future__ import annotations

from dataclasses import field
from datetime import timedelta
from typing import TYPE_CHECKING, Literal, get_args

from reconciler.model.budget import DEFAULT_WEIGHT
from reconciler.model.gpu import memory_matches
from reconciler.model.hand_over import (
    DEFAULT_BOOT,
    DEFAULT_READY,
    DEFAULT_SSH,
    Boot,
    ReadyRules,
    SshAccess,
)
from reconciler.model.quantity import ANYTHING, GIB, NEVER, Range
from reconciler.model.value import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from decimal import Decimal

    from reconciler.model.budget import Budget
    from reconciler.model.host_memory import HostRecord
    from reconciler.model.offer import Ability, Offer
    from reconciler.model.office_hours import OfficeHours

DEFAULT_TTL = timedelta(hours=12)
DEFAULT_GRACE = timedelta(minutes=10)
DEFAULT_DISK_BYTES = 50 * GIB
DEFAULT_TICK = timedelta(seconds=60)
DEFAULT_MAX_TTL = timedelta(days=30)
DEFAULT_MAX_DESTROY_COUNT = 1
DEFAULT_MAX_DESTROY_PERCENT = 30

Hosting = Literal["datacenter", "community", "any"]
MachineAttribute = Literal[
    "gpu",
    "providers",
    "regions",
    "countries",
    "cpu",
    "memory",
    "cuda",
    "disk",
    "spot_policy",
    "image",
    "env",
]
"""What of a machine can differ from its fleet and so replace it (``planning/fleet_diff``)."""
MACHINE_ATTRIBUTES: tuple[str, ...] = get_args(MachineAttribute)
Placement = Literal["any", "same_provider", "same_region", "spread"]
AllocationStrategy = Literal[
    "lowest-price", "price-capacity-optimized", "diversified", "prioritized"
]
DEFAULT_FALLBACK_AFTER = 3


@dataclass(frozen=True, slots=True)
class NodeCount:
    """``target`` nodes are bought; below ``minimum`` is exit 7; slots from ``maximum`` up are
    scaled down. ``3`` in the documents means all three are 3.
    """

    minimum: int
    target: int
    maximum: int


@dataclass(frozen=True, slots=True)
class GpuRequirement:
    """One alternative. ``models`` holds canonical names, empty = any model of that memory."""

    text: str
    models: tuple[str, ...]
    memory_bytes: Range
    count: int

    def accepts(self, gpu: str, gpu_count: int, gpu_memory_bytes: int) -> bool:
        """True when such a node is what this alternative asks for."""
        return (
            gpu_count == self.count
            and (not self.models or gpu in self.models)
            and memory_matches(
                gpu_memory_bytes, self.memory_bytes.minimum, self.memory_bytes.maximum
            )
        )


@dataclass(frozen=True, slots=True)
class Resources:
    """Per node. With ``ordered`` the first alternative that can be rented wins, else the
    cheapest. ``memory`` and ``disk`` are bytes; ``disk.minimum`` is what is ordered.
    """

    gpu: tuple[GpuRequirement, ...]
    ordered: bool = False
    cpu: Range = ANYTHING
    memory: Range = ANYTHING
    disk_bytes: int = DEFAULT_DISK_BYTES
    cuda: Range = ANYTHING


@dataclass(frozen=True, slots=True)
class Where:
    """Empty means everywhere configured; an exclusion always wins. Countries are ISO 3166."""

    providers: frozenset[str] = frozenset()
    exclude_providers: frozenset[str] = frozenset()
    regions: frozenset[str] = frozenset()
    countries: frozenset[str] = frozenset()
    exclude_countries: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class OfferRules:
    """Which hosts are acceptable."""

    min_reliability: Decimal | None = None
    verified: bool | None = None
    hosting: Hosting = "any"
    exclude_hosts: frozenset[str] = frozenset()
    allow_hosts: frozenset[str] = frozenset()
    quarantined: frozenset[tuple[str, str]] = frozenset()
    """Provider and host of those that are shunned for what they did: never written, but added from
    the state when a plan is made."""
    lost: frozenset[tuple[str, str]] = frozenset()
    """Where a spot machine was taken away a while ago (``capacity.host_of``); added like those."""


@dataclass(frozen=True, slots=True)
class Buying:
    """How a fleet chooses among the offers that fit it.

    ``auto``: spot and on-demand, whichever is cheaper; at least ``min_on_demand`` nodes, and every
    slot that has lost ``fallback_after`` spot machines under its lease, on-demand. ``bid_usd`` is
    dollars an hour for a spot node without its disk. ``max_share_percent``: of the fleet's nodes at
    one provider. ``order``: the fleet's `providers` as they are written. ``learnt``: what the state
    knew of hosts at ``as_of``; never written, but added when a plan is made.
    """

    strategy: AllocationStrategy = "lowest-price"
    auto: bool = False
    min_on_demand: int = 0
    fallback_after: int = DEFAULT_FALLBACK_AFTER
    bid_usd: Decimal | None = None
    max_share_percent: int | None = None
    order: tuple[str, ...] = ()
    learnt: tuple[HostRecord, ...] = ()
    as_of: datetime | None = None


def most_at_a_provider(nodes: int, percent: int) -> int:
    """How many of ``nodes`` a share allows there. Whole nodes only: half of three is one."""
    return nodes * percent // 100


CHEAPEST = Buying()
"""The lowest price, nothing else: what nearly every fleet asks for, and its own short way."""


@dataclass(frozen=True, slots=True)
class PriceWatch:
    """When a swap for a like machine is proposed: where that is cheaper by this many percent, and
    what is saved until the lease ends is more than ``setup_cost_usd``.
    """

    cheaper_by_percent: int
    setup_cost_usd: Decimal


@dataclass(frozen=True, slots=True)
class Fleet:
    """A named group of nodes, with every default filled in.

    ``gang``: fewer than ``nodes.minimum`` are never bought. ``placement`` counts for new nodes,
    beside those that stay: ``spread`` puts no two on one physical host. ``uniform``: all are alike
    in GPU model, number and memory. ``expires_at`` is ``NEVER`` for one without an end, whose
    ``ttl`` then says nothing.
    """

    name: str
    nodes: NodeCount
    resources: Resources
    where: Where = field(default_factory=Where)
    offers: OfferRules = field(default_factory=OfferRules)
    spot: bool = False
    gang: bool = False
    placement: Placement = "any"
    uniform: bool = True
    max_gpu_hour_usd: Decimal | None = None
    max_node_hour_usd: Decimal | None = None
    ttl: timedelta = DEFAULT_TTL
    expires_at: datetime | None = None
    grace: timedelta = DEFAULT_GRACE
    image: str | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    prevent_destroy: bool | None = None
    """None: the documents do not say, so what was applied last holds."""
    create_before_destroy: bool = False
    ignore_changes: frozenset[str] = frozenset()
    """Attributes whose difference never replaces a machine; among ``MACHINE_ATTRIBUTES``."""
    team: str | None = None
    owner: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    ssh: SshAccess = DEFAULT_SSH
    ready: ReadyRules = DEFAULT_READY
    boot: Boot = DEFAULT_BOOT
    weight: int = DEFAULT_WEIGHT
    """Of fleets that share a budget the one with the larger weight keeps its machines."""
    budgets: tuple[str, ...] = ()
    """Budgets of the documents that it names."""
    own_budget: Budget | None = None
    active: OfficeHours | None = None
    """When it may run; ``ttl`` then says nothing, until the planner puts in what is left of the
    window at hand."""
    buying: Buying = CHEAPEST
    price_watch: PriceWatch | None = None

    @property
    def is_plain(self) -> bool:
        """Whether one kind of machine at the lowest price is all that it asks for."""
        return self.buying is CHEAPEST or self.buying == CHEAPEST

    @property
    def kinds(self) -> frozenset[bool]:
        """True for spot, False for on-demand: what it may be given."""
        return frozenset({False, True}) if self.buying.auto else frozenset({self.spot})

    def bid_for(self, offer: Offer) -> Decimal | None:
        """Dollars an hour to bid for ``offer``, its disk apart; None: what it asks.

        Never above what the price caps leave beside the disk.
        """
        bid = self.buying.bid_usd
        if bid is None or not offer.spot:
            return None
        cap = self.node_cap_usd(offer.gpu_count)
        disk = offer.disk_usd_per_hour(self.resources.disk_bytes)
        return bid if cap is None else min(bid, cap - disk)

    @property
    def address(self) -> str:
        return f"fleet.{self.name}"

    def lease_end(self, started_at: datetime) -> datetime:
        """The earlier of start + ``ttl`` and ``expires_at`` (SPEC.md section 1), or ``NEVER``."""
        if self.expires_at == NEVER:
            return NEVER
        end = started_at + self.ttl
        return end if self.expires_at is None else min(end, self.expires_at)

    @property
    def needed_abilities(self) -> frozenset[Ability]:
        """What a provider must be able to do for it, beside renting machines."""
        boot = self.boot
        wanted: tuple[tuple[Ability, object], ...] = (
            ("image", self.image),
            ("vm_image", boot.vm_image),
            ("setup", boot.setup),
            ("ports", boot.ports),
            ("spot", self.spot),
        )
        return frozenset(name for name, value in wanted if value)

    def node_cap_usd(self, gpu_count: int) -> Decimal | None:
        """The tighter of the two price caps for a node of ``gpu_count`` GPUs, or None."""
        caps = [self.max_node_hour_usd] if self.max_node_hour_usd is not None else []
        if self.max_gpu_hour_usd is not None:
            caps.append(self.max_gpu_hour_usd * gpu_count)
        return min(caps, default=None)


@dataclass(frozen=True, slots=True)
class Safety:
    """Rules of the workspace against slips (SPEC.md sections 2 and 5).

    ``undeclared="report"``: the loop only reports undeclared machines. At most
    ``max(max_destroy_count, max_destroy_percent %)`` machines go in any rolling hour for reasons
    that may be a slip. ``tick`` is how often a loop is expected to pass. ``node_timer``: so long
    after its lease's end a machine that can destroys itself, whether a loop passes or not.
    """

    undeclared: Literal["destroy", "report"] = "destroy"
    max_destroy_count: int = DEFAULT_MAX_DESTROY_COUNT
    max_destroy_percent: int = DEFAULT_MAX_DESTROY_PERCENT
    allow_empty: bool = False
    max_ttl: timedelta = DEFAULT_MAX_TTL
    tick: timedelta = DEFAULT_TICK
    node_timer: timedelta | None = None


@dataclass(frozen=True, slots=True)
class ProviderSettings:
    """One entry of ``providers:``; ``market`` is the simulated market's file.

    ``max_hourly_usd``: nothing is bought there that would bring our machines above it together.
    ``min_balance_usd``: nothing is bought there that could bring the account's balance below it.
    ``key`` is a reference, resolved when the provider is opened; the key itself is never here.
    """

    name: str
    type: str
    market: str | None = None
    max_hourly_usd: Decimal | None = None
    key: str | None = None
    min_balance_usd: Decimal | None = None


@dataclass(frozen=True, slots=True)
class NotifierSettings:
    """One entry of ``notifiers:``: a webhook; ``url`` may be a reference, resolved when used."""

    name: str
    url: str


@dataclass(frozen=True, slots=True)
class DesiredState:
    """All documents of one directory as one value."""

    workspace: str
    fleets: Mapping[str, Fleet]
    providers: Mapping[str, ProviderSettings]
    safety: Safety = field(default_factory=Safety)
    notifiers: Mapping[str, NotifierSettings] = field(default_factory=dict)
    budgets: Mapping[str, Budget] = field(default_factory=dict)
    """By name, those of single fleets included."""
    state_path: str | None = None
