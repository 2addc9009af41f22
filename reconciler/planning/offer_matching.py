"""Which offers a fleet may take, in which order, and why not the others."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import field
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from reconciler.model.quantity import NEVER, Range
from reconciler.model.value import dataclass
from reconciler.planning.hosts import host_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from reconciler.model.fleet import Fleet, GpuRequirement, OfferRules, Resources, Where
    from reconciler.model.offer import Ability, Offer
    from reconciler.planning.hosts import HostKey

    RefusalTest = tuple[str, Callable[[Offer], bool]]
    """The reason for which an offer is refused, and what passes."""

DISK_REASON = "too little disk"
LEASE_REASON = "ends before the lease"
QUARANTINE_REASON = "quarantined host"
LOST_REASON = "spot taken away there lately"
BID_REASON = "asks more than bid_usd"
ABILITY_REASONS: dict[Ability, str] = {
    "image": "runs no container images",
    "vm_image": "boots no VM images",
    "setup": "runs no setup",
    "ports": "opens no ports",
    "spot": "rents no spot machines",
}
GpuKind = tuple[str, int, int]
"""What makes nodes alike: GPU model, number, and memory of one GPU."""


@dataclass(frozen=True, slots=True)
class Weight:
    """What an offer counts for where the rate alone does not say it (``weighing``)."""

    place: int
    score_usd: Decimal


class RankedOffer(NamedTuple):
    """An offer that satisfies the fleet. ``alternative`` is the position of the requirement.

    ``weight`` is None where the rate is all that counts. A named tuple, because each of a hundred
    fleets makes one for every offer that it reads.
    """

    offer: Offer
    usd_per_hour: Decimal
    alternative: int
    weight: Weight | None = None

    @property
    def kind(self) -> GpuKind:
        return (self.offer.gpu, self.offer.gpu_count, self.offer.gpu_memory_bytes)

    @property
    def usd_per_gpu_hour(self) -> Decimal:
        return self.usd_per_hour / self.offer.gpu_count


@dataclass(frozen=True, slots=True)
class OfferMatch:
    """``ranked``: cheapest first, ties by provider and id. ``rejected``: every other offer once,
    under its first reason.
    """

    ranked: tuple[RankedOffer, ...]
    rejected: Mapping[str, Sequence[Offer]] = field(default_factory=dict)

    @property
    def rejections(self) -> dict[str, int]:
        """How many offers each reason refuses, in order of the reasons' words."""
        return {reason: len(offers) for reason, offers in sorted(self.rejected.items())}


def match_offers(fleet: Fleet, offers: Iterable[Offer]) -> OfferMatch:
    """Filter and rank; the order of ``offers`` does not matter."""
    tests = refusal_tests(fleet)
    ranked: list[RankedOffer] = []
    rejected: dict[str, list[Offer]] = defaultdict(list)
    for offer in offers:
        alternative = _alternative(fleet.resources.gpu, offer)
        if alternative is None:
            rejected["other GPU"].append(offer)
            continue
        refused = next((reason for reason, passes in tests if not passes(offer)), None)
        if refused is not None:
            rejected[refused].append(offer)
            continue
        rate = offer.node_usd_per_hour(fleet.resources.disk_bytes)
        too_dear = _too_dear(fleet, offer, rate)
        if too_dear:
            rejected[too_dear].append(offer)
            continue
        ranked.append(RankedOffer(offer, rate, alternative))
    ranked.sort(key=lambda entry: (entry.usd_per_hour, entry.offer.provider, entry.offer.id))
    return OfferMatch(tuple(ranked), dict(rejected))


def _alternative(wanted: Sequence[GpuRequirement], offer: Offer) -> int | None:
    for position, requirement in enumerate(wanted):
        if requirement.accepts(offer.gpu, offer.gpu_count, offer.gpu_memory_bytes):
            return position
    return None


def refusal_tests(fleet: Fleet) -> list[RefusalTest]:
    """The constraints that the fleet really states, in the order in which they are reported."""
    return [
        *_kind_tests(fleet),
        ("none left", lambda offer: offer.stock > 0),
        (LEASE_REASON, lambda offer: outlasts_lease(offer, fleet)),
        *_ability_tests(fleet),
        *_place_tests(fleet.where),
        *_hardware_tests(fleet.resources),
        *_host_tests(fleet.offers),
    ]


def seen_by_tests(fleet: Fleet) -> tuple[object, ...]:
    """Everything that ``refusal_tests`` look at, disk and lease apart: equal for fleets that accept
    the same offers. A test that looks at more has to be added here.
    """
    wanted, needed = fleet.resources, fleet.needed_abilities
    kinds = (fleet.spot, fleet.buying.auto, fleet.buying.bid_usd)
    hardware = (wanted.cpu, wanted.memory, wanted.cuda)
    return (kinds, fleet.where, fleet.offers, *hardware, needed)


def _kind_tests(fleet: Fleet) -> Iterator[RefusalTest]:
    if fleet.spot:
        yield ABILITY_REASONS["spot"], _able("spot")
    if not fleet.buying.auto:
        kind = "spot" if fleet.spot else "on-demand"
        yield f"not {kind}", lambda offer: offer.spot == fleet.spot
    bid = fleet.buying.bid_usd
    if bid is not None:
        yield BID_REASON, lambda offer: not offer.spot or offer.usd_per_hour <= bid


def outlasts_lease(offer: Offer, fleet: Fleet) -> bool:
    """Whether it can be rented for as long as the fleet may need it: a whole ``ttl`` from now."""
    if offer.rentable_for is None:
        return True
    return fleet.expires_at != NEVER and offer.rentable_for >= fleet.ttl


def _ability_tests(fleet: Fleet) -> Iterator[RefusalTest]:
    needed = fleet.needed_abilities
    for ability, reason in ABILITY_REASONS.items():
        if ability in needed and ability != "spot":
            yield reason, _able(ability)


def _able(ability: Ability) -> Callable[[Offer], bool]:
    return lambda offer: ability not in offer.lacks


def _place_tests(where: Where) -> Iterator[RefusalTest]:
    if where.providers:
        yield "other provider", lambda offer: offer.provider in where.providers
    if where.exclude_providers:
        yield "excluded provider", lambda offer: offer.provider not in where.exclude_providers
    if where.regions:
        yield "other region", lambda offer: offer.region in where.regions
    if where.countries:
        yield "other country", lambda offer: offer.country in where.countries
    if where.exclude_countries:
        # An offer that hides its country may be in an excluded one.
        hidden_or_excluded = where.exclude_countries | {None}
        yield "excluded country", lambda offer: offer.country not in hidden_or_excluded


def _hardware_tests(resources: Resources) -> Iterator[RefusalTest]:
    for reason, span, value in (
        ("too few or too many CPUs", resources.cpu, lambda offer: offer.vcpus),
        ("too little or too much memory", resources.memory, lambda offer: offer.memory_bytes),
        ("other CUDA version", resources.cuda, lambda offer: offer.cuda),
    ):
        if not span.is_open:
            yield reason, _in_range(span, value)
    yield DISK_REASON, lambda offer: _disk_fits(offer, resources.disk_bytes)


def _host_tests(rules: OfferRules) -> Iterator[RefusalTest]:
    if rules.min_reliability is not None:
        yield "less reliable", _in_range(Range(rules.min_reliability), lambda o: o.reliability)
    if rules.verified is not None:
        reason = "not verified" if rules.verified else "verified"
        yield reason, lambda offer: offer.verified is rules.verified
    if rules.hosting != "any":
        yield "other hosting", lambda offer: offer.hosting == rules.hosting
    if rules.exclude_hosts:
        yield "excluded host", lambda offer: offer.host not in rules.exclude_hosts
    if rules.quarantined:
        yield QUARANTINE_REASON, lambda o: (o.provider, o.host) not in rules.quarantined
    if rules.lost:
        yield LOST_REASON, lambda o: not o.spot or _place(o) not in rules.lost
    if rules.allow_hosts:
        yield "host not allowed", lambda offer: offer.host in rules.allow_hosts


def _place(offer: Offer) -> HostKey:
    return host_of(offer.provider, offer.host, offer.capacity_key)


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
