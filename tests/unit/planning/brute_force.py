"""Every allowed choice of a small market, tried one by one: what the exact choice is held against.

Shares nothing with the program but its values: rules are written out again, slowly and plainly.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import combinations_with_replacement

from reconciler.model.fleet import Fleet
from reconciler.model.offer import Offer
from reconciler.model.quantity import GIB
from reconciler.planning.purchase_terms import FleetNeed

Nodes = tuple[Offer, ...]
Worth = tuple[int, int, int, Decimal]
"""Fleets below their minimum, nodes missing, places of alternatives, rate: less is better."""


def rate(fleet: Fleet, offer: Offer) -> Decimal:
    return offer.usd_per_hour + offer.disk_usd_per_gib_hour * fleet.resources.disk_bytes / GIB


def position(fleet: Fleet, offer: Offer) -> int | None:
    for number, wanted in enumerate(fleet.resources.gpu):
        if (offer.gpu_count, True) == (wanted.count, offer.gpu in wanted.models):
            return number
    return None


def worth(needs: Sequence[FleetNeed], chosen: Mapping[str, Nodes]) -> Worth:
    below = missing = places = 0
    total = Decimal(0)
    for need in needs:
        nodes = chosen[need.fleet.name]
        below += len(nodes) < need.short
        missing += len(need.slots) - len(nodes)
        if need.fleet.resources.ordered:
            places += sum(position(need.fleet, one) or 0 for one in nodes)
        total += sum((rate(need.fleet, one) for one in nodes), Decimal(0))
    return (below, missing, places, total)


def host(offer: Offer) -> tuple[str, str]:
    return (offer.provider, f"host {offer.host}" if offer.host else f"key {offer.capacity_key}")


def suits(need: FleetNeed, standing: Sequence[Offer], nodes: Nodes) -> bool:
    """Whether ``nodes`` keep to the fleet's terms beside the machines bought from ``standing``."""
    fleet = need.fleet
    if fleet.gang and nodes and len(nodes) < need.short:
        return False
    if any(position(fleet, one) is None or one.spot != fleet.spot for one in nodes):
        return False
    cap = fleet.max_node_hour_usd
    if cap is not None and any(rate(fleet, one) > cap for one in nodes):
        return False
    if fleet.uniform:
        before = {(one.gpu, one.gpu_count) for one in standing}
        kinds = {(one.gpu, one.gpu_count) for one in nodes}
        if len(kinds) > 1 or (len(before) == 1 and not kinds <= before):
            return False
    if fleet.placement in ("same_provider", "same_region"):
        whole = fleet.placement == "same_region"
        old = {(one.provider, one.region if whole else "") for one in standing}
        new = {(one.provider, one.region if whole else "") for one in nodes}
        if not (new <= old if old else len(new) <= 1):
            return False
    if fleet.placement == "spread":
        used = Counter(host(one) for one in nodes)
        taken = {host(one) for one in standing}
        if any(count > 1 for count in used.values()) or not taken.isdisjoint(used):
            return False
    return True


def possible(need: FleetNeed, standing: Sequence[Offer], market: Sequence[Offer]) -> list[Nodes]:
    found = []
    for size in range(len(need.slots) + 1):
        for nodes in combinations_with_replacement(market, size):
            if suits(need, standing, nodes) and fits(nodes):
                found.append(nodes)
    return found


def fits(nodes: Nodes) -> bool:
    """No capacity is promised beyond what its offers say, for each figure that they say."""
    by_key: dict[tuple[str, str], list[Offer]] = {}
    for one in nodes:
        by_key.setdefault((one.provider, one.capacity_key), []).append(one)
    return all(
        sum(1 for one in taken if one.stock <= limit) <= limit
        for taken in by_key.values()
        for limit in {one.stock for one in taken}
    )


def affordable(
    needs: Sequence[FleetNeed], chosen: Mapping[str, Nodes], rooms: Mapping[str, Decimal]
) -> bool:
    spent: Counter[str] = Counter()
    for need in needs:
        for one in chosen[need.fleet.name]:
            spent[one.provider] += rate(need.fleet, one)  # type: ignore[assignment]
    return all(spent[name] <= room or not spent[name] for name, room in rooms.items())


def everything(
    needs: Sequence[FleetNeed], standing: Mapping[str, Sequence[Offer]], market: Sequence[Offer]
) -> Iterator[dict[str, Nodes]]:
    """Every choice for all fleets that keeps to their terms and to all capacities."""
    if not needs:
        yield {}
        return
    first, rest = needs[0], needs[1:]
    mine = possible(first, standing.get(first.fleet.name, ()), market)
    for others in everything(rest, standing, market):
        taken = tuple(one for nodes in others.values() for one in nodes)
        for nodes in mine:
            if not taken or fits((*taken, *nodes)):
                yield {first.fleet.name: nodes, **others}


def least_worth(
    needs: Sequence[FleetNeed],
    standing: Mapping[str, Sequence[Offer]],
    market: Sequence[Offer],
    rooms: Mapping[str, Decimal],
) -> Worth:
    """The best that is allowed."""
    return min(
        worth(needs, chosen)
        for chosen in everything(needs, standing, market)
        if affordable(needs, chosen, rooms)
    )
