"""The offers of one plan on shelves: by kind, cheapest first, each promised at most once.

A fleet is served from the front of a few shelves, so that a hundred fleets over a hundred
thousand offers read what they take and little more.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import field
from decimal import Decimal
from heapq import heappop, heappush
from typing import TYPE_CHECKING

from reconciler.model.value import dataclass
from reconciler.planning.offer_matching import RankedOffer, refusal_tests

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from reconciler.model.fleet import Fleet
    from reconciler.model.offer import Offer
    from reconciler.planning.offer_matching import GpuKind


@dataclass(slots=True)
class _Shelf:
    """Offers of one kind in order of their price without disk; those before ``start`` are gone."""

    kind: GpuKind
    spot: bool
    offers: list[Offer]
    start: int = 0


@dataclass(frozen=True, slots=True)
class Choice:
    """``chosen`` are taken, one for each slot; ``spare`` satisfy the same fleet and kind, cheapest
    first, for when a chosen one vanishes.
    """

    chosen: tuple[RankedOffer, ...] = ()
    spare: tuple[RankedOffer, ...] = ()


@dataclass(slots=True)
class _Pick:
    chosen: list[RankedOffer] = field(default_factory=list)
    spare: list[RankedOffer] = field(default_factory=list)


class OfferShelves:
    """Built once for each plan. The order of ``offers`` does not matter (I21)."""

    def __init__(self, offers: Iterable[Offer]) -> None:
        by_kind: dict[tuple[bool, GpuKind], list[Offer]] = defaultdict(list)
        for offer in offers:
            kind = (offer.gpu, offer.gpu_count, offer.gpu_memory_bytes)
            by_kind[offer.spot, kind].append(offer)
        self._shelves = []
        for (spot, kind), found in sorted(by_kind.items(), key=lambda item: item[0]):
            found.sort(key=lambda one: (one.usd_per_hour, one.provider, one.id))
            self._shelves.append(_Shelf(kind, spot, found))
        self._taken: dict[tuple[str, str], int] = defaultdict(int)

    def take(self, fleet: Fleet, count: int, *, alike: GpuKind | None, spares: int) -> Choice:
        """The cheapest like nodes for at most ``count`` slots.

        ``alike`` fixes the kind: that of the machines which the fleet has. Otherwise the kind that
        fills most slots wins; among those the first alternative with ``ordered``, else the
        cheapest in total. What is chosen is not offered again; spares are.
        """
        shelves = [one for one in self._serving(fleet) if alike in (None, one[0].kind)]
        pick = self._best(fleet, shelves, count, spares)
        for entry in pick.chosen:
            self._taken[entry.offer.provider, entry.offer.capacity_key] += 1
        return Choice(tuple(pick.chosen), tuple(pick.spare))

    def _serving(self, fleet: Fleet) -> Iterator[tuple[_Shelf, int]]:
        """Shelves that some alternative of the fleet accepts, with its position."""
        for shelf in self._shelves:
            if shelf.spot != fleet.spot:
                continue
            for position, wanted in enumerate(fleet.resources.gpu):
                if wanted.accepts(*shelf.kind):
                    yield shelf, position
                    break

    def _best(
        self, fleet: Fleet, shelves: Iterable[tuple[_Shelf, int]], count: int, spares: int
    ) -> _Pick:
        best = _Pick()
        best_rank: tuple[int, int, Decimal, GpuKind] | None = None
        for shelf, position in shelves:
            pick = self._pick(fleet, shelf, position, count, spares)
            if not pick.chosen:
                continue
            total = sum((entry.usd_per_hour for entry in pick.chosen), Decimal(0))
            order = position if fleet.resources.ordered else 0
            rank = (-len(pick.chosen), order, total, shelf.kind)
            if best_rank is None or rank < best_rank:
                best, best_rank = pick, rank
        return best

    def _pick(self, fleet: Fleet, shelf: _Shelf, position: int, count: int, spares: int) -> _Pick:
        pick = _Pick()
        planned: dict[tuple[str, str], int] = defaultdict(int)
        for entry in self._cheapest_first(fleet, shelf, position):
            key = (entry.offer.provider, entry.offer.capacity_key)
            room = entry.offer.stock - self._taken[key]
            while len(pick.chosen) < count and room > planned[key]:
                planned[key] += 1
                pick.chosen.append(entry)
            if len(pick.chosen) < count:
                continue
            if room > planned[key]:
                pick.spare.append(entry)
            if len(pick.spare) >= spares:
                break
        return pick

    def _cheapest_first(self, fleet: Fleet, shelf: _Shelf, position: int) -> Iterator[RankedOffer]:
        """What the fleet accepts, by all-in rate, then provider and id.

        The shelf is in order of the price without disk, which is never above the all-in rate: an
        offer may be handed out once every later one must be dearer.
        """
        tests = [passes for _, passes in refusal_tests(fleet)]
        cap = fleet.node_cap_usd(shelf.kind[1])
        disk_bytes = fleet.resources.disk_bytes
        waiting: list[tuple[Decimal, str, str, RankedOffer]] = []
        self._skip_taken(shelf)
        for number in range(shelf.start, len(shelf.offers)):
            offer = shelf.offers[number]
            while waiting and waiting[0][0] < offer.usd_per_hour:
                yield heappop(waiting)[3]
            if cap is not None and offer.usd_per_hour > cap:
                break
            if not all(passes(offer) for passes in tests):
                continue
            rate = offer.node_usd_per_hour(disk_bytes)
            if cap is None or rate <= cap:
                entry = RankedOffer(offer, rate, position)
                heappush(waiting, (rate, offer.provider, offer.id, entry))
        while waiting:
            yield heappop(waiting)[3]

    def _skip_taken(self, shelf: _Shelf) -> None:
        while shelf.start < len(shelf.offers):
            offer = shelf.offers[shelf.start]
            if self._taken[offer.provider, offer.capacity_key] < offer.stock:
                return
            shelf.start += 1
