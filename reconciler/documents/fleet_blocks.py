"""What is written about a fleet, in `fleets`, `profiles` and `defaults`.

A field is None when its key was not written: defaults are filled in after merging, in
``declared_fleet``.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from reconciler.documents.budget_blocks import FleetBudget
from reconciler.documents.hand_over_blocks import Ports, ReadyBlock, SshBlock
from reconciler.documents.office_hours import Active
from reconciler.documents.resource_blocks import NODES_MAX, Block, Nodes, ResourcesBlock
from reconciler.documents.written_keys import Written
from reconciler.documents.written_references import EnvValue, SecretReference
from reconciler.documents.written_text import (
    Country,
    EnvKey,
    Image,
    LabelKey,
    Name,
    Setup,
    Text,
    VmImage,
)
from reconciler.documents.written_values import (
    Duration,
    Moment,
    Percent,
    Share,
    Usd,
    UsdOrNothing,
)
from reconciler.model.fleet import AllocationStrategy, MachineAttribute


class OffersBlock(Block):
    min_reliability: Written[Share] = Field(
        None, description="Least reliability of a host, 0 to 1, as its provider measures it."
    )
    verified: Written[bool] = Field(None, description="Only hosts that the provider has verified.")
    hosting: Written[Literal["datacenter", "community", "any"]] = Field(
        None, description="Who runs the host; default any."
    )
    exclude_hosts: Written[list[Text]] = Field(None, description="Hosts that are never used.")
    allow_hosts: Written[list[Text]] = Field(
        None, description="Only these hosts are used; empty: all."
    )


class LifecycleBlock(Block):
    prevent_destroy: Written[bool] = Field(
        None,
        description="Refuse to destroy these machines for anything but expiry; kept in the state.",
    )
    create_before_destroy: Written[bool] = Field(
        None,
        description="Replace a machine only when its successor is ready: two are billed for a "
        "while; default false.",
    )
    ignore_changes: Written[list[MachineAttribute]] = Field(
        None, description="Differences that never replace a machine; default none."
    )


class SpotBlock(Block):
    min_on_demand: Written[int] = Field(
        None,
        ge=0,
        le=NODES_MAX,
        description="With `spot_policy: auto`: at least so many nodes are on-demand; default 0.",
    )
    fallback_after: Written[int] = Field(
        None,
        ge=1,
        le=100,
        description="With `spot_policy: auto`: a slot whose spot machine was taken away so often "
        "under one lease is bought on-demand; default 3.",
    )
    bid_usd: Written[Usd] = Field(
        None,
        description="Dollars an hour bid for a spot node, its disk apart, where the provider takes "
        "bids: what may be billed. Default: what the offer asks.",
    )


class PriceWatchBlock(Block):
    cheaper_by: int = Field(
        ge=1, le=99, description="Percent by which a like machine must be cheaper."
    )
    setup_cost_usd: Written[UsdOrNothing] = Field(
        None, description="What a fresh machine costs you beside its rate; default 0."
    )


class FleetSettings(Block):
    """What `defaults` may set, and every fleet and profile too."""

    nodes: Written[Nodes] = Field(
        None, description="How many machines: `3`, `2..6` or `{min, target, max}`; default 1."
    )
    resources: Written[ResourcesBlock] = Field(None, description="What each node must have.")
    providers: Written[list[Name]] = Field(
        None, description="Only these providers; empty: all configured ones."
    )
    exclude_providers: Written[list[Name]] = Field(None, description="Never these providers.")
    regions: Written[list[Text]] = Field(
        None, description="Only these regions, by the providers' names; empty: all."
    )
    countries: Written[list[Country]] = Field(
        None, description="Only these countries (ISO 3166, two letters); empty: all."
    )
    exclude_countries: Written[list[Country]] = Field(None, description="Never these countries.")
    spot_policy: Written[Literal["on-demand", "spot", "auto"]] = Field(
        None,
        description="`on-demand` (default); `spot`: cheaper, and may be taken away; `auto`: "
        "whichever is cheaper, and on-demand where spot was taken away too often.",
    )
    spot: Written[SpotBlock] = Field(None, description="How spot machines are bought.")
    allocation_strategy: Written[AllocationStrategy] = Field(
        None,
        description="`lowest-price` (default); `price-capacity-optimized`: the price, times what "
        "is known of the host; `diversified`: as evenly as possible over providers, regions and "
        "hosts; `prioritized`: in the order of `providers`.",
    )
    max_share_per_provider: Written[Percent] = Field(
        None, description="Most of the fleet's nodes that may stand at one provider: `50%`."
    )
    gang: Written[bool] = Field(
        None, description="All nodes or none: fewer than `nodes.min` are never bought."
    )
    placement: Written[Literal["any", "same_provider", "same_region", "spread"]] = Field(
        None,
        description="Where new nodes stand beside the others; `spread`: each on a physical host "
        "of its own; default any.",
    )
    uniform: Written[bool] = Field(
        None, description="`false` allows a mix of the alternatives; default true: nodes are alike."
    )
    offers: Written[OffersBlock] = Field(None, description="Which hosts are acceptable.")
    max_gpu_hour_usd: Written[Usd] = Field(
        None, description="Most dollars for one GPU for one hour, disk included."
    )
    max_node_hour_usd: Written[Usd] = Field(
        None, description="Most dollars for one node for one hour, disk included."
    )
    ttl: Written[Duration] = Field(
        None,
        description="How long the fleet may live, from its first machine on; default 12h.",
    )
    expires_at: Written[Moment] = Field(
        None,
        description="When the fleet ends at the latest; RFC 3339 with an offset. `never`, without "
        "a `ttl`: it has no end, and every plan of it needs `-allow-unbounded`.",
    )
    active: Written[Active] = Field(
        None,
        description="Office hours: the fleet exists in these windows alone, each with a lease of "
        "its own, until `expires_at`, which is needed. Not with a `ttl`. `reconcile --schedule` "
        "opens the windows.",
    )
    grace: Written[Duration] = Field(
        None, description="Warning time before the loop destroys what is undeclared; default 10m."
    )
    image: Written[Image] = Field(None, description="The container image to boot.")
    vm_image: Written[VmImage] = Field(
        None, description="The operating system to boot, as the provider names it; not with image."
    )
    setup: Written[Setup] = Field(
        None, description="Shell text that runs once on each machine when it boots."
    )
    ports: Written[Ports] = Field(
        None, description="TCP ports that must be reachable beside the one of SSH."
    )
    secrets: Written[dict[EnvKey, SecretReference]] = Field(
        None, description="Like env, of references alone: `${env:NAME}` or `${file:PATH}`."
    )
    env: Written[dict[EnvKey, EnvValue]] = Field(
        None, description="Environment of the machines: text, `${env:NAME}` or `${file:PATH}`."
    )
    ssh: Written[SshBlock] = Field(None, description="Who may log in.")
    ready: Written[ReadyBlock] = Field(
        None, description="What a new machine must show before it is handed over."
    )
    lifecycle: Written[LifecycleBlock] = Field(
        None, description="Protection and replacement of the machines."
    )
    team: Written[Text] = Field(None, description="Who pays; costs are grouped by it.")
    owner: Written[Text] = Field(None, description="Whom to ask about this fleet.")
    labels: Written[dict[LabelKey, Text]] = Field(
        None, max_length=64, description="Your own words; costs are grouped by them."
    )
    budget: Written[FleetBudget] = Field(
        None,
        description="What it may cost: `{max_total_usd: 100}`, or the names of `budgets`. What "
        "`defaults` and profiles say holds as well: budgets only get stricter.",
    )
    price_watch: Written[PriceWatchBlock] = Field(
        None,
        description="When plans propose a cheaper like machine: `{cheaper_by: 20}`. Nothing is "
        "swapped unasked.",
    )
    weight: Written[int] = Field(
        None,
        ge=0,
        le=1000,
        description="Which fleet keeps its machines when a shared budget is short: the larger "
        "one; default 100.",
    )

    @model_validator(mode="after")
    def _check_boot(self) -> Self:
        if self.image is not None and self.vm_image is not None:
            raise ValueError("image is a container, vm_image an operating system: choose one")
        if self.active is not None and self.ttl is not None:
            raise ValueError("with active each window is a lease of its own: remove the ttl")
        twice = sorted(set(self.env or {}) & set(self.secrets or {}))
        if twice:
            raise ValueError(f"{twice[0]} stands in env and in secrets: choose one")
        return self


def _read_extends(value: object) -> object:
    return [value] if isinstance(value, str) else value


_Profiles = Annotated[list[Name], Field(min_length=1, max_length=20)]
Extends = Annotated[
    _Profiles, BeforeValidator(_read_extends, json_schema_input_type=Name | _Profiles)
]


class FleetBlock(FleetSettings):
    """One entry of `fleets` or `profiles`."""

    extends: Written[Extends] = Field(
        None, description="A profile to start from, or several: later ones win."
    )
