"""Who wants what from which offers, where fleets stand in one another's way: small, and enough.

Like fleets of one size are one party: how many of them go which way is a number, not a choice for
each. Only offers that could be needed are kept: whoever takes another one could as well take one of
these, because together the parties take fewer nodes than are kept for each of their ways.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import field
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from reconciler.model.value import dataclass
from reconciler.planning.capacity import Capacity
from reconciler.planning.limits import cells_of
from reconciler.planning.weighing import cost_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from reconciler.planning.hosts import HostKey
    from reconciler.planning.limits import Limits
    from reconciler.planning.lone_choice import LikeFleets
    from reconciler.planning.offer_matching import RankedOffer
    from reconciler.planning.offer_shelves import Ranking
    from reconciler.planning.purchase_terms import FleetNeed, Place

Nodes = Mapping[str, Sequence["RankedOffer"]]
"""What each fleet gets, by its name."""
_Way = tuple[int, "Place"]
"""Number of the ranking (-1: any kind) and place."""


class Price(NamedTuple):
    """Places of alternatives, then dollars an hour; compared in that order."""

    places: int = 0
    usd: Decimal = Decimal(0)

    def plus(self, other: Price) -> Price:
        return Price(self.places + other.places, self.usd + other.usd)

    def minus(self, other: Price) -> Price:
        return Price(self.places - other.places, self.usd - other.usd)


class Least(NamedTuple):
    """The least that one fleet pays on a path, and its last node there."""

    price: Price
    last: Price


@dataclass(slots=True)
class Path:
    """One way of one party: ``fleets`` is the column of how many go it, or None for all.

    ``reached``: the column of how many of them reach their minimum, or None where all do anyway.
    """

    entries: list[RankedOffer]
    nodes: list[int] = field(default_factory=list)
    fleets: int | None = None
    reached: int | None = None
    least: Least | None = None


@dataclass(slots=True)
class Party:
    fleets: LikeFleets
    needs: tuple[FleetNeed, ...]
    paths: list[Path] = field(default_factory=list)

    @property
    def size(self) -> int:
        return len(self.needs[0].slots)

    @property
    def short(self) -> int:
        return self.needs[0].short

    @property
    def gang(self) -> bool:
        return self.needs[0].gang

    def price(self, entry: RankedOffer) -> Price:
        return Price(self.fleets.position_of(entry), cost_of(entry))

    @property
    def limits(self) -> Limits | None:
        return self.fleets.terms.limits

    def positions(self) -> Iterator[tuple[int, int]]:
        """Each node column with the place of its alternative."""
        for path in self.paths:
            for column, entry in zip(path.nodes, path.entries, strict=True):
                yield column, self.fleets.position_of(entry)


def parties_of(
    groups: Sequence[LikeFleets], rooms: Mapping[str, Decimal], known: Nodes
) -> tuple[list[Party], bool]:
    """The parties of ``groups`` with their paths. True with them when ``known``, which is allowed,
    leaves nobody short: then what must be worse than it is left out.
    """
    parties = [party for fleets in groups for party in _parties(fleets)]
    total = sum(party.size * len(party.needs) for party in parties)
    for party in parties:
        party.paths = [Path(entries) for entries in _ways(party, total, rooms)]
    needs = (need for party in parties for need in party.needs)
    full = all(len(known[need.fleet.name]) == len(need.slots) for need in needs)
    if full and not any(party.limits is not None and party.limits.even for party in parties):
        _leave_out_the_dear(parties, known)
    return list(_united(parties)), full


def columns_of(party: Party) -> Iterator[tuple[int, RankedOffer]]:
    """Each node column of ``party`` with its offer."""
    for path in party.paths:
        yield from zip(path.nodes, path.entries, strict=True)


def _parties(fleets: LikeFleets) -> Iterator[Party]:
    """With ``spread`` each fleet by itself: which of them stands on a host matters."""
    alike: dict[tuple[int, int, bool, str], list[FleetNeed]] = defaultdict(list)
    for need in fleets.needs:
        name = need.fleet.name if fleets.terms.spread else ""
        alike[len(need.slots), need.short, need.gang, name].append(need)
    for _, needs in sorted(alike.items(), key=lambda item: item[0]):
        yield Party(fleets, tuple(needs))


# --- which offers could be needed -------------------------------------------------------------


def _ways(party: Party, total: int, rooms: Mapping[str, Decimal]) -> Iterator[list[RankedOffer]]:
    """The entries worth a column, for each way that could serve a fleet of the party."""
    ways: dict[_Way, list[RankedOffer]] = defaultdict(list)
    uniform, terms = party.fleets.terms.uniform, party.fleets.terms
    for number, ranking in enumerate(party.fleets.rankings):
        for entry in _enough(party, ranking, total, rooms):
            ways[number if uniform else -1, terms.place_of(entry.offer)].append(entry)
    for _, entries in sorted(ways.items(), key=lambda item: item[0]):
        if not party.gang or sum(entry.offer.stock for entry in entries) >= party.short:
            yield entries


def _enough(
    party: Party, ranking: Ranking, total: int, rooms: Mapping[str, Decimal]
) -> Iterator[RankedOffer]:
    """The cheapest of ``ranking`` until there are ``total`` nodes in each place.

    Money at a provider with a cap is not like money elsewhere, nor is a node that a limit counts
    like one that it does not: there, as many again.
    """
    terms = party.fleets.terms
    wanted = total + party.size if terms.spread else total
    shares: dict[tuple[object, ...], _Share] = defaultdict(_Share)
    for entry in ranking.from_place():
        provider = entry.offer.provider
        counted = () if terms.limits is None else _counted(terms.limits, entry)
        share = shares[terms.place_of(entry.offer), provider if provider in rooms else "", counted]
        if share.count < wanted:
            share.add(entry, terms.host_of(entry.offer), wanted)
            yield entry
        elif not terms.one_place and not rooms and terms.limits is None:
            return


def _counted(limits: Limits, entry: RankedOffer) -> tuple[object, ...]:
    """Nodes that are the same to the limits; whichever is cheaper can then take another's place."""
    if limits.even:
        return (entry.offer.spot, cells_of(entry.offer)[-1])
    return (entry.offer.spot, entry.offer.provider)


@dataclass(slots=True)
class _Share:
    """How many nodes some entries give when they are taken together."""

    capacity: Capacity = field(default_factory=Capacity)
    hosts: set[HostKey] = field(default_factory=set)
    count: int = 0

    def add(self, entry: RankedOffer, host: HostKey | None, wanted: int) -> None:
        if host in self.hosts:
            return
        times = min(self.capacity.room(entry.offer), wanted - self.count)
        if times <= 0:
            return
        if host is not None:
            self.hosts.add(host)
            times = 1
        self.capacity.take(entry.offer, times)
        self.count += times


# --- what is surely too dear ------------------------------------------------------------------


def _leave_out_the_dear(parties: Sequence[Party], known: Nodes) -> None:
    """Keep what can be part of a choice no worse than ``known``, which leaves nobody short.

    Each fleet pays at least what it would pay if it were alone; whatever costs one fleet more on
    top of that than ``known`` costs all of them is never part of the best.
    """
    slack = Price()
    for party in parties:
        for path in party.paths:
            path.least = _least(party, path)
        party.paths = [path for path in party.paths if path.least is not None]
        alone = min(path.least.price for path in party.paths if path.least)
        for need in party.needs:
            for entry in known[need.fleet.name]:
                slack = slack.plus(party.price(entry))
            slack = slack.minus(alone)
    for party in parties:
        alone = min(path.least.price for path in party.paths if path.least)
        for path in party.paths:
            assert path.least is not None
            extra = path.least.price.minus(alone)
            rest = slack.minus(extra).plus(path.least.last)
            path.entries = [one for one in path.entries if party.price(one) <= rest]
        party.paths = [path for path in party.paths if path.entries]


def _united(parties: Iterable[Party]) -> Iterator[Party]:
    """Parties that differ in nothing any more as one: it spares the search all their exchanges."""
    alike: dict[object, list[Party]] = defaultdict(list)
    for number, party in enumerate(parties):
        left = tuple(
            tuple((one.offer.provider, one.offer.id, party.price(one)) for one in path.entries)
            for path in party.paths
        )
        own = number if party.fleets.terms.spread or party.limits is not None else -1
        alike[party.size, party.short, party.gang, own, left].append(party)
    for same in alike.values():
        needs = tuple(need for party in same for need in party.needs)
        yield Party(same[0].fleets, needs, same[0].paths)


def _least(party: Party, path: Path) -> Least | None:
    """What one fleet pays at least on this path; None when it cannot get all its nodes there."""
    price, last, missing = Price(), Price(), party.size
    for entry in sorted(path.entries, key=party.price):
        times = min(missing, 1 if party.fleets.terms.spread else entry.offer.stock)
        last = party.price(entry)
        for _ in range(times):
            price = price.plus(last)
        missing -= times
        if not missing:
            return Least(price, last)
    return None
