"""The offers of one plan on shelves: by kind, cheapest first.

A fleet is served from the front of a few shelves, so that a hundred fleets over a hundred
thousand offers read what they take and little more.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import field
from functools import partial
from heapq import heappop, heappush
from operator import attrgetter
from typing import TYPE_CHECKING, Generic, TypeVar

from reconciler.model.quantity import GIB
from reconciler.model.value import dataclass
from reconciler.planning.hosts import host_of
from reconciler.planning.offer_matching import (
    DISK_REASON,
    LEASE_REASON,
    RankedOffer,
    outlasts_lease,
    refusal_tests,
    seen_by_tests,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from decimal import Decimal

    from reconciler.model.fleet import Fleet
    from reconciler.model.offer import Offer
    from reconciler.planning.offer_matching import GpuKind
    from reconciler.planning.purchase_terms import PurchaseTerms


Item = TypeVar("Item")
_BY_PRICE = attrgetter("usd_per_hour", "provider", "id")
_DISK_RATE = attrgetter("disk_usd_per_gib_hour")
_ranked = partial(tuple.__new__, RankedOffer)
"""As ``RankedOffer``, of all four fields, in half the time."""


class ReadOnce(Generic[Item]):
    """A long sequence that many look at: read only as far as somebody needs, and only once."""

    def __init__(self, items: Iterator[Item]) -> None:
        self.read_so_far: list[Item] = []
        self._unread = items

    def from_place(self, start: int = 0) -> Iterator[Item]:
        """The items from number ``start`` on."""
        known, place = self.read_so_far, start
        while True:
            while place < (end := len(known)):
                yield from map(known.__getitem__, range(place, end))
                place = end
            for item in self._unread:
                known.append(item)
                if place < len(known):
                    place += 1
                    yield item
                    if place < len(known):  # meanwhile somebody else has read on
                        break
            else:
                return


Ranking = ReadOnce["RankedOffer"]
"""What one fleet accepts, best first."""


@dataclass(frozen=True, slots=True)
class _Shelf:
    """Offers of one kind in order of their price without disk.

    ``accepted``: those that pass the tests of a fleet, its disk, lease and price caps apart, by all
    that these tests look at. Many fleets differ in their names and disks alone.
    """

    kind: GpuKind
    spot: bool
    offers: list[Offer]
    least_disk_usd: Decimal
    """Dollars an hour for one GiB of disk where it is cheapest."""
    accepted: dict[object, ReadOnce[Offer]] = field(default_factory=dict)

    def passing(self, fleet: Fleet) -> Iterator[Offer]:
        key = seen_by_tests(fleet)
        known = self.accepted.get(key)
        if known is None:
            apart = (DISK_REASON, LEASE_REASON)
            tests = [passes for why, passes in refusal_tests(fleet) if why not in apart]
            passing = (offer for offer in self.offers if all(test(offer) for test in tests))
            known = self.accepted[key] = ReadOnce(passing)
        return known.from_place()


class OfferShelves:
    """Built once for each plan. The order of ``offers`` does not matter (I21).

    ``rooms``: by provider, the dollars an hour that may still be spent there; an offer that is
    dearer by itself is left out.
    """

    def __init__(self, offers: Iterable[Offer], rooms: Mapping[str, Decimal]) -> None:
        by_kind: dict[tuple[bool, GpuKind], list[Offer]] = defaultdict(list)
        for offer in offers:
            kind = (offer.gpu, offer.gpu_count, offer.gpu_memory_bytes)
            by_kind[offer.spot, kind].append(offer)
        self._rooms = rooms
        self._shelves = []
        for (spot, kind), found in sorted(by_kind.items(), key=lambda item: item[0]):
            found.sort(key=_BY_PRICE)
            least_disk_usd = min(map(_DISK_RATE, found))
            self._shelves.append(_Shelf(kind, spot, found, least_disk_usd))

    @property
    def some_end(self) -> bool:
        """Whether one of the offers is taken back by its host some day, so that leases count."""
        offers = (one for shelf in self._shelves for one in shelf.offers)
        return any(one.rentable_for is not None for one in offers)

    def rankings(self, fleet: Fleet, terms: PurchaseTerms) -> list[Ranking]:
        """One for each kind that some alternative of the fleet accepts, in order of the kinds."""
        if terms.limits is not None:
            return self._weighed(fleet, terms)
        return [Ranking(entries) for _, entries in self._by_kind(fleet, terms)]

    def _weighed(self, fleet: Fleet, terms: PurchaseTerms) -> list[Ranking]:
        """The same for a fleet that weighs its offers; spot and on-demand of a kind together."""
        from reconciler.planning.weighing import weighed  # most fleets take the cheapest

        kinds: dict[GpuKind, list[RankedOffer]] = defaultdict(list)
        for kind, entries in self._by_kind(fleet, terms):
            kinds[kind] += entries
        rankings = (weighed(fleet, entries) for _, entries in sorted(kinds.items()))
        return [
            Ranking(one for one in entries if one.usd_per_hour <= self._room(one))
            for entries in rankings
        ]

    def _room(self, entry: RankedOffer) -> Decimal:
        """A bid may be too dear where what is asked is not."""
        return self._rooms.get(entry.offer.provider, entry.usd_per_hour)

    def _by_kind(
        self, fleet: Fleet, terms: PurchaseTerms
    ) -> Iterator[tuple[GpuKind, Iterator[RankedOffer]]]:
        allowed = fleet.kinds
        for shelf in self._shelves:
            if shelf.spot not in allowed or terms.alike not in (None, shelf.kind):
                continue
            for position, wanted in enumerate(fleet.resources.gpu):
                if wanted.accepts(*shelf.kind):
                    yield shelf.kind, self._cheapest_first(fleet, terms, shelf, position)
                    break

    def _cheapest_first(
        self, fleet: Fleet, terms: PurchaseTerms, shelf: _Shelf, position: int
    ) -> Iterator[RankedOffer]:
        """What the fleet accepts, by all-in rate, then provider and id.

        The shelf is in order of the price without disk: an offer may be handed out once every later
        one must be dearer, with the disk at its cheapest.
        """
        tests, rooms = tuple(_terms_tests(terms)), self._rooms
        cap = fleet.node_cap_usd(shelf.kind[1])
        disk_bytes = fleet.resources.disk_bytes
        least_disk = shelf.least_disk_usd * disk_bytes / GIB
        waiting: list[tuple[Decimal, str, str, RankedOffer]] = []
        for offer in shelf.passing(fleet):
            least = offer.usd_per_hour + least_disk
            while waiting and waiting[0][0] < least:
                yield heappop(waiting)[3]
            if cap is not None and least > cap:
                break
            if offer.disk_bytes_max is not None and offer.disk_bytes_max < disk_bytes:
                continue
            if offer.rentable_for is not None and not outlasts_lease(offer, fleet):
                continue
            if tests and not all(passes(offer) for passes in tests):
                continue
            # Most often there is but one rate for disks.
            at_least = offer.disk_usd_per_gib_hour is shelf.least_disk_usd
            rate = least if at_least else offer.node_usd_per_hour(disk_bytes)
            if rate is not least and cap is not None and rate > cap:
                continue
            if rooms and rate > rooms.get(offer.provider, rate):
                continue
            entry = _ranked((offer, rate, position, None))
            if not at_least:
                heappush(waiting, (rate, offer.provider, offer.id, entry))
                continue
            while waiting and waiting[0] < (rate, offer.provider, offer.id):
                yield heappop(waiting)[3]
            yield entry  # no later one can come before it
        while waiting:
            yield heappop(waiting)[3]


def _terms_tests(terms: PurchaseTerms) -> Iterator[Callable[[Offer], bool]]:
    """What the machines that stay rule out for new ones."""
    if terms.places:
        yield lambda offer: terms.allows_place(offer.provider, offer.region)
    if terms.hosts:
        yield lambda o: host_of(o.provider, o.host, o.capacity_key) not in terms.hosts
