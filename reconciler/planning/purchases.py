"""Which slots are bought, from which offers, and what stands in the way."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import field, replace
from typing import TYPE_CHECKING

from reconciler.model.address import Slot
from reconciler.model.cost import price_ceiling
from reconciler.model.plan import Create, Keep, Mode
from reconciler.model.reason import CreateReason
from reconciler.model.record import Specification, Succession
from reconciler.model.value import dataclass
from reconciler.planning.fleet_diff import free_slots
from reconciler.planning.leases import has_ended
from reconciler.planning.rollback import stops_healing

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from reconciler.model.fleet import Fleet
    from reconciler.model.offer import Offer
    from reconciler.model.record import LeaseRecord
    from reconciler.planning.offer_matching import GpuKind
    from reconciler.planning.offer_shelves import Choice
    from reconciler.planning.scene import Decisions, Scene

_SPARES = 50
"""How many other offers the creates of a fleet may fall back on when theirs vanish."""


@dataclass(frozen=True, slots=True)
class FleetNeed:
    """The slots of one fleet that lack a machine and may be given one now.

    ``replaces`` names, by slot number, the mark of a machine that must be gone first, ``succeeds``
    the one that goes once the new one is ready. ``surplus``: slots with a machine of that kind
    which need none.
    """

    fleet: Fleet
    slots: tuple[int, ...]
    occupied: int
    replaces: dict[int, str]
    alike: GpuKind | None
    lease_ended: bool = False
    succeeds: dict[int, Succession] = field(default_factory=dict)
    surplus: tuple[int, ...] = ()

    def held(self, bought: Iterable[int]) -> int:
        """How many slots keep their machine for want of a successor."""
        return len(set(self.succeeds).difference(bought))


@dataclass(slots=True)
class Occupancy:
    """Which slots of a fleet hold a machine, may hold one, or are being emptied."""

    taken: set[int] = field(default_factory=set)
    emptying: dict[int, str] = field(default_factory=dict)
    succeeding: dict[int, Succession] = field(default_factory=dict)
    kinds: set[GpuKind] = field(default_factory=set)

    def empty(self, index: int, mark: str) -> None:
        """A create can wait for one machine; with two to go the slot is filled by a later run."""
        if self.emptying.setdefault(index, mark) != mark:
            self.taken.add(index)


def occupancy_by_fleet(decisions: Decisions, scene: Scene) -> dict[str, Occupancy]:
    """A slot in doubt is taken: unknown is not absent (I11).

    So is one whose machine goes at a provider without a whole listing (I5).
    """
    fleets: dict[str, Occupancy] = defaultdict(Occupancy)
    for destroy in decisions.destroys:
        record, occupancy = destroy.record, fleets[destroy.record.fleet]
        if not scene.has_complete_listing(record.provider):
            occupancy.taken.add(record.index)
        elif destroy.after_successor:
            occupancy.succeeding[record.index] = Succession.model_construct(
                mark=record.mark, reason=destroy.reason
            )
        else:
            occupancy.empty(record.index, record.mark)
    for doubt in decisions.doubts:
        occupancy = fleets[doubt.slot.fleet]
        if doubt.worrying:
            occupancy.taken.add(doubt.slot.index)
        else:
            occupancy.empty(doubt.slot.index, doubt.mark)
    for record in decisions.staying:
        occupancy = fleets[record.fleet]
        occupancy.taken.add(record.index)
        bought = record.specification
        if bought is not None:
            occupancy.kinds.add((bought.gpu, bought.gpu_count, bought.gpu_memory_bytes))
    return fleets


def fleet_needs(scene: Scene, decisions: Decisions) -> list[FleetNeed]:
    """One entry for each declared and targeted fleet which may buy, in order of the names."""
    if scene.desired is None or scene.request.mode is Mode.DESTROY:
        return []
    heals = scene.request.heal and not stops_healing(scene, decisions.doubts)
    if scene.request.mode is Mode.LOOP and not heals:
        return []
    if scene.request.only_record:
        return []
    occupancies = occupancy_by_fleet(decisions, scene)
    needs = []
    for name, fleet in sorted(scene.desired.fleets.items()):
        if scene.request.covers_fleet(name):
            needs.append(_need(fleet, occupancies.get(name) or Occupancy(), scene))
    return needs


def _need(fleet: Fleet, occupancy: Occupancy, scene: Scene) -> FleetNeed:
    lease = scene.leases.get(fleet.name)
    ended = has_ended(lease, scene.now) or _cannot_start(fleet, lease, scene)
    wanted = fleet.nodes.target
    if scene.request.mode is Mode.LOOP:
        # Heal refills what was applied and started; it never opens a lease (section 12, 2).
        started = lease is not None and lease.started_at is not None
        wanted = min(wanted, lease.target) if started and lease is not None else 0
    slots = [] if ended else free_slots(fleet.nodes.maximum, wanted, occupancy.taken)
    covered = tuple(index for index in slots if scene.request.covers(fleet.name, index))
    return FleetNeed(
        fleet=fleet,
        slots=covered,
        occupied=sum(1 for index in occupancy.taken if index < fleet.nodes.maximum),
        replaces={
            index: occupancy.emptying[index] for index in covered if index in occupancy.emptying
        },
        alike=next(iter(occupancy.kinds)) if len(occupancy.kinds) == 1 else None,
        lease_ended=ended,
        succeeds={
            index: occupancy.succeeding[index] for index in covered if index in occupancy.succeeding
        },
        surplus=tuple(sorted(set(occupancy.succeeding) - occupancy.taken - set(slots))),
    )


def _cannot_start(fleet: Fleet, lease: LeaseRecord | None, scene: Scene) -> bool:
    """A fleet whose ``expires_at`` has passed ends before it begins."""
    started = lease is not None and lease.started_at is not None
    return not started and fleet.expires_at is not None and fleet.expires_at <= scene.now


def buy(needs: Sequence[FleetNeed], offers: Sequence[Offer], scene: Scene) -> list[Create]:
    """The creates of every need; no offer is promised twice.

    Nothing is bought from a provider whose machines cannot be seen: its account may be another
    one (I14).
    """
    if not any(need.slots for need in needs):
        return []
    from reconciler.planning.offer_shelves import OfferShelves  # most plans buy nothing

    shelves = OfferShelves(one for one in offers if not scene.is_unreadable(one.provider))
    creates: list[Create] = []
    for need in needs:
        count = len(need.slots)
        if count:
            choice = shelves.take(need.fleet, count, alike=need.alike, spares=_SPARES)
            creates.extend(_creates(need, choice, scene))
    return creates


def slots_by_fleet(creates: Iterable[Create]) -> dict[str, set[int]]:
    """The numbers of the slots that are filled; empty for every other fleet."""
    slots: dict[str, set[int]] = defaultdict(set)
    for create in creates:
        slots[create.slot.fleet].add(create.slot.index)
    return slots


def _creates(need: FleetNeed, choice: Choice, scene: Scene) -> Iterator[Create]:
    spares = [(entry.usd_per_hour, entry.offer) for entry in choice.spare]
    for index, entry in zip(need.slots, choice.chosen, strict=False):
        cap = need.fleet.node_cap_usd(entry.offer.gpu_count)
        ceiling = price_ceiling(entry.usd_per_hour, cap)
        fallback = (offer for rate, offer in spares if rate <= ceiling)
        yield Create(
            slot=Slot(need.fleet.name, index),
            reason=_reason(need, index, scene),
            offer=entry.offer,
            specification=specification_of(need.fleet, entry.offer),
            usd_per_hour=entry.usd_per_hour,
            ceiling_usd_per_hour=ceiling,
            ranked=(entry.offer, *fallback),
            replaces=need.replaces.get(index),
            succeeds=need.succeeds.get(index),
        )


def _reason(need: FleetNeed, index: int, scene: Scene) -> CreateReason:
    before = scene.recorded.leases.get(need.fleet.name)
    started = before is not None and before.started_at is not None
    if scene.request.mode is Mode.LOOP:
        return CreateReason.HEALED
    if index in need.replaces or index in need.succeeds:
        return CreateReason.REPLACED
    if not started or before is None or has_ended(before, scene.now):
        return CreateReason.NEW
    return CreateReason.HEALED if index < before.target else CreateReason.SCALED_UP


def without_vacant_successions(
    decisions: Decisions, needs: Sequence[FleetNeed], creates: Sequence[Create]
) -> Decisions:
    """``decisions`` in which a machine that is to go after its successor stays without one.

    A machine whose slot needs none any more goes at once.
    """
    if not any(destroy.after_successor for destroy in decisions.destroys):
        return decisions
    followed = {create.succeeds.mark for create in creates if create.succeeds}
    surplus = {(need.fleet.name, index) for need in needs for index in need.surplus}
    destroys, keeps = [], list(decisions.keeps)
    for destroy in decisions.destroys:
        record = destroy.record
        if not destroy.after_successor or record.mark in followed:
            destroys.append(destroy)
        elif (record.fleet, record.index) in surplus:
            destroys.append(replace(destroy, after_successor=False))
        else:
            keeps.append(Keep(record, None, f"{destroy.reason}, stays until it has a successor"))
    return replace(decisions, destroys=destroys, keeps=keeps)


def specification_of(fleet: Fleet, offer: Offer) -> Specification:
    """What is ordered when ``fleet`` takes ``offer``."""
    return Specification.model_construct(
        offer_id=offer.id,
        capacity_key=offer.capacity_key,
        host=offer.host,
        gpu=offer.gpu,
        gpu_count=offer.gpu_count,
        gpu_memory_bytes=offer.gpu_memory_bytes,
        vcpus=offer.vcpus,
        memory_bytes=offer.memory_bytes,
        disk_bytes=fleet.resources.disk_bytes,
        cuda=offer.cuda,
        region=offer.region,
        country=offer.country,
        spot=offer.spot,
        image=fleet.image,
        env=dict(fleet.env),
    )
