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
from reconciler.planning.weighing import host_terms

Nodes = tuple[Offer, ...]
Worth = tuple[int, int, int, tuple[int, ...], Decimal]
"""Fleets below their minimum, nodes missing, places of alternatives and providers, squares of the
nodes at each provider, region and host, rate or score: less is better."""


def rate(fleet: Fleet, offer: Offer) -> Decimal:
    return offer.usd_per_hour + offer.disk_usd_per_gib_hour * fleet.resources.disk_bytes / GIB


def position(fleet: Fleet, offer: Offer) -> int | None:
    for number, wanted in enumerate(fleet.resources.gpu):
        if (offer.gpu_count, True) == (wanted.count, offer.gpu in wanted.models):
            return number
    return None


def place(fleet: Fleet, offer: Offer) -> int:
    found = (position(fleet, offer) or 0) if fleet.resources.ordered else 0
    order = fleet.buying.order
    if not order:
        return found
    turn = order.index(offer.provider) if offer.provider in order else len(order)
    return found * (len(order) + 1) + turn


def billed(fleet: Fleet, offer: Offer) -> Decimal:
    """The most that may be billed: a bid, whatever is asked."""
    bid = fleet.buying.bid_usd if offer.spot else None
    return rate(fleet, offer) + (0 if bid is None else bid - offer.usd_per_hour)


def score(fleet: Fleet, offer: Offer) -> Decimal:
    """The rate, or the bid; and with what is known of the host where that counts."""
    found, buying = billed(fleet, offer), fleet.buying
    for one in buying.learnt:
        if (one.provider, one.host) == (offer.provider, offer.host) and buying.as_of is not None:
            terms = host_terms(one, spot=offer.spot, now=buying.as_of)
            found *= 1 + sum((term.percent for term in terms), Decimal(0)) / 100
    return found.quantize(Decimal("0.000001"))


def squares(need: FleetNeed, standing: Sequence[Offer], nodes: Nodes) -> tuple[int, int, int]:
    if need.fleet.buying.strategy != "diversified":
        return (0, 0, 0)
    everyone = [*standing, *nodes]
    levels = (
        Counter(one.provider for one in everyone),
        Counter((one.provider, one.region) for one in everyone),
        Counter((one.provider, one.region, host(one)) for one in everyone),
    )
    first, second, third = (sum(n * n for n in level.values()) for level in levels)
    return (first, second, third)


def worth(
    needs: Sequence[FleetNeed],
    chosen: Mapping[str, Nodes],
    standing: Mapping[str, Sequence[Offer]] | None = None,
) -> Worth:
    below = missing = places = 0
    total = Decimal(0)
    uneven = (0, 0, 0)
    for need in needs:
        nodes = chosen[need.fleet.name]
        below += len(nodes) < need.short
        missing += len(need.slots) - len(nodes)
        if need.fleet.resources.ordered or need.fleet.buying.order:
            places += sum(place(need.fleet, one) for one in nodes)
        if need.fleet.is_plain:
            total += sum((rate(need.fleet, one) for one in nodes), Decimal(0))
            continue
        total += sum((score(need.fleet, one) for one in nodes), Decimal(0))
        mine = squares(need, (standing or {}).get(need.fleet.name, ()), nodes)
        uneven = (uneven[0] + mine[0], uneven[1] + mine[1], uneven[2] + mine[2])
    return (below, missing, places, uneven, total)


def host(offer: Offer) -> tuple[str, str]:
    return (offer.provider, f"host {offer.host}" if offer.host else f"key {offer.capacity_key}")


def suits(need: FleetNeed, standing: Sequence[Offer], nodes: Nodes) -> bool:
    """Whether ``nodes`` keep to the fleet's terms beside the machines bought from ``standing``."""
    fleet = need.fleet
    if fleet.gang and nodes and len(nodes) < need.short:
        return False
    if any(position(fleet, one) is None or one.spot not in fleet.kinds for one in nodes):
        return False
    if not fleet.is_plain and not shares(need, standing, nodes):
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


def shares(need: FleetNeed, standing: Sequence[Offer], nodes: Nodes) -> bool:
    """Whether spot and the share of each provider are within bounds."""
    buying = need.fleet.buying
    if buying.auto and sum(one.spot for one in nodes) > len(need.slots) - len(need.on_demand):
        return False
    if buying.bid_usd is not None and any(
        one.spot and one.usd_per_hour > buying.bid_usd for one in nodes
    ):
        return False
    if buying.max_share_percent is None:
        return True
    most = need.fleet.nodes.target * buying.max_share_percent // 100
    here = Counter(one.provider for one in (*standing, *nodes))
    return all(here[one.provider] <= most for one in nodes)


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
            spent[one.provider] += billed(need.fleet, one)  # type: ignore[assignment]
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
        worth(needs, chosen, standing)
        for chosen in everything(needs, standing, market)
        if affordable(needs, chosen, rooms)
    )
