"""What a fleet lacks that does not just take the cheapest: how many of its nodes may be spot, how
many may stand where, and which slots take no spot machine.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from reconciler.planning.hosts import host_of
from reconciler.planning.limits import cell_of_machine, limits_of
from reconciler.planning.spot_memory import slots_without_spot

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from reconciler.model.fleet import Fleet
    from reconciler.planning.limits import Cell
    from reconciler.planning.occupancy import Occupancy
    from reconciler.planning.offer_matching import RankedOffer
    from reconciler.planning.purchase_terms import FleetNeed
    from reconciler.planning.scene import Decisions, Scene


def with_learnt(fleet: Fleet, scene: Scene) -> Fleet:
    """``fleet`` with what the state knows of hosts, where it weighs offers by it."""
    if fleet.buying.strategy != "price-capacity-optimized":
        return fleet
    from reconciler.planning.weighing import with_learnt as weighing  # most fleets do not

    return weighing(fleet, scene.recorded.hosts.values(), scene.now)


def limited(need: FleetNeed, occupancy: Occupancy, scene: Scene, decisions: Decisions) -> FleetNeed:
    """``need`` with its limits, machines that stay counted in."""
    fleet = need.fleet
    on_demand: tuple[int, ...] = ()
    if fleet.buying.auto:
        on_demand = _on_demand(need, slots_without_spot(fleet, scene, decisions), occupancy)
    most = len(need.slots) - len(on_demand) if fleet.buying.auto else None
    limits = limits_of(fleet, most, _cells(occupancy))
    return replace(need, on_demand=on_demand, terms=replace(need.terms, limits=limits))


def _cells(occupancy: Occupancy) -> Iterator[Cell]:
    """Where each machine that stays stands, as narrow as it is known."""
    for provider, bought, seen in occupancy.staying:
        if bought is not None:
            host = host_of(provider, bought.host, bought.capacity_key)
            yield cell_of_machine(provider, bought.region, host)
        else:
            yield cell_of_machine(provider, seen.region if seen else None, None)


def _on_demand(
    need: FleetNeed, without_spot: frozenset[int], occupancy: Occupancy
) -> tuple[int, ...]:
    """The slots that lost too often, and as many others as `min_on_demand` still wants."""
    chosen = [slot for slot in need.slots if slot in without_spot]
    standing = sum(1 for _, bought, _ in occupancy.staying if bought and not bought.spot)
    missing = need.fleet.buying.min_on_demand - standing - len(chosen)
    others = [slot for slot in need.slots if slot not in without_spot]
    return tuple(sorted([*chosen, *others[: max(0, missing)]]))


def seated(need: FleetNeed, nodes: Sequence[RankedOffer]) -> Iterable[tuple[int, RankedOffer]]:
    """Which slot takes which node: those that take no spot machine are served first."""
    if not need.on_demand:
        return zip(need.slots, nodes, strict=False)
    on_demand = [node for node in nodes if not node.offer.spot]
    seats = list(zip(need.on_demand, on_demand, strict=False))
    others = [slot for slot in need.slots if slot not in need.on_demand]
    left = [*(node for node in nodes if node.offer.spot), *on_demand[len(seats) :]]
    return sorted([*seats, *zip(others, left, strict=False)], key=lambda seat: seat[0])
