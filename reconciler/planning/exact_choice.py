"""Which offers all fleets of a plan get: the best set, not the first that fits.

Best means, in this order:

1. most fleets with at least their minimum of nodes;
2. most nodes;
3. for fleets with `ordered` alternatives the earliest ones (least sum of their places), and the
   providers that come first with `allocation_strategy: prioritized`;
4. for `diversified` fleets the most even spread over providers, then regions, then hosts;
5. the lowest rate of all nodes together, disks included (the lowest score, where offers are
   weighed);
6. among equals the offers that come first by provider and id, as far as the search settles it;
   beyond that the same ones each time.

Nothing is promised beyond its stock, a fleet keeps to its terms (kind, place, hosts, all or none),
and a provider to its cap. First every group of like fleets chooses as if it were alone. Where no
two groups then want the same thing, nothing can be better; where some do, they choose together,
until nobody stands in another's way.
"""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from reconciler.model.quantity import NEVER
from reconciler.model.value import dataclass
from reconciler.planning.capacity import Capacity
from reconciler.planning.funds import Funds
from reconciler.planning.lone_choice import LikeFleets
from reconciler.planning.offer_matching import seen_by_tests
from reconciler.planning.weighing import cost_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import timedelta

    from reconciler.model.fleet import Fleet
    from reconciler.planning.capacity import CapacityKey
    from reconciler.planning.offer_matching import RankedOffer
    from reconciler.planning.offer_shelves import OfferShelves
    from reconciler.planning.purchase_terms import FleetNeed

    Nodes = Mapping[str, list[RankedOffer]]
    """What each fleet gets, by its name."""


@dataclass(frozen=True, slots=True)
class Selection:
    """``nodes``: by fleet name, cheapest first. ``unproven``: fleets for which the search ended
    before it was sure that nothing is better. ``groups``: who wants the same in the same way.
    """

    nodes: Nodes
    unproven: frozenset[str]
    groups: tuple[LikeFleets, ...]
    taken: Capacity
    """By all nodes together."""


@dataclass(frozen=True, slots=True)
class _Circle:
    """Groups that chose together, and what came of it."""

    groups: tuple[LikeFleets, ...]
    nodes: Nodes
    taken: Capacity
    proven: bool = True

    @property
    def entries(self) -> Iterator[RankedOffer]:
        for nodes in self.nodes.values():
            yield from nodes


def choose_offers(
    needs: Sequence[FleetNeed], shelves: OfferShelves, rooms: Mapping[str, Decimal]
) -> Selection:
    """The best choice for ``needs``; ``rooms``: dollars an hour left at providers with a cap.

    The order of ``needs`` does not matter (I21).
    """
    groups = tuple(_like_fleets(needs, shelves))
    circles = [_alone(group, rooms) for group in groups]
    taken = _taken_by(circles)
    while colliding := _collisions(circles, taken, rooms):
        circles = list(_merged(circles, colliding, rooms))
        taken = _taken_by(circles)
    nodes: dict[str, list[RankedOffer]] = {}
    for circle in circles:
        nodes.update(circle.nodes)
    return Selection(
        nodes={name: sorted(chosen, key=_turn) for name, chosen in nodes.items()},
        unproven=frozenset(name for one in circles if not one.proven for name in one.nodes),
        groups=groups,
        taken=taken,
    )


def _turn(entry: RankedOffer) -> tuple[Decimal, str, str]:
    return (entry.usd_per_hour, entry.offer.provider, entry.offer.id)


def _like_fleets(needs: Iterable[FleetNeed], shelves: OfferShelves) -> Iterator[LikeFleets]:
    """By everything that decides which offers a fleet accepts, and in which order."""
    alike: dict[object, list[FleetNeed]] = defaultdict(list)
    in_turn = sorted(needs, key=lambda one: one.fleet.name)
    lengths = {_length(need.fleet) for need in in_turn}
    in_time = len(lengths) > 1 and shelves.some_end
    for need in in_turn:
        fleet = need.fleet
        caps = (fleet.max_gpu_hour_usd, fleet.max_node_hour_usd)
        alone = fleet.name if need.terms.limits is not None else ""
        length = _length(fleet) if in_time else None
        key = (seen_by_tests(fleet), fleet.resources, *caps, length, need.terms, alone)
        alike[key].append(need)
    for members in alike.values():
        terms = members[0].terms
        yield LikeFleets(members, terms, shelves.rankings(members[0].fleet, terms))


def _length(fleet: Fleet) -> tuple[timedelta, bool]:
    """What ``outlasts_lease`` looks at."""
    return fleet.ttl, fleet.expires_at == NEVER


def _alone(group: LikeFleets, rooms: Mapping[str, Decimal]) -> _Circle:
    taken = Capacity()
    chosen, sure = group.choose(taken, Funds({}))
    names = [need.fleet.name for need in group.needs]
    alone = _Circle((group,), dict(zip(names, chosen, strict=True)), taken)
    if sure and not _overspent([alone], rooms):
        return alone
    return _together((group,), rooms)


def _together(groups: tuple[LikeFleets, ...], rooms: Mapping[str, Decimal]) -> _Circle:
    from reconciler.planning.scarcity import is_surely_best  # most plans need none

    in_turn = _one_after_the_other(groups, rooms)
    if not rooms and is_surely_best(groups, in_turn.nodes, in_turn.taken):
        return _Circle(groups, in_turn.nodes, in_turn.taken)
    from reconciler.planning.joint_choice import choose_jointly

    found = choose_jointly(groups, rooms, in_turn.nodes)
    if found is None:
        return in_turn
    nodes = {need.fleet.name: found.nodes.get(need.fleet.name, []) for need in _needs(groups)}
    if not found.proven and _worth(groups, in_turn.nodes) < _worth(groups, nodes):
        return in_turn
    taken = Capacity()
    for chosen in nodes.values():
        for entry in chosen:
            taken.take(entry.offer)
    return _Circle(groups, nodes, taken, found.proven)


def _worth(groups: Iterable[LikeFleets], nodes: Nodes) -> tuple[Any, ...]:
    """The first five points above as numbers: less is better."""
    below = missing = places = 0
    usd = Decimal(0)
    uneven: list[tuple[int, ...]] = []
    for group in groups:
        for need in group.needs:
            chosen = nodes[need.fleet.name]
            below += len(chosen) < need.short
            missing += len(need.slots) - len(chosen)
            places += sum(group.position_of(entry) for entry in chosen)
            uneven.append(group.unevenness(chosen))
            usd += sum((cost_of(entry) for entry in chosen), Decimal(0))
    levels = tuple(map(sum, zip(*filter(None, uneven), strict=True)))
    return (below, missing, places, levels, usd)


def _one_after_the_other(groups: tuple[LikeFleets, ...], rooms: Mapping[str, Decimal]) -> _Circle:
    """Allowed, and not proven to be the best."""
    capacity, funds = Capacity(), Funds(rooms)
    nodes: dict[str, list[RankedOffer]] = {}
    for group in groups:
        chosen, _ = group.choose(capacity, funds)
        nodes.update(zip((need.fleet.name for need in group.needs), chosen, strict=True))
    return _Circle(groups, nodes, capacity, proven=False)


def _needs(groups: Iterable[LikeFleets]) -> Iterator[FleetNeed]:
    for group in groups:
        yield from group.needs


# --- who stands in whose way ------------------------------------------------------------------


def _taken_by(circles: Iterable[_Circle]) -> Capacity:
    together = Capacity()
    for circle in circles:
        together.absorb(circle.taken)
    return together


def _collisions(
    circles: Sequence[_Circle], taken: Capacity, rooms: Mapping[str, Decimal]
) -> list[set[int]]:
    """Numbers of circles that want one thing together which cannot be had together."""
    if len(circles) < 2:
        return []
    users: dict[CapacityKey, set[int]] = {key: set() for key in taken.overdrawn()}
    for number, circle in enumerate(circles) if users else ():
        for key in users.keys() & circle.taken.taken:
            users[key].add(number)
    found = list(users.values())
    for provider in _overspent(circles, rooms):
        at_it = (
            number
            for number, circle in enumerate(circles)
            if any(entry.offer.provider == provider for entry in circle.entries)
        )
        found.append(set(at_it))
    return found


def _overspent(circles: Iterable[_Circle], rooms: Mapping[str, Decimal]) -> list[str]:
    """Providers at which the circles together would be above the cap."""
    if not rooms:
        return []
    spent: dict[str, Decimal] = defaultdict(Decimal)
    for circle in circles:
        for entry in circle.entries:
            spent[entry.offer.provider] += entry.usd_per_hour
    return sorted(name for name, usd in spent.items() if usd > rooms.get(name, usd))


def _merged(
    circles: Sequence[_Circle], colliding: Iterable[set[int]], rooms: Mapping[str, Decimal]
) -> Iterator[_Circle]:
    """The circles, those that collide as one that has chosen together."""
    parts: list[set[int]] = []
    for numbers in colliding:
        touching = [part for part in parts if not part.isdisjoint(numbers)]
        parts = [part for part in parts if part.isdisjoint(numbers)]
        parts.append(numbers.union(*touching))
    moved = set().union(*parts)
    for number, circle in enumerate(circles):
        if number not in moved:
            yield circle
    for part in parts:
        groups = [group for number in sorted(part) for group in circles[number].groups]
        groups.sort(key=lambda group: group.needs[0].fleet.name)
        yield _together(tuple(groups), rooms)
