"""The best nodes for one fleet by itself that weighs its offers, spreads them or shares them out.

One node at a time, always the one that costs least then: exact as long as what stands in the way
lies inside or beside one another (capacities in hosts, hosts in regions, those in providers).
Where it crosses, as a limit on spot nodes crosses capacities, the choice says so, and the search
decides.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from heapq import heapify, heappop, heapreplace
from typing import TYPE_CHECKING, Any, Protocol

from reconciler.model.cost import ZERO
from reconciler.planning.capacity import Capacity
from reconciler.planning.limits import cells_of
from reconciler.planning.weighing import cost_of, turn_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from reconciler.planning.funds import Funds
    from reconciler.planning.hosts import HostKey
    from reconciler.planning.limits import Limits
    from reconciler.planning.offer_matching import RankedOffer
    from reconciler.planning.offer_shelves import Ranking
    from reconciler.planning.purchase_terms import FleetNeed, Place, PurchaseTerms

    Key = tuple[Any, ...]


class Wishes(Protocol):
    """What has to be known of fleets to choose for them (``lone_choice.LikeFleets``)."""

    needs: tuple[FleetNeed, ...]
    terms: PurchaseTerms
    ways: tuple[Ranking, ...]

    def position_of(self, entry: RankedOffer) -> int: ...

    def unevenness(self, entries: Iterable[RankedOffer]) -> tuple[int, ...]: ...


def choose_weighed(
    fleets: Wishes, limits: Limits, capacity: Capacity, funds: Funds
) -> tuple[list[list[RankedOffer]], bool]:
    """As ``LikeFleets.choose``; each need by itself, in turn."""
    chosen, sure = [], len(fleets.needs) == 1
    for need in fleets.needs:
        picks = list(_picks(fleets, need, limits, capacity, funds))
        best = min(picks, key=lambda pick: pick.rank, default=None)
        sure = sure and not any(pick.tangled for pick in picks)
        entries = best.entries if best is not None else []
        if need.gang and len(entries) < need.short:
            entries = []
        for entry in entries:
            capacity.take(entry.offer)
            funds.spend(entry)
        chosen.append(entries)
    return chosen, sure


def _picks(
    fleets: Wishes, need: FleetNeed, limits: Limits, capacity: Capacity, funds: Funds
) -> Iterator[_Pick]:
    for way, ranking in enumerate(fleets.ways):
        places: dict[Place, list[RankedOffer]] = defaultdict(list)
        for entry in ranking.from_place():
            places[fleets.terms.place_of(entry.offer)].append(entry)
        for place, entries in sorted(places.items(), key=lambda item: item[0]):
            pick = _Pick(fleets, limits, (way, place), Capacity(capacity), funds.copy())
            pick.fill(entries, len(need.slots))
            yield pick


class _Pick:
    """Nodes of one way and place."""

    def __init__(
        self,
        fleets: Wishes,
        limits: Limits,
        way: tuple[int, Place],
        capacity: Capacity,
        funds: Funds,
    ) -> None:
        self.entries: list[RankedOffer] = []
        self._fleets, self._limits, self._way = fleets, limits, way
        self._capacity, self._funds = capacity, funds
        self._counts = limits.counts
        self._offered: Sequence[RankedOffer] = ()
        self._hosts: set[HostKey] = set()
        self._taken = Counter[int]()
        self._spot = 0
        self._in_the_way: set[str] = set()

    @property
    def rank(self) -> Key:
        """Fewer nodes missing, earlier places, more even, lower score; then what comes first."""
        places = sum(self._fleets.position_of(entry) for entry in self.entries)
        score = sum((cost_of(entry) for entry in self.entries), ZERO)
        even = self._fleets.unevenness(self.entries)
        return (-len(self.entries), places, even, score, self._way)

    @property
    def tangled(self) -> bool:
        """Whether what stood in the way crosses something else that did, or may have."""
        found, even = self._in_the_way, self._limits.even
        if "spot" in found and (len(found) > 1 or even):
            return True
        return len(found & {"capacity", "host"}) > (0 if even else 1)

    def fill(self, entries: Sequence[RankedOffer], count: int) -> None:
        """Take up to ``count`` nodes, one by one."""
        self._offered = entries
        groups: dict[Key, list[tuple[Key, int]]] = defaultdict(list)
        for number, entry in enumerate(entries):
            groups[self._group(entry)].append((self._key(entry), number))
        for heap in groups.values():
            heapify(heap)
        while len(self.entries) < count:
            tops = (self._top(group, heap) for group, heap in groups.items())
            best = min((top for top in tops if top is not None), default=None)
            if best is None:
                return
            self._take(best[1])

    def _group(self, entry: RankedOffer) -> Key:
        """Entries whose order among themselves changes only with the nodes on their own host."""
        if not self._limits.even:
            return ()
        provider, region, _ = cells_of(entry.offer)
        return (turn_of(entry)[0], provider, region)

    def _key(self, entry: RankedOffer) -> Key:
        """The order within the group. It only rises, so that an old one is a floor."""
        if not self._limits.even:
            return turn_of(entry)
        _, *rest = turn_of(entry)
        return (self._counts[cells_of(entry.offer)[-1]], *rest)

    def _top(self, group: Key, heap: list[tuple[Key, int]]) -> tuple[Key, int] | None:
        """What costs least of the group, with what it costs; None when nothing is left of it."""
        while heap:
            key, number = heap[0]
            if self._is_blocked(number):
                heappop(heap)
            elif (now := self._key(self._offered[number])) != key:
                heapreplace(heap, (now, number))
            else:
                return ((*self._level(group), *key), number)
        return None

    def _level(self, group: Key) -> Key:
        if not group:
            return ()
        place, provider, region = group
        return (place, self._counts[provider], self._counts[region])

    def _is_blocked(self, number: int) -> bool:
        why = self._obstacle(number)
        if why and why != "stock":
            self._in_the_way.add(why)
        return bool(why)

    def _obstacle(self, number: int) -> str:
        """What keeps it from being taken (once more); an offer's own stock is ``stock``."""
        entry, limits = self._offered[number], self._limits
        offer, taken = entry.offer, self._taken[number]
        if self._capacity.room(offer) <= 0:
            return "capacity" if taken < offer.stock else "stock"
        if self._fleets.terms.host_of(offer) in self._hosts:
            return "stock" if taken else "host"
        most = limits.provider_most
        if most is not None and self._counts[(offer.provider,)] >= most:
            return "share"
        if offer.spot and limits.spot_most is not None and self._spot >= limits.spot_most:
            return "spot"
        return "" if self._funds.allow(entry) else "funds"

    def _take(self, number: int) -> None:
        entry = self._offered[number]
        self._funds.spend(entry)
        self._capacity.take(entry.offer)
        self.entries.append(entry)
        self._taken[number] += 1
        self._spot += entry.offer.spot
        self._counts.update(cells_of(entry.offer))
        host = self._fleets.terms.host_of(entry.offer)
        if host is not None:
            self._hosts.add(host)
