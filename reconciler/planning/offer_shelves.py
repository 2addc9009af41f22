"""The offers of one plan on shelves: by kind, cheapest first.

A fleet is served from the front of a few shelves, so that a hundred fleets over a hundred
thousand offers read what they take and little more.
"""

from __future__ import annotations

from collections import defaultdict
from heapq import heappop, heappush
from typing import TYPE_CHECKING

from reconciler.model.value import dataclass
from reconciler.planning.capacity import host_of
from reconciler.planning.offer_matching import RankedOffer, refusal_tests

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from decimal import Decimal

    from reconciler.model.fleet import Fleet
    from reconciler.model.offer import Offer
    from reconciler.planning.offer_matching import GpuKind
    from reconciler.planning.purchase_terms import PurchaseTerms


@dataclass(frozen=True, slots=True)
class _Shelf:
    """Offers of one kind in order of their price without disk."""

    kind: GpuKind
    spot: bool
    offers: list[Offer]


class Ranking:
    """What one fleet accepts, best first; read from the shelves only as far as it is needed."""

    def __init__(self, entries: Iterator[RankedOffer]) -> None:
        self.read_so_far: list[RankedOffer] = []
        self._unread = entries

    def from_place(self, start: int = 0) -> Iterator[RankedOffer]:
        """The entries from number ``start`` on."""
        number = start
        while True:
            while number >= len(self.read_so_far):
                if not self._read_on():
                    return
            yield self.read_so_far[number]
            number += 1

    def _read_on(self) -> bool:
        entry = next(self._unread, None)
        if entry is not None:
            self.read_so_far.append(entry)
        return entry is not None


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
            found.sort(key=lambda one: (one.usd_per_hour, one.provider, one.id))
            self._shelves.append(_Shelf(kind, spot, found))

    def rankings(self, fleet: Fleet, terms: PurchaseTerms) -> list[Ranking]:
        """One for each kind that some alternative of the fleet accepts, in order of the kinds."""
        found = []
        for shelf in self._shelves:
            if shelf.spot != fleet.spot or terms.alike not in (None, shelf.kind):
                continue
            for position, wanted in enumerate(fleet.resources.gpu):
                if wanted.accepts(*shelf.kind):
                    entries = self._cheapest_first(fleet, terms, shelf, position)
                    found.append(Ranking(entries))
                    break
        return found

    def _cheapest_first(
        self, fleet: Fleet, terms: PurchaseTerms, shelf: _Shelf, position: int
    ) -> Iterator[RankedOffer]:
        """What the fleet accepts, by all-in rate, then provider and id.

        The shelf is in order of the price without disk, which is never above the all-in rate: an
        offer may be handed out once every later one must be dearer.
        """
        tests = [passes for _, passes in refusal_tests(fleet)] + list(_terms_tests(terms))
        cap = fleet.node_cap_usd(shelf.kind[1])
        disk_bytes = fleet.resources.disk_bytes
        waiting: list[tuple[Decimal, str, str, RankedOffer]] = []
        for offer in shelf.offers:
            while waiting and waiting[0][0] < offer.usd_per_hour:
                yield heappop(waiting)[3]
            if cap is not None and offer.usd_per_hour > cap:
                break
            if not all(passes(offer) for passes in tests):
                continue
            rate = offer.node_usd_per_hour(disk_bytes)
            if (cap is None or rate <= cap) and rate <= self._rooms.get(offer.provider, rate):
                entry = RankedOffer(offer, rate, position)
                heappush(waiting, (rate, offer.provider, offer.id, entry))
        while waiting:
            yield heappop(waiting)[3]


def _terms_tests(terms: PurchaseTerms) -> Iterator[Callable[[Offer], bool]]:
    """What the machines that stay rule out for new ones."""
    if terms.places:
        yield lambda offer: terms.allows_place(offer.provider, offer.region)
    if terms.hosts:
        yield lambda o: host_of(o.provider, o.host, o.capacity_key) not in terms.hosts
