"""The best nodes for one fleet by itself, and for like fleets one after the other.

Within one way to fill a fleet (one kind, one place) the cheapest first is the best: what can be
taken together is a matroid, and so is one node on each host. The ways are compared whole.
"""

from __future__ import annotations

from dataclasses import field
from decimal import Decimal
from heapq import merge
from typing import TYPE_CHECKING

from reconciler.model.value import dataclass
from reconciler.planning.capacity import Capacity, capacity_of
from reconciler.planning.limits import unevenness
from reconciler.planning.offer_shelves import Ranking

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from reconciler.planning.funds import Funds
    from reconciler.planning.hosts import HostKey
    from reconciler.planning.offer_matching import GpuKind, RankedOffer
    from reconciler.planning.purchase_terms import FleetNeed, Place, PurchaseTerms

    Rank = tuple[int, int, Decimal, int, Place]
    """Fewer nodes missing, earlier alternatives, lower rate; then whatever comes first."""


@dataclass(slots=True)
class Pick:
    """Nodes of one way to fill a fleet. ``tangled``: the cheapest first may not be the best."""

    way: int
    place: Place
    capacity: Capacity
    funds: Funds
    entries: list[RankedOffer] = field(default_factory=list)
    order: int = 0
    total: Decimal = Decimal(0)
    hosts: set[HostKey] = field(default_factory=set)
    host_stood_in_the_way: bool = False
    capacity_stood_in_the_way: bool = False

    @property
    def rank(self) -> Rank:
        return (-len(self.entries), self.order, self.total, self.way, self.place)

    @property
    def tangled(self) -> bool:
        return self.host_stood_in_the_way and self.capacity_stood_in_the_way

    def take(self, entry: RankedOffer, position: int, count: int, terms: PurchaseTerms) -> None:
        """Take ``entry`` as often as it can be and is wanted."""
        offer, host = entry.offer, terms.host_of(entry.offer)
        if host is not None and host in self.hosts:
            self.host_stood_in_the_way = True
            return
        times = min(count - len(self.entries), self.capacity.room(offer))
        self.capacity_stood_in_the_way |= times <= 0
        limited = self.funds.limited
        for _ in range(min(times, 1) if host is not None else times):
            if limited:
                if not self.funds.allow(entry):
                    return
                self.funds.spend(entry)
            self.capacity.take(offer)
            self.entries.append(entry)
            self.order += position
            self.total += entry.usd_per_hour
            if host is not None:
                self.hosts.add(host)

    def beats_what_follows(self, other: Pick, position: int, rate: Decimal, count: int) -> bool:
        """True when ``other`` can only end behind this full one, nodes at ``rate`` being next."""
        missing = count - len(other.entries)
        best_end = (other.order + missing * position, other.total + missing * rate)
        return best_end > (self.order, self.total)


class LikeFleets:
    """Fleets that want the same in the same way, if not the same number of nodes."""

    def __init__(
        self, needs: Sequence[FleetNeed], terms: PurchaseTerms, rankings: Sequence[Ranking]
    ) -> None:
        self.needs = tuple(needs)
        self.terms = terms
        self.rankings = tuple(rankings)
        self._ordered = needs[0].fleet.resources.ordered
        self.ways = self.rankings if terms.uniform else (self._mixed(),)

    def position_of(self, entry: RankedOffer) -> int:
        """The place of its alternative; 0 where the order of the alternatives says nothing."""
        if entry.weight is not None:
            return entry.weight.place
        return entry.alternative if self._ordered else 0

    def unevenness(self, entries: Iterable[RankedOffer]) -> tuple[int, ...]:
        """How unevenly ``entries`` stand beside the machines that stay, where that matters."""
        limits = self.terms.limits
        return unevenness(limits, (one.offer for one in entries)) if limits is not None else ()

    def _mixed(self) -> Ranking:
        """All kinds in one ranking, the earlier alternatives first where that matters."""
        if self.terms.limits is not None:
            from reconciler.planning.weighing import turn_of

            return Ranking(merge(*(one.from_place() for one in self.rankings), key=turn_of))

        def rank(entry: RankedOffer) -> tuple[int, Decimal, str, str]:
            offer = entry.offer
            return (self.position_of(entry), entry.usd_per_hour, offer.provider, offer.id)

        return Ranking(merge(*(one.from_place() for one in self.rankings), key=rank))

    def ways_of(self, kind: GpuKind | None) -> list[Ranking]:
        """The ways that give nodes of ``kind``; None: every way."""
        first = ((ranking, next(ranking.from_place(), None)) for ranking in self.ways)
        return [one for one, entry in first if entry and kind in (None, entry.kind)]

    def choose(self, capacity: Capacity, funds: Funds) -> tuple[list[list[RankedOffer]], bool]:
        """Nodes for each need in turn, taken from ``capacity`` and ``funds``.

        True with them when there is nothing better, funds apart: nobody goes short, and either
        each could only be served in one way or all want the same number (what one more fleet
        costs then only rises, so that the cheapest way for the next one is always right).
        """
        if self.terms.limits is not None:
            from reconciler.planning.weighed_choice import choose_weighed

            return choose_weighed(self, self.terms.limits, capacity, funds)
        turns = _Turns(self, capacity, funds)
        picks = [turns.choose(len(need.slots), need.short, gang=need.gang) for need in self.needs]
        if len(self.needs) == 1:
            return [pick.entries for pick in picks], not turns.tangled
        full = all(
            len(pick.entries) == len(need.slots)
            for need, pick in zip(self.needs, picks, strict=True)
        )
        sizes = {len(need.slots) for need in self.needs}
        one_way = len(self.ways) == 1 and not self.terms.one_place
        sure = full and not self.terms.spread and (one_way or len(sizes) == 1)
        return [pick.entries for pick in picks], sure and (one_way or not _crossed(self, picks))


def _crossed(fleets: LikeFleets, picks: Iterable[Pick]) -> bool:
    """Whether what was taken in one way was also wanted in another."""
    takers = {
        capacity_of(entry.offer): (pick.way, pick.place) for pick in picks for entry in pick.entries
    }
    return any(
        takers.get(capacity_of(entry.offer), (way, place)) != (way, place)
        for way, ranking in enumerate(fleets.ways)
        for entry in ranking.read_so_far
        for place in (fleets.terms.place_of(entry.offer),)
    )


class _Turns:
    """Serves one fleet after the other; what a way offers is looked at again only if it moved."""

    def __init__(self, fleets: LikeFleets, capacity: Capacity, funds: Funds) -> None:
        self._terms, self._ways = fleets.terms, fleets.ways
        self._position_of = fleets.position_of
        self._capacity, self._funds = capacity, funds
        self._seen: dict[int, tuple[int, Pick]] = {}
        self.tangled = False

    def choose(self, count: int, short: int, *, gang: bool) -> Pick:
        picks = [self._best_pick(way, count) for way in range(len(self._ways))]
        self.tangled |= any(pick.tangled for pick in picks)
        nothing = Pick(-1, (), Capacity(), self._funds)
        best = min(picks, key=lambda pick: pick.rank, default=nothing)
        if gang and len(best.entries) < short:
            return nothing
        self._capacity.absorb(best.capacity)
        for entry in best.entries if self._funds.limited else ():
            self._funds.spend(entry)
        self._seen.pop(best.way, None)
        return best

    def _best_pick(self, way: int, count: int) -> Pick:
        seen = self._seen.get(way)
        if seen is not None and seen[0] == count and self._still_there(seen[1]):
            return seen[1]
        best = min(self._picks(way, count), key=lambda pick: pick.rank)
        self._seen[way] = (count, best)
        return best

    def _still_there(self, pick: Pick) -> bool:
        """Kinds seldom share a capacity; where they do, or money is limited, look again."""
        return not self._funds.limited and not any(
            self._capacity.holds(entry.offer) for entry in pick.entries
        )

    def _picks(self, way: int, count: int) -> Iterable[Pick]:
        """One for each place that could be the best of this way."""
        picks: dict[Place, Pick] = {}
        best: Pick | None = None
        ranking, terms = self._ways[way], self._terms
        start, _ = self._capacity.up_to_room(ranking)
        for entry in ranking.from_place(start):
            position = self._position_of(entry)
            if best is not None and self._is_settled(best, picks, position, entry, count):
                break
            place = terms.place_of(entry.offer)
            pick = picks.get(place)
            if pick is None:
                pick = picks[place] = self._empty(way, place)
            if len(pick.entries) < count:
                pick.take(entry, position, count, terms)
                if len(pick.entries) == count and (best is None or pick.rank < best.rank):
                    best = pick
        return picks.values() or [self._empty(way, ())]

    def _empty(self, way: int, place: Place) -> Pick:
        return Pick(way, place, Capacity(self._capacity), self._funds.copy())

    def _is_settled(
        self, best: Pick, picks: Mapping[Place, Pick], position: int, entry: RankedOffer, count: int
    ) -> bool:
        """True when no place can come before ``best`` any more."""
        if not self._terms.one_place:
            return True
        unseen = self._empty(best.way, ())
        return all(
            len(pick.entries) == count
            or best.beats_what_follows(pick, position, entry.usd_per_hour, count)
            for pick in (*picks.values(), unseen)
        )
