"""From merged settings to a ``Fleet``: the built-in defaults are filled in here."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from operator import attrgetter
from typing import Any

from reconciler.documents.fleet_blocks import (
    FleetSettings,
    LifecycleBlock,
    OffersBlock,
    PriceWatchBlock,
    SpotBlock,
)
from reconciler.documents.hand_over_blocks import ready_rules, ssh_access
from reconciler.documents.office_hours import LATEST_END
from reconciler.documents.resource_blocks import NodesBlock, ResourcesBlock
from reconciler.model.budget import DEFAULT_WEIGHT
from reconciler.model.cost import ZERO
from reconciler.model.fleet import (
    CHEAPEST,
    DEFAULT_DISK_BYTES,
    DEFAULT_FALLBACK_AFTER,
    DEFAULT_GRACE,
    DEFAULT_TTL,
    Buying,
    Fleet,
    GpuRequirement,
    NodeCount,
    OfferRules,
    PriceWatch,
    Resources,
    Where,
)
from reconciler.model.hand_over import DEFAULT_BOOT, Boot
from reconciler.model.office_hours import OfficeHours
from reconciler.model.quantity import ANYTHING

_ONE_NODE = NodeCount(1, 1, 1)
_EVERYWHERE = Where()
_ANY_HOST = OfferRules()
_NO_SPOT = SpotBlock.model_construct()
_NO_LIFECYCLE = LifecycleBlock.model_construct()


_all_but_name = attrgetter(*Fleet.__match_args__[1:])


class FleetMaker:
    """Makes fleets of settings; those that share their settings share everything but the name."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[FleetSettings, tuple[Any, ...]]] = {}

    def fleet_of(self, name: str, settings: FleetSettings) -> Fleet:
        """The fleet that ``settings`` declare. They must name a GPU (``asks_for_gpu``)."""
        known = self._known.get(id(settings))
        if known is not None:
            return Fleet(name, *known[1])
        made = _fleet_of(name, settings)
        if made.own_budget is None:  # that one has the fleet's name
            self._known[id(settings)] = (settings, _all_but_name(made))
        return made


def _fleet_of(name: str, settings: FleetSettings) -> Fleet:
    lifecycle = settings.lifecycle or _NO_LIFECYCLE
    made = Fleet(
        name=name,
        nodes=_node_count(settings.nodes),
        resources=_resources(settings.resources or ResourcesBlock.model_construct()),
        where=_where(settings),
        offers=_offer_rules(settings.offers),
        spot=settings.spot_policy == "spot",
        gang=bool(settings.gang),
        placement=settings.placement or "any",
        uniform=settings.uniform is not False,
        max_gpu_hour_usd=settings.max_gpu_hour_usd,
        max_node_hour_usd=settings.max_node_hour_usd,
        ttl=lease_length(settings),
        expires_at=settings.expires_at,
        grace=DEFAULT_GRACE if settings.grace is None else settings.grace,
        image=settings.image,
        env={**(settings.env or {}), **(settings.secrets or {})},
        prevent_destroy=lifecycle.prevent_destroy,
        create_before_destroy=bool(lifecycle.create_before_destroy),
        ignore_changes=frozenset(lifecycle.ignore_changes or ()),
        team=settings.team,
        owner=settings.owner,
        labels=settings.labels or {},
        ssh=ssh_access(settings.ssh),
        ready=ready_rules(settings.ready),
        boot=_boot(settings),
        weight=DEFAULT_WEIGHT if settings.weight is None else settings.weight,
        budgets=tuple(settings.budget.names or ()) if settings.budget else (),
        own_budget=settings.budget.budget(name) if settings.budget else None,
        buying=_buying(settings),
        price_watch=_price_watch(settings.price_watch),
    )
    active = _office_hours(settings)
    return made if active is None else _in_hours(made, active)


def _buying(settings: FleetSettings) -> Buying:
    auto, strategy = settings.spot_policy == "auto", settings.allocation_strategy
    spot = settings.spot or _NO_SPOT
    share = settings.max_share_per_provider
    if not auto and strategy in (None, "lowest-price") and share is None and spot.bid_usd is None:
        return CHEAPEST
    fallback = spot.fallback_after
    return Buying(
        strategy=strategy or "lowest-price",
        auto=auto,
        min_on_demand=spot.min_on_demand or 0,
        fallback_after=DEFAULT_FALLBACK_AFTER if fallback is None else fallback,
        bid_usd=spot.bid_usd,
        max_share_percent=share,
        order=tuple(settings.providers or ()) if strategy == "prioritized" else (),
    )


def _in_hours(fleet: Fleet, active: OfficeHours) -> Fleet:
    from reconciler.documents.window_terms import window_terms  # most fleets have no hours

    return replace(fleet, active=replace(active, terms=window_terms(fleet)))


def _price_watch(written: PriceWatchBlock | None) -> PriceWatch | None:
    if written is None:
        return None
    cost = written.setup_cost_usd
    return PriceWatch(written.cheaper_by, ZERO if cost is None else cost)


def _boot(settings: FleetSettings) -> Boot:
    if not (settings.vm_image or settings.setup or settings.ports):
        return DEFAULT_BOOT
    return Boot(settings.vm_image, settings.setup, tuple(sorted(settings.ports or ())))


def _office_hours(settings: FleetSettings) -> OfficeHours | None:
    """None without an end as well, which is a problem of its own (``hours_problems``)."""
    if settings.active is None or settings.expires_at is None:
        return None
    if settings.expires_at > LATEST_END:
        return None
    return settings.active.office_hours(settings.expires_at)


def asks_for_gpu(settings: FleetSettings) -> bool:
    wanted = settings.resources
    return wanted is not None and bool(wanted.gpu or wanted.any_of or wanted.ordered)


def lease_length(settings: FleetSettings) -> timedelta:
    """``ttl``, or the built-in one."""
    return DEFAULT_TTL if settings.ttl is None else settings.ttl


def _node_count(nodes: NodesBlock | None) -> NodeCount:
    if nodes is None:
        return _ONE_NODE
    return NodeCount(nodes.min, nodes.min if nodes.target is None else nodes.target, nodes.max)


def _resources(written: ResourcesBlock) -> Resources:
    return Resources(
        gpu=_alternatives(written),
        ordered=written.ordered is not None,
        cpu=written.cpu or ANYTHING,
        memory=written.memory or ANYTHING,
        disk_bytes=DEFAULT_DISK_BYTES if written.disk is None else written.disk,
        cuda=written.cuda or ANYTHING,
    )


def _alternatives(written: ResourcesBlock) -> tuple[GpuRequirement, ...]:
    if written.gpu is not None:
        return (written.gpu.requirement(),)
    return tuple(choice.requirement() for choice in written.any_of or written.ordered or ())


def _where(settings: FleetSettings) -> Where:
    lists = (
        settings.providers,
        settings.exclude_providers,
        settings.regions,
        settings.countries,
        settings.exclude_countries,
    )
    if not any(lists):
        return _EVERYWHERE
    return Where(*(frozenset(entries or ()) for entries in lists))


def _offer_rules(written: OffersBlock | None) -> OfferRules:
    if written is None:
        return _ANY_HOST
    return OfferRules(
        min_reliability=written.min_reliability,
        verified=written.verified,
        hosting=written.hosting or "any",
        exclude_hosts=frozenset(written.exclude_hosts or ()),
        allow_hosts=frozenset(written.allow_hosts or ()),
    )
