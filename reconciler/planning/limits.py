"""What a fleet's nodes may not be together: too many on spot, at one provider, or in one spot."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from reconciler.model.fleet import most_at_a_provider
from reconciler.model.value import dataclass
from reconciler.planning.hosts import host_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reconciler.model.fleet import Fleet
    from reconciler.model.offer import Offer
    from reconciler.planning.hosts import HostKey

Cell = tuple[str, ...]
"""A provider, one of its regions, or one of the hosts there."""
LEVELS = 3


@dataclass(frozen=True, slots=True)
class Limits:
    """For the nodes that a fleet buys together, beside those at ``standing``.

    ``spot_most``: of the new ones. ``provider_most``: at one provider, those that stay included.
    ``even``: as evenly as possible over providers, then regions, then hosts.
    """

    spot_most: int | None = None
    provider_most: int | None = None
    even: bool = False
    standing: tuple[Cell, ...] = ()
    """The narrowest known cell of each machine that stays."""

    @property
    def counts(self) -> Counter[Cell]:
        """How many machines stay in each cell, on every level."""
        return Counter(
            cell[:length] for cell in self.standing for length in range(1, len(cell) + 1)
        )

    def left_at(self, provider: str) -> int | None:
        """How many nodes may be added there; None for any number."""
        if self.provider_most is None:
            return None
        here = sum(1 for cell in self.standing if cell[0] == provider)
        return max(0, self.provider_most - here)


def cells_of(offer: Offer) -> tuple[Cell, Cell, Cell]:
    """Provider, region and host of a node there."""
    host = host_of(offer.provider, offer.host, offer.capacity_key)
    return (
        (offer.provider,),
        (offer.provider, offer.region),
        (offer.provider, offer.region, host[1]),
    )


def cell_of_machine(provider: str, region: str | None, host: HostKey | None) -> Cell:
    """As narrow as it is known."""
    if region is None:
        return (provider,)
    return (provider, region) if host is None else (provider, region, host[1])


def unevenness(limits: Limits, offers: Iterable[Offer]) -> tuple[int, ...]:
    """The sum of the squares on each level: less is more even; () where it does not matter."""
    if not limits.even:
        return ()
    counts = limits.counts
    for offer in offers:
        counts.update(cells_of(offer))
    sums = [0] * LEVELS
    for cell, count in counts.items():
        sums[len(cell) - 1] += count * count
    return tuple(sums)


def limits_of(fleet: Fleet, spot_most: int | None, standing: Iterable[Cell]) -> Limits | None:
    """None for a fleet that just takes the cheapest."""
    if fleet.is_plain:
        return None
    buying = fleet.buying
    share = buying.max_share_percent
    return Limits(
        spot_most=spot_most,
        provider_most=None if share is None else most_at_a_provider(fleet.nodes.target, share),
        even=buying.strategy == "diversified",
        standing=tuple(sorted(standing)),
    )


def limits_when_new(fleet: Fleet) -> Limits | None:
    """As if it had no machine yet."""
    buying = fleet.buying
    most = max(0, fleet.nodes.target - buying.min_on_demand) if buying.auto else None
    return limits_of(fleet, most, ())
