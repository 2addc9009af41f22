"""Proves that what fleets get in turn is the best for all of them, where the prices show it.

What is used up has a scarcity price: the most that it spares a fleet which has it, against the
next offer with room. If every fleet pays the price of that next offer, less the scarcity of what
it took, nothing is cheaper (duality of the assignment problem). It is so wherever fleets agree on
the order of the offers, as those do that differ in the size of their disks alone; elsewhere
nothing is proven, and the search decides.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.cost import ZERO

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from decimal import Decimal

    from reconciler.planning.capacity import Capacity, CapacityKey
    from reconciler.planning.lone_choice import LikeFleets
    from reconciler.planning.offer_matching import RankedOffer


def is_surely_best(
    groups: Sequence[LikeFleets], nodes: Mapping[str, list[RankedOffer]], used: Capacity
) -> bool:
    """True when ``nodes`` leave nobody short and nothing can be cheaper; False says nothing.
    ``used``: what they take.

    Only for fleets of one kind each that may stand anywhere, at providers without a cap.
    """
    spared: dict[CapacityKey, Decimal] = {}
    stocks: dict[CapacityKey, int] = {}
    paid = least = ZERO
    for group in groups:
        if len(group.rankings) != 1 or group.terms.one_place or group.terms.spread:
            return False
        if group.terms.limits is not None:
            return False
        passed_over, next_rate = _up_to_room(group, used)
        for entry in passed_over:
            offer = entry.offer
            key = (offer.provider, offer.capacity_key)
            saved, known = next_rate - entry.usd_per_hour, spared.get(key)
            if known is None:
                spared[key], stocks[key] = max(saved, ZERO), offer.stock
            elif stocks[key] != offer.stock:
                return False
            elif saved > known:
                spared[key] = saved
        for need in group.needs:
            chosen = nodes[need.fleet.name]
            if len(chosen) != len(need.slots):
                return False
            least += next_rate * len(chosen)
            paid += sum((entry.usd_per_hour for entry in chosen), ZERO)
    least -= sum((saved * stocks[key] for key, saved in spared.items()), ZERO)
    return paid <= least


def _up_to_room(group: LikeFleets, used: Capacity) -> tuple[list[RankedOffer], Decimal]:
    """What is used up before the first offer with room, and the rate of that, or of the last."""
    ranking = group.rankings[0]
    count, following = used.up_to_room(ranking)
    passed_over = ranking.read_so_far[:count]
    last = following or (passed_over[-1] if passed_over else None)
    return passed_over, last.usd_per_hour if last else ZERO
