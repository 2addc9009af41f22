"""What a fleet lacks, and what its new nodes must have in common with those that stay."""

from __future__ import annotations

from dataclasses import field
from datetime import timedelta
from typing import TYPE_CHECKING

from reconciler.model.value import dataclass
from reconciler.planning.hosts import host_of
from reconciler.planning.limits import limits_when_new

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from reconciler.model.fleet import Fleet, Placement
    from reconciler.model.offer import Offer
    from reconciler.model.record import Succession
    from reconciler.planning.hosts import HostKey
    from reconciler.planning.limits import Limits
    from reconciler.planning.offer_matching import GpuKind

Place = tuple[str, ...]
"""A provider, or a provider and one of its regions."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a machine of a fleet is, or may be; None where it is not known."""

    provider: str
    region: str | None = None
    host: HostKey | None = None


@dataclass(frozen=True, slots=True)
class PurchaseTerms:
    """``alike``: the kind that new nodes must have. ``places``: where they must go, and ``hosts``
    where they must not, because of machines that stay.
    """

    placement: Placement = "any"
    uniform: bool = True
    alike: GpuKind | None = None
    places: frozenset[Place] = frozenset()
    hosts: frozenset[HostKey] = frozenset()
    limits: Limits | None = None
    """None for a fleet that just takes the cheapest."""

    @property
    def one_place(self) -> bool:
        """True when a place is still to be chosen, and all new nodes go there."""
        if self.placement == "same_provider":
            return not self.places
        return self.placement == "same_region" and all(len(place) == 1 for place in self.places)

    @property
    def spread(self) -> bool:
        return self.placement == "spread"

    def allows_place(self, provider: str, region: str) -> bool:
        """True when nodes that stay leave this place open."""
        known = {(provider,), (provider, region)}
        return not self.places or not known.isdisjoint(self.places)

    def place_of(self, offer: Offer) -> Place:
        """The place that taking ``offer`` chooses; ``()`` where none has to be chosen."""
        if not self.one_place:
            return ()
        if self.placement == "same_provider":
            return (offer.provider,)
        return (offer.provider, offer.region)

    def host_of(self, offer: Offer) -> HostKey | None:
        """The host that taking ``offer`` uses up for its fleet, with ``spread``."""
        if not self.spread:
            return None
        return host_of(offer.provider, offer.host, offer.capacity_key)


@dataclass(frozen=True, slots=True)
class FleetNeed:
    """The slots of one fleet that lack a machine and may be given one now.

    ``replaces`` names, by slot number, the marks of the machines that must be gone first. ``most``:
    the nodes that this run may bring the fleet to (the loop heals what was applied, not what a
    document asks for since); None: any number. ``succeeds`` names the machine that goes once the
    new one is ready. ``surplus``: slots with a machine of that kind which need none. ``terms`` say
    nothing where there are no ``slots``. ``on_demand``: those of them that take no spot machine.
    """

    fleet: Fleet
    slots: tuple[int, ...]
    occupied: int
    replaces: dict[int, tuple[str, ...]]
    terms: PurchaseTerms
    lease_ended: bool = False
    most: int | None = None
    succeeds: Mapping[int, Succession] = field(default_factory=dict)
    surplus: tuple[int, ...] = ()
    on_demand: tuple[int, ...] = ()

    def held(self, bought: Iterable[int]) -> int:
        """How many slots keep their machine for want of a successor."""
        return len(self.succeeds.keys() - bought) if self.succeeds else 0

    @property
    def short(self) -> int:
        """How many nodes bring the fleet to its minimum, as far as this run may."""
        least = self.fleet.nodes.minimum
        return max(0, (least if self.most is None else min(least, self.most)) - self.occupied)

    @property
    def closed(self) -> bool:
        """Outside of its office hours, where it has any: no window is at hand."""
        return self.fleet.active is not None and self.fleet.ttl <= timedelta(0)

    @property
    def gang(self) -> bool:
        return self.fleet.gang


def terms_of(
    fleet: Fleet,
    kinds: Iterable[GpuKind],
    standings: Iterable[Standing],
    limits: Limits | None = None,
) -> PurchaseTerms:
    """The terms of a fleet whose machines that stay are of ``kinds`` and stand at ``standings``.

    Machines of several kinds, or in several places, are left as they are: new nodes are then of
    any one kind, and go to any of those places. Without ``limits`` those of a fleet that is new.
    """
    found, standings = set(kinds), tuple(standings)
    places: frozenset[Place] = frozenset()
    if fleet.placement == "same_provider":
        places = frozenset((one.provider,) for one in standings)
    elif fleet.placement == "same_region":
        places = _regions(standings)
    hosts = (one.host for one in standings if one.host) if fleet.placement == "spread" else ()
    return PurchaseTerms(
        placement=fleet.placement,
        uniform=fleet.uniform,
        alike=next(iter(found)) if fleet.uniform and len(found) == 1 else None,
        places=places,
        hosts=frozenset(hosts),
        limits=limits or (None if fleet.is_plain else limits_when_new(fleet)),
    )


def _regions(standings: Iterable[Standing]) -> frozenset[Place]:
    """Known regions; only where none is known, the providers."""
    regions = frozenset((one.provider, one.region) for one in standings if one.region)
    return regions or frozenset((one.provider,) for one in standings)
