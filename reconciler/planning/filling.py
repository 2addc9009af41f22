"""The nodes that a fleet would get from a list of offers, as if it had none yet."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from typing import TYPE_CHECKING

from reconciler.model.cost import ZERO
from reconciler.model.explanation import Filling
from reconciler.model.value import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reconciler.planning.offer_matching import GpuKind, RankedOffer

    Rank = tuple[int, int, Decimal, GpuKind | None]


@dataclass(frozen=True, slots=True)
class Filled:
    """``chosen``: one entry for each node, all of one kind. Empty: nothing can be rented."""

    chosen: tuple[RankedOffer, ...] = ()

    @property
    def usd_per_hour(self) -> Decimal:
        return sum((entry.usd_per_hour for entry in self.chosen), ZERO)

    @property
    def summary(self) -> Filling:
        gpus = sum(entry.offer.gpu_count for entry in self.chosen)
        return Filling(len(self.chosen), gpus, self.usd_per_hour)

    def rank(self, *, ordered: bool) -> Rank:
        """The least is what a plan chooses: most nodes, the first alternative, the least money."""
        if not self.chosen:
            return (0, 0, ZERO, None)
        first = self.chosen[0]
        alternative = first.alternative if ordered else 0
        return (-len(self.chosen), alternative, self.usd_per_hour, first.kind)


def fill(offers: Iterable[RankedOffer], count: int, *, ordered: bool) -> Filled:
    """The cheapest like nodes for at most ``count`` slots; the order of ``offers`` does not matter.

    Offers with one capacity key share it, as in a plan.
    """
    filled = [Filled(tuple(chosen)) for chosen in _by_kind(offers, count).values() if chosen]
    return min(filled, key=lambda one: one.rank(ordered=ordered), default=Filled())


def worth_keeping(offers: Iterable[RankedOffer], count: int) -> list[RankedOffer]:
    """Those of ``offers`` that could be among ``count`` nodes when other offers come along."""
    shelves: dict[GpuKind, list[RankedOffer]] = defaultdict(list)
    for entry in sorted(offers, key=_cheapest_first):
        shelves[entry.kind].append(entry)
    kept = []
    for shelf in shelves.values():
        (chosen,) = _by_kind(shelf, count).values()
        full = len(chosen) == count > 0
        kept += [one for one in shelf if not full or one.usd_per_hour <= chosen[-1].usd_per_hour]
    return kept


def _by_kind(offers: Iterable[RankedOffer], count: int) -> dict[GpuKind, list[RankedOffer]]:
    chosen: dict[GpuKind, list[RankedOffer]] = defaultdict(list)
    taken: dict[tuple[GpuKind, str, str], int] = defaultdict(int)
    for entry in sorted(offers, key=_cheapest_first):
        kind, offer = entry.kind, entry.offer
        mine = chosen[kind]
        key = (kind, offer.provider, offer.capacity_key)
        number = min(offer.stock - taken[key], count - len(mine))
        if number > 0:
            taken[key] += number
            mine.extend([entry] * number)
    return chosen


def _cheapest_first(entry: RankedOffer) -> tuple[Decimal, str, str]:
    return (entry.usd_per_hour, entry.offer.provider, entry.offer.id)
