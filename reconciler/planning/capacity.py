"""How many nodes of each capacity are promised: no more than its offers say can be rented."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from reconciler.model.offer import Offer
    from reconciler.planning.offer_matching import RankedOffer
    from reconciler.planning.offer_shelves import Ranking

CapacityKey = tuple[str, str]
"""Provider and ``Offer.capacity_key``."""


def capacity_of(offer: Offer) -> CapacityKey:
    return (offer.provider, offer.capacity_key)


class Capacity:
    """What has been taken of each capacity, on top of what ``base`` has.

    Offers with one key share what is left. Where they state different stocks, those that state at
    most ``s`` are taken ``s`` times at most, for each ``s``.
    """

    def __init__(self, base: Capacity | None = None) -> None:
        self._taken: dict[CapacityKey, dict[int, int]] = {}
        """By stock. What stands here is never changed in its place: capacities share it."""
        self._used_up: dict[CapacityKey, int] = {}
        """The stock of offers of which surely none is left: what is asked for most often."""
        self._base = base
        self._passed: dict[object, int] = {}
        """Of how many offers at the front of a ranking surely none is left. Nothing that is taken
        is ever given back, so nobody has to pass over them again."""

    @property
    def taken(self) -> Collection[CapacityKey]:
        """Of what something was taken, ``base`` apart."""
        return self._taken.keys()

    def room(self, offer: Offer) -> int:
        """How often ``offer`` can still be taken; 0 when it cannot."""
        key, stock = (offer.provider, offer.capacity_key), offer.stock
        base, levels = self._base, self._taken.get(key)
        if self._used_up.get(key) == stock:
            return 0
        if base is not None:
            if base._used_up.get(key) == stock:
                return 0
            levels = self._levels(key)
        if not levels:
            return stock
        if len(levels) == 1 and stock in levels:  # nearly always: all offers of it state the same
            return stock - levels[stock]
        return min(_rooms(levels, stock))

    def up_to_room(self, ranking: Ranking) -> tuple[int, RankedOffer | None]:
        """How many of ``ranking`` come before the first that can still be taken, and that one."""
        used_up, passed = self._used_up, self._passed.get(ranking, 0)
        found = None
        for entry in ranking.from_place(passed):
            offer = entry.offer
            # Asked here first: what is best is used up, and many fleets pass it over.
            known = used_up.get((offer.provider, offer.capacity_key)) == offer.stock
            if not known and self.room(offer) > 0:
                found = entry
                break
            passed += 1
        self._passed[ranking] = passed
        return passed, found

    def with_room(self, ranking: Ranking) -> Iterator[RankedOffer]:
        """Those of ``ranking`` that can still be taken."""
        passed, _ = self.up_to_room(ranking)
        return (one for one in ranking.from_place(passed) if self.room(one.offer) > 0)

    def take(self, offer: Offer, count: int = 1) -> None:
        key, stock = (offer.provider, offer.capacity_key), offer.stock
        levels = self._taken.get(key)
        taken = count if levels is None else count + levels.get(stock, 0)
        self._taken[key] = {stock: taken} if levels is None else {**levels, stock: taken}
        if taken >= stock:
            self._used_up[key] = stock

    def absorb(self, other: Capacity) -> None:
        """Take all that was taken of ``other``, which has no base, or this one."""
        assert other._base is None or other._base is self
        for key, levels in other._taken.items():
            mine = self._taken.get(key)
            if mine is None:
                self._taken[key] = levels
                continue
            self._taken[key] = both = _sum(mine, levels)
            for stock, taken in both.items():
                if taken >= stock:
                    self._used_up[key] = stock
        self._used_up.update(other._used_up)
        self._passed.update(other._passed)

    def holds(self, offer: Offer) -> bool:
        """True when something was taken of the capacity of ``offer``."""
        return bool(self._levels((offer.provider, offer.capacity_key)))

    def overdrawn(self) -> Iterator[CapacityKey]:
        """What was taken more often than it can be."""
        for key, levels in self._taken.items():
            if len(levels) == 1:
                ((stock, count),) = levels.items()
                if count > stock:
                    yield key
            elif any(min(_rooms(levels, stock)) < 0 for stock in levels):
                yield key

    def _levels(self, key: CapacityKey) -> dict[int, int]:
        mine = self._taken.get(key)
        below = self._base._levels(key) if self._base is not None else None
        if not mine or not below:
            return mine or below or {}
        return _sum(mine, below)


def _sum(one: dict[int, int], other: dict[int, int]) -> dict[int, int]:
    return {stock: one.get(stock, 0) + other.get(stock, 0) for stock in {*one, *other}}


def _rooms(levels: dict[int, int], stock: int) -> Iterator[int]:
    for limit in {stock, *(level for level in levels if level > stock)}:
        yield limit - sum(count for level, count in levels.items() if level <= limit)


def shared_limits(offers: Iterable[Offer]) -> Iterator[tuple[list[Offer], int]]:
    """Which of ``offers`` together can be taken how often; a single one's own stock is left out."""
    by_key: dict[CapacityKey, list[Offer]] = defaultdict(list)
    for offer in offers:
        by_key[capacity_of(offer)].append(offer)
    for sharing in by_key.values():
        for limit in sorted({offer.stock for offer in sharing}):
            bound = [offer for offer in sharing if offer.stock <= limit]
            if len(bound) > 1:
                yield bound, limit
