"""``providers.NAME.max_hourly_usd``: what all our machines at one provider may cost together."""

from __future__ import annotations

from collections import Counter, defaultdict
from decimal import ROUND_FLOOR, Decimal
from typing import TYPE_CHECKING

from reconciler.model.cost import ZERO, format_rate
from reconciler.model.plan import Finding
from reconciler.model.value import dataclass
from reconciler.planning.spending import live_rate

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from reconciler.planning.offer_matching import RankedOffer
    from reconciler.planning.scene import Decisions, Scene

_MICRO = Decimal("0.000001")


@dataclass(frozen=True, slots=True)
class ProviderCaps:
    """``limits``: dollars an hour, of the providers with a cap. ``staying``: the rates of all
    machines that this plan leaves at each of them, those in doubt included (I13), and those
    that go after their successor. ``leaving``:
    those that it destroys there, or that were destroyed and are not proven gone.
    """

    limits: Mapping[str, Decimal]
    staying: Mapping[str, Decimal]
    leaving: Mapping[str, Leaving]

    @property
    def rooms(self) -> dict[str, Decimal]:
        """What may still be bought; below zero where more is running than the cap allows."""
        return {name: limit - self.staying[name] for name, limit in self.limits.items()}

    def after(self, chosen: Iterable[Iterable[RankedOffer]]) -> RoomLeft:
        """What is left of the rooms once ``chosen`` are bought."""
        rooms, nodes = self.rooms, Counter[str]()
        for entry in (entry for entries in chosen for entry in entries):
            nodes[entry.offer.provider] += 1
            if entry.offer.provider in rooms:
                rooms[entry.offer.provider] -= entry.usd_per_hour
        return RoomLeft(rooms, nodes, self.leaving)

    def findings(self) -> Iterator[Finding]:
        """Providers that stay above their cap: nothing is destroyed for it."""
        for name, limit in sorted(self.limits.items()):
            if self.staying[name] > limit:
                yield Finding(
                    f"providers.{name}: {format_rate(self.staying[name])} stay billed there, above "
                    f"max_hourly_usd {format_rate(limit)}; nothing is bought there",
                    fix="gpu-shopper destroy what is not needed; a cap destroys nothing",
                )


@dataclass(frozen=True, slots=True)
class Leaving:
    """Machines of one provider that are billed until they are gone, by mark; dollars an hour."""

    marks: tuple[str, ...] = ()
    usd_per_hour: Decimal = ZERO

    def and_one(self, mark: str, usd_per_hour: Decimal) -> Leaving:
        return Leaving((*self.marks, mark), self.usd_per_hour + usd_per_hour)


@dataclass(frozen=True, slots=True)
class RoomLeft:
    """Dollars an hour that a plan leaves under each cap, and how many nodes it buys there."""

    rooms: Mapping[str, Decimal]
    nodes: Mapping[str, int]
    leaving: Mapping[str, Leaving]

    def after(self, node: RankedOffer) -> tuple[str, ...]:
        """Marks of the machines that must be gone first: beside them there is no room for all."""
        left = self.rooms.get(node.offer.provider)
        leaving = self.leaving.get(node.offer.provider)
        if left is None or leaving is None or leaving.usd_per_hour <= left:
            return ()
        return leaving.marks

    def ceiling(self, node: RankedOffer, ceiling: Decimal) -> Decimal:
        """``ceiling``, lowered so that the cap holds though every node is billed at its ceiling."""
        left = self.rooms.get(node.offer.provider)
        if left is None:
            return ceiling
        leaving = self.leaving.get(node.offer.provider)
        if leaving is not None and not self.after(node):
            left -= leaving.usd_per_hour
        share = (left / self.nodes[node.offer.provider]).quantize(_MICRO, rounding=ROUND_FLOOR)
        return min(ceiling, node.usd_per_hour + share)

    @property
    def overspent(self) -> tuple[str, ...]:
        return tuple(sorted(name for name, left in self.rooms.items() if left < 0))


def provider_caps(scene: Scene, decisions: Decisions) -> ProviderCaps:
    """The caps of the documents, and what remains once the plan's destroys are carried out."""
    settings = scene.desired.providers if scene.desired else {}
    limits = {
        name: entry.max_hourly_usd
        for name, entry in settings.items()
        if entry.max_hourly_usd is not None
    }
    staying: dict[str, Decimal] = defaultdict(Decimal)
    if limits:
        for keep in decisions.keeps:
            staying[keep.record.provider] += live_rate(keep.record, keep.instance)
        for announced in decisions.announces:
            staying[announced.record.provider] += announced.record.usd_per_hour
        for destroy in decisions.destroys:
            if destroy.after_successor:
                staying[destroy.record.provider] += destroy.record.usd_per_hour
        for doubt in decisions.doubts:
            if doubt.worrying:
                staying[doubt.provider] += doubt.usd_per_hour
    leaving = _leaving(decisions) if limits else {}
    return ProviderCaps(limits, {name: staying[name] for name in limits}, leaving)


def _leaving(decisions: Decisions) -> dict[str, Leaving]:
    found: dict[str, Leaving] = defaultdict(Leaving)
    for destroy in decisions.destroys:
        record = destroy.record
        if destroy.after_successor:
            continue  # it waits for the new machine, which so cannot wait for it
        found[record.provider] = found[record.provider].and_one(record.mark, record.usd_per_hour)
    for doubt in decisions.doubts:
        if not doubt.worrying:
            known = found[doubt.provider]
            found[doubt.provider] = known.and_one(doubt.mark, doubt.usd_per_hour)
    return dict(found)
