"""What the slots of a fleet hold while a plan is made."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING

from reconciler.model.record import Specification, Succession
from reconciler.model.value import dataclass
from reconciler.planning.hosts import host_of
from reconciler.planning.purchase_terms import Standing

if TYPE_CHECKING:
    from reconciler.model.instance import Instance
    from reconciler.planning.offer_matching import GpuKind


@dataclass(slots=True)
class Occupancy:
    """Which slots of a fleet hold a machine, may hold one, or are being emptied."""

    taken: set[int] = field(default_factory=set)
    emptying: dict[int, tuple[str, ...]] = field(default_factory=dict)
    succeeding: dict[int, Succession] = field(default_factory=dict)
    staying: list[tuple[str, Specification | None, Instance | None]] = field(default_factory=list)
    """Machines that stay, or that may be there: provider, what was bought, what was seen."""
    beside: set[Standing] = field(default_factory=set)
    """Where machines stand that go once their successor is ready."""

    @property
    def kinds(self) -> set[GpuKind]:
        bought = (bought for _, bought, _ in self.staying if bought is not None)
        return {(one.gpu, one.gpu_count, one.gpu_memory_bytes) for one in bought}

    @property
    def standings(self) -> set[Standing]:
        return {
            standing_of(provider, bought)
            if bought is not None
            else Standing(provider, seen.region if seen else None)
            for provider, bought, seen in self.staying
        }

    def empty(self, index: int, mark: str) -> None:
        """Its next machine waits for every one that is still to go."""
        going = self.emptying.get(index, ())
        if mark not in going:
            self.emptying[index] = (*going, mark)


def standing_of(provider: str, bought: Specification | None) -> Standing:
    if bought is None:
        return Standing(provider)
    host = host_of(provider, bought.host, bought.capacity_key)
    return Standing(provider, bought.region, host)
