"""Which other offers a create may fall back on: those with which its fleet keeps to its terms."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from reconciler.model.cost import ZERO

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from decimal import Decimal

    from reconciler.model.offer import Offer
    from reconciler.planning.exact_choice import Selection
    from reconciler.planning.limits import Limits
    from reconciler.planning.lone_choice import LikeFleets
    from reconciler.planning.offer_matching import GpuKind, RankedOffer
    from reconciler.planning.purchase_terms import FleetNeed, Place

_SPARES = 50
"""How many other offers the creates of a fleet may fall back on when theirs vanish."""


class Spares:
    """What a fleet may fall back on, cheapest first; most often the same for each of its nodes."""

    def __init__(self, entries: tuple[RankedOffer, ...]) -> None:
        self.entries = entries
        self.offers = tuple(entry.offer for entry in entries)
        self.dearest = max((entry.usd_per_hour for entry in entries), default=ZERO)


class FallbackOffers:
    """What is left over once every fleet has its nodes.

    A fallback is of the fleet's kind (unless it may mix), in the place that was chosen, and with
    ``spread`` on a host that no other node of the fleet has. With a cap at a provider, it is never
    dearer there than the offer it stands for, and never comes from another provider: so the sum
    holds whatever vanishes.
    """

    def __init__(self, selection: Selection, capped: Collection[str]) -> None:
        self._capped = capped
        self._capacity = selection.taken
        self._groups = {
            need.fleet.name: group for group in selection.groups for need in group.needs
        }
        self._left: dict[tuple[LikeFleets, GpuKind | None, Place], tuple[RankedOffer, ...]] = {}

    def of_fleet(self, need: FleetNeed, nodes: list[RankedOffer]) -> Spares:
        """For a fleet that gets ``nodes``, at least one; cheapest first."""
        group, first = self._groups[need.fleet.name], nodes[0]
        kind = first.kind if group.terms.uniform else None
        place = group.terms.place_of(first.offer)
        hosts = {group.terms.host_of(entry.offer) for entry in nodes} - {None}
        found = self._left_over(group, kind, place)
        free = (one for one in found if group.terms.host_of(one.offer) not in hosts)
        return Spares(tuple(islice(free, _SPARES)))

    def of_node(self, chosen: RankedOffer, spares: Spares, ceiling: Decimal) -> Iterable[Offer]:
        """Those of ``spares`` that may stand for ``chosen``."""
        if not self._capped and spares.dearest <= ceiling:
            return spares.offers
        provider = chosen.offer.provider
        return [
            spare.offer
            for spare in spares.entries
            if spare.usd_per_hour <= ceiling
            and (
                spare.offer.provider not in self._capped
                or (spare.offer.provider == provider and spare.usd_per_hour <= chosen.usd_per_hour)
            )
        ]

    def _left_over(
        self, group: LikeFleets, kind: GpuKind | None, place: Place
    ) -> tuple[RankedOffer, ...]:
        key = (group, kind, place)
        if key not in self._left:
            used_hosts = max(len(need.slots) for need in group.needs) if group.terms.spread else 0
            entries = (
                entry
                for ranking in group.ways_of(kind)
                for entry in self._capacity.with_room(ranking)
                if group.terms.place_of(entry.offer) == place
            )
            self._left[key] = tuple(islice(entries, _SPARES + used_hosts))
        return self._left[key]


def like_offers(
    chosen: Offer, others: Iterable[Offer], limits: Limits, slot: int, need: FleetNeed
) -> list[Offer]:
    """Those of ``others`` with which the fleet keeps to ``limits`` whatever vanishes."""
    kept = [
        one
        for one in others
        if not (one.spot and slot in need.on_demand)
        and (limits.provider_most is None or one.provider == chosen.provider)
    ]
    if limits.even:
        kept.sort(key=lambda one: (one.provider != chosen.provider, one.region != chosen.region))
    return kept
