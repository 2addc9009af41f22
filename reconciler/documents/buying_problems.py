"""What contradicts itself in how a fleet buys: spot, strategies and shares, once all is merged."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from reconciler.documents.configuration import Declared
from reconciler.documents.fleet_blocks import FleetBlock, FleetSettings
from reconciler.documents.merge import FleetMerger
from reconciler.model.fleet import most_at_a_provider
from reconciler.model.problem import Problem


def buying_problems(
    declared: Declared[FleetBlock],
    settings: FleetSettings,
    merger: FleetMerger,
    providers: Collection[str] | None,
) -> Iterator[Problem]:
    """Each with the place where it is written. ``providers``: all that are configured, None where
    more may be meant than could be read.
    """

    def settled(*keys: str) -> bool:
        return all(merger.settles(declared, key) for key in keys)

    def at(key: str, message: str, fix: str, *below: str) -> Problem:
        origins = merger.origins(declared)
        origin: Declared[Any] = next(
            (one for one in origins if _stands_in(one.block, key, below)), declared
        )
        return origin.problem(message, fix, key, *below)

    if settings.spot is not None and settled("spot", "spot_policy"):
        for key, message, fix in _spot_contradictions(settings):
            yield at("spot", message, fix, key)
    if settings.allocation_strategy == "prioritized" and settled("providers", "resources"):
        ordered = settings.resources is not None and settings.resources.ordered
        if not settings.providers and not ordered:
            message = "prioritized goes by the order of providers, and none is written"
            fix = "write providers in the order that you want, or resources.ordered"
            yield at("allocation_strategy", message, fix)
    if settings.max_share_per_provider is not None:
        keys = ("nodes", "placement", "providers", "exclude_providers")
        found = _share_contradiction(settings, providers) if settled(*keys) else None
        if found is not None:
            yield at("max_share_per_provider", *found)


def _stands_in(block: FleetSettings, key: str, below: tuple[str, ...]) -> bool:
    value = getattr(block, key)
    for name in below:
        value = getattr(value, name, None)
    return value is not None


def _spot_contradictions(settings: FleetSettings) -> Iterator[tuple[str, str, str]]:
    """Key, message and fix."""
    spot, policy = settings.spot, settings.spot_policy or "on-demand"
    if spot is None:
        return
    for key in ("min_on_demand", "fallback_after"):
        if getattr(spot, key) is not None and policy != "auto":
            message = f"spot.{key} says nothing with spot_policy: {policy}"
            yield key, message, "write spot_policy: auto, which may buy on-demand, or remove it"
    if spot.bid_usd is not None and policy == "on-demand":
        message = "spot.bid_usd says nothing with spot_policy: on-demand"
        yield "bid_usd", message, "write spot_policy: spot or auto, or remove it"
    nodes = settings.nodes.max if settings.nodes is not None else 1
    if policy == "auto" and spot.min_on_demand is not None and spot.min_on_demand > nodes:
        message = f"spot.min_on_demand is {spot.min_on_demand}, and nodes is at most {nodes}"
        yield "min_on_demand", message, f"write {nodes} or less"
    cap = settings.max_node_hour_usd
    if spot.bid_usd is not None and cap is not None and spot.bid_usd > cap:
        message = f"spot.bid_usd is above max_node_hour_usd, {cap}"
        yield "bid_usd", message, f"write {cap} or less: the cap counts the disk as well"


def _share_contradiction(
    settings: FleetSettings, configured: Collection[str] | None
) -> tuple[str, str] | None:
    """Message and fix, where the share can never be kept with all nodes."""
    share = settings.max_share_per_provider
    if share is None or share == 100:
        return None
    if settings.placement in ("same_provider", "same_region"):
        message = f"placement: {settings.placement} puts all nodes at one provider"
        return message, "remove one of the two, or write placement: spread"
    nodes = _target(settings)
    most = most_at_a_provider(nodes, share)
    if nodes and not most:
        message = f"{share} % of {nodes} nodes is less than one node"
        return message, f"write {-(-100 // nodes)}% or more"
    if configured is None:
        return None
    usable = set(settings.providers or configured) - set(settings.exclude_providers or ())
    if most * len(usable) < nodes:
        named = ", ".join(sorted(usable)[:5]) or "none"
        message = (
            f"{share} % of {nodes} nodes is {most} at each provider, and it may use {named}: "
            f"{most * len(usable)} of {nodes} nodes"
        )
        return message, "allow more providers, or a larger share"
    return None


def _target(settings: FleetSettings) -> int:
    nodes = settings.nodes
    if nodes is None:
        return 1
    return nodes.min if nodes.target is None else nodes.target
