"""The nodes that a fleet would get from a list of offers, as if it had none yet."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from typing import TYPE_CHECKING

from reconciler.model.cost import ZERO
from reconciler.model.explanation import Filling
from reconciler.model.value import dataclass
from reconciler.planning.capacity import Capacity
from reconciler.planning.funds import Funds
from reconciler.planning.lone_choice import LikeFleets
from reconciler.planning.offer_shelves import Ranking
from reconciler.planning.purchase_terms import FleetNeed, terms_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reconciler.model.fleet import Fleet
    from reconciler.planning.offer_matching import GpuKind, RankedOffer

    Rank = tuple[int, int, Decimal, GpuKind | None]


@dataclass(frozen=True, slots=True)
class Filled:
    """``chosen``: one entry for each node. Empty: nothing can be rented."""

    chosen: tuple[RankedOffer, ...] = ()

    @property
    def usd_per_hour(self) -> Decimal:
        return sum((entry.usd_per_hour for entry in self.chosen), ZERO)

    @property
    def summary(self) -> Filling:
        gpus = sum(entry.offer.gpu_count for entry in self.chosen)
        return Filling(len(self.chosen), gpus, self.usd_per_hour)

    def rank(self, *, ordered: bool) -> Rank:
        """The least is what a plan chooses: most nodes, early alternatives, the least money."""
        if not self.chosen:
            return (0, 0, ZERO, None)
        places = sum(entry.alternative for entry in self.chosen) if ordered else 0
        return (-len(self.chosen), places, self.usd_per_hour, self.chosen[0].kind)


def fill(fleet: Fleet, offers: Iterable[RankedOffer]) -> Filled:
    """The best of ``offers`` for the target of ``fleet`` by itself, as a plan chooses it: like
    nodes unless it allows a mix, in one place or on different hosts where it says so, a gang whole.

    The order of ``offers`` does not matter. Caps of providers do not count.
    """
    shelves: dict[GpuKind, list[RankedOffer]] = defaultdict(list)
    for entry in best_first(fleet, offers):
        shelves[entry.kind].append(entry)
    terms = terms_of(fleet, (), ())
    need = FleetNeed(fleet, tuple(range(fleet.nodes.target)), 0, {}, terms)
    rankings = [Ranking(iter(shelf)) for _, shelf in sorted(shelves.items())]
    (chosen,), _ = LikeFleets([need], terms, rankings).choose(Capacity(), Funds({}))
    return Filled(tuple(chosen))


def worth_keeping(fleet: Fleet, offers: Iterable[RankedOffer]) -> list[RankedOffer]:
    """Those of ``offers`` that could be among its nodes when other offers come along."""
    if fleet.placement != "any" or not fleet.uniform or not fleet.is_plain:
        return list(offers)
    shelves: dict[GpuKind, list[RankedOffer]] = defaultdict(list)
    for entry in offers:
        shelves[entry.kind].append(entry)
    kept = []
    for shelf in shelves.values():
        chosen = fill(fleet, shelf).chosen
        full = len(chosen) == fleet.nodes.target
        most = max((one.usd_per_hour for one in chosen), default=ZERO)
        kept += [one for one in shelf if not full or one.usd_per_hour <= most]
    return kept


def best_first(fleet: Fleet, offers: Iterable[RankedOffer]) -> list[RankedOffer]:
    """``offers`` in the order in which ``fleet`` takes them, `ordered` alternatives apart."""
    if fleet.is_plain:
        return sorted(offers, key=_cheapest_first)
    from reconciler.planning.weighing import weighed  # most fleets take the cheapest

    return weighed(fleet, offers)


def _cheapest_first(entry: RankedOffer) -> tuple[Decimal, str, str]:
    return (entry.usd_per_hour, entry.offer.provider, entry.offer.id)
