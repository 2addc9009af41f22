"""Which offers a fleet may take, in which order, and why not the others."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from reconciler.model.fleet import Fleet, GpuRequirement
    from reconciler.model.offer import Offer
    from reconciler.model.quantity import Range

GpuKind = tuple[str, int, int]
"""What makes nodes alike: GPU model, number, and memory of one GPU."""


@dataclass(frozen=True, slots=True)
class RankedOffer:
    """An offer that satisfies the fleet. ``alternative`` is the position of the requirement."""

    offer: Offer
    usd_per_hour: Decimal
    alternative: int

    @property
    def kind(self) -> GpuKind:
        return (self.offer.gpu, self.offer.gpu_count, self.offer.gpu_memory_bytes)

    @property
    def usd_per_gpu_hour(self) -> Decimal:
        return self.usd_per_hour / self.offer.gpu_count


@dataclass(frozen=True, slots=True)
class OfferMatch:
    """``ranked``: cheapest first, ties by provider and id. ``rejections``: each other offer
    counted under its first reason.
    """

    ranked: tuple[RankedOffer, ...]
    rejections: dict[str, int] = field(default_factory=dict)


def match_offers(fleet: Fleet, offers: Iterable[Offer]) -> OfferMatch:
    """Filter and rank; the order of ``offers`` does not matter."""
    tests = refusal_tests(fleet)
    ranked: list[RankedOffer] = []
    rejections: dict[str, int] = defaultdict(int)
    for offer in offers:
        alternative = _alternative(fleet.resources.gpu, offer)
        if alternative is None:
            rejections["other GPU"] += 1
            continue
        refused = next((reason for reason, passes in tests if not passes(offer)), None)
        if refused is not None:
            rejections[refused] += 1
            continue
        rate = offer.node_usd_per_hour(fleet.resources.disk_bytes)
        too_dear = _too_dear(fleet, offer, rate)
        if too_dear:
            rejections[too_dear] += 1
            continue
        ranked.append(RankedOffer(offer, rate, alternative))
    ranked.sort(key=lambda entry: (entry.usd_per_hour, entry.offer.provider, entry.offer.id))
    return OfferMatch(tuple(ranked), dict(sorted(rejections.items())))


def _alternative(wanted: Sequence[GpuRequirement], offer: Offer) -> int | None:
    for position, requirement in enumerate(wanted):
        if requirement.accepts(offer.gpu, offer.gpu_count, offer.gpu_memory_bytes):
            return position
    return None


def refusal_tests(fleet: Fleet) -> list[tuple[str, Callable[[Offer], bool]]]:
    """The constraints that the fleet really states, in the order in which they are reported."""
    where, rules, resources = fleet.where, fleet.offers, fleet.resources
    kind = "spot" if fleet.spot else "on-demand"
    tests: list[tuple[str, Callable[[Offer], bool]]] = [
        (f"not {kind}", lambda offer: offer.spot == fleet.spot),
        ("none left", lambda offer: offer.stock > 0),
    ]
    if where.providers:
        tests.append(("other provider", lambda offer: offer.provider in where.providers))
    if where.exclude_providers:
        tests.append(
            ("excluded provider", lambda offer: offer.provider not in where.exclude_providers)
        )
    if where.regions:
        tests.append(("other region", lambda offer: offer.region in where.regions))
    if where.countries:
        tests.append(("other country", lambda offer: offer.country in where.countries))
    if where.exclude_countries:
        # An offer that hides its country may be in an excluded one.
        tests.append(
            (
                "excluded country",
                lambda offer: (
                    offer.country is not None and offer.country not in where.exclude_countries
                ),
            )
        )
    for reason, span, value in (
        ("too few or too many CPUs", resources.cpu, lambda offer: offer.vcpus),
        ("too little or too much memory", resources.memory, lambda offer: offer.memory_bytes),
        ("other CUDA version", resources.cuda, lambda offer: offer.cuda),
    ):
        if not span.is_open:
            tests.append((reason, _in_range(span, value)))
    tests.append(("too little disk", lambda offer: _disk_fits(offer, resources.disk_bytes)))
    if rules.min_reliability is not None:
        wanted = rules.min_reliability
        tests.append(
            (
                "less reliable",
                lambda offer: offer.reliability is not None and offer.reliability >= wanted,
            )
        )
    if rules.verified is not None:
        tests.append(
            (
                "not verified" if rules.verified else "verified",
                lambda offer: offer.verified is rules.verified,
            )
        )
    if rules.hosting != "any":
        tests.append(("other hosting", lambda offer: offer.hosting == rules.hosting))
    if rules.exclude_hosts:
        tests.append(("excluded host", lambda offer: offer.host not in rules.exclude_hosts))
    if rules.allow_hosts:
        tests.append(("host not allowed", lambda offer: offer.host in rules.allow_hosts))
    return tests


def _in_range(
    span: Range, value: Callable[[Offer], Decimal | int | None]
) -> Callable[[Offer], bool]:
    def passes(offer: Offer) -> bool:
        found = value(offer)
        return found is not None and span.contains(found)

    return passes


def _disk_fits(offer: Offer, wanted_bytes: int) -> bool:
    return offer.disk_bytes_max is None or offer.disk_bytes_max >= wanted_bytes


def _too_dear(fleet: Fleet, offer: Offer, rate: Decimal) -> str:
    if fleet.max_gpu_hour_usd is not None and rate > fleet.max_gpu_hour_usd * offer.gpu_count:
        return "above max_gpu_hour_usd"
    if fleet.max_node_hour_usd is not None and rate > fleet.max_node_hour_usd:
        return "above max_node_hour_usd"
    return ""
