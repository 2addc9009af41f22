"""Which slots are bought, from which offers, and what stands in the way."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import field, replace
from typing import TYPE_CHECKING

from reconciler.model.address import Slot
from reconciler.model.cost import price_ceiling
from reconciler.model.host_memory import quarantined_hosts
from reconciler.model.plan import Create, Keep, Mode
from reconciler.model.reason import CreateReason
from reconciler.model.record import Specification, Succession
from reconciler.model.value import dataclass
from reconciler.planning.clock_rule import is_off
from reconciler.planning.fleet_diff import filled_below, free_slots
from reconciler.planning.host_memory import shunning
from reconciler.planning.leases import ends_otherwise, has_ended
from reconciler.planning.limited_needs import limited, seated, with_learnt
from reconciler.planning.occupancy import Occupancy, standing_of
from reconciler.planning.purchase_terms import FleetNeed, PurchaseTerms, Standing, terms_of
from reconciler.planning.rollback import stops_healing
from reconciler.planning.spot_memory import shunned_places

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime
    from decimal import Decimal

    from reconciler.model.fleet import Fleet
    from reconciler.model.offer import Offer
    from reconciler.model.record import LeaseRecord
    from reconciler.planning.exact_choice import Selection
    from reconciler.planning.offer_matching import RankedOffer
    from reconciler.planning.provider_caps import ProviderCaps
    from reconciler.planning.scene import Decisions, Scene


_NO_TERMS = PurchaseTerms()


def occupancy_by_fleet(decisions: Decisions, scene: Scene) -> dict[str, Occupancy]:
    """A slot in doubt is taken: unknown is not absent (I11). So is the place it would be in.

    So is one whose machine goes at a provider without a whole listing (I5).
    """
    recorded = scene.recorded
    fleets: dict[str, Occupancy] = defaultdict(Occupancy)
    for destroy in decisions.destroys:
        record, occupancy = destroy.record, fleets[destroy.record.fleet]
        if not scene.has_complete_listing(record.provider):
            occupancy.taken.add(record.index)
            occupancy.staying.append((record.provider, record.specification, None))
        elif destroy.after_successor:
            occupancy.succeeding[record.index] = Succession.model_construct(
                mark=record.mark, reason=destroy.reason
            )
            occupancy.beside.add(standing_of(record.provider, record.specification))
        else:
            occupancy.empty(record.index, record.mark)
    for doubt in decisions.doubts:
        occupancy = fleets[doubt.slot.fleet]
        if doubt.worrying:
            occupancy.taken.add(doubt.slot.index)
            known = recorded.instances.get(doubt.mark) or recorded.intents.get(doubt.mark)
            bought = known.specification if known else None
            occupancy.staying.append((doubt.provider, bought, None))
        else:
            occupancy.empty(doubt.slot.index, doubt.mark)
    staying = [(keep.record, keep.instance) for keep in decisions.keeps]
    staying += [(announce.record, None) for announce in decisions.announces]
    for record, instance in staying:
        occupancy = fleets[record.fleet]
        occupancy.taken.add(record.index)
        occupancy.staying.append((record.provider, record.specification, instance))
    return fleets


def fleet_needs(scene: Scene, decisions: Decisions) -> list[FleetNeed]:
    """One entry for each declared and targeted fleet which may buy, in order of the names."""
    if scene.desired is None or scene.request.mode is Mode.DESTROY:
        return []
    if scene.request.only_record or not _may_buy(scene, decisions):
        return []
    occupancies = occupancy_by_fleet(decisions, scene)
    shunned = quarantined_hosts(scene.recorded.hosts, scene.now)
    lost = shunned_places(scene.recorded, decisions, scene.now)
    needs = []
    for name, fleet in sorted(scene.desired.fleets.items()):
        if scene.request.covers_fleet(name):
            fleet, occupancy = shunning(fleet, shunned, lost), occupancies.get(name) or Occupancy()
            need = _need(with_learnt(fleet, scene), occupancy, scene)
            if not fleet.is_plain and need.slots:
                need = limited(need, occupancy, scene, decisions)
            needs.append(need)
    return needs


def _may_buy(scene: Scene, decisions: Decisions) -> bool:
    """A loop buys to heal and to open windows, by a clock and a state that are beyond doubt."""
    request = scene.request
    if request.mode is not Mode.LOOP:
        return True
    if not (request.heal or request.schedule) or is_off(scene.observed.clock):
        return False
    return not stops_healing(scene, decisions.doubts)


def _need(fleet: Fleet, occupancy: Occupancy, scene: Scene) -> FleetNeed:
    lease = scene.leases.get(fleet.name)
    ended = has_ended(lease, scene.now) or _cannot_start(fleet, lease, scene)
    wanted = fleet.nodes.target
    if scene.request.mode is Mode.LOOP:
        # Heal refills what was applied and started; it never opens a lease (section 12, 2).
        heals = scene.request.heal and lease is not None and lease.started_at is not None
        opens = scene.request.schedule and _is_open_windows(lease, scene.now)
        wanted = min(wanted, lease.target) if lease and (heals or opens) else 0
    slots = free_slots(fleet.nodes.maximum, wanted, occupancy.taken)
    if ended or _ends_by_documents(fleet, lease, scene):
        slots = []
    if scene.request.mode is Mode.LOOP and not heals:
        # Each slot is filled once in a window: what a person destroyed since stays destroyed.
        slots = [index for index in slots if _is_unopened(index, lease)]
    occupied = filled_below(fleet.nodes.maximum, occupancy.taken)
    most = wanted if scene.request.mode is Mode.LOOP else None
    surplus = _surplus(occupancy, slots)
    covered = tuple([index for index in slots if scene.request.covers(fleet.name, index)])
    if not covered:
        return FleetNeed(fleet, (), occupied, {}, _NO_TERMS, ended, most, {}, surplus)
    emptying, succeeding = occupancy.emptying, occupancy.succeeding
    return FleetNeed(
        fleet=fleet,
        slots=covered,
        occupied=occupied,
        replaces={index: emptying[index] for index in covered if index in emptying},
        terms=_terms(fleet, occupancy),
        lease_ended=ended,
        most=most,
        succeeds={index: succeeding[index] for index in covered if index in succeeding},
        surplus=surplus,
    )


def _is_open_windows(lease: LeaseRecord | None, now: datetime) -> bool:
    """Whether it is the lease of a window of office hours, which has not closed: a lease of before
    the next window still tells of the last one.
    """
    hours = lease.hours if lease else None
    if hours is None or hours.opens_at is None:
        return False
    return hours.closes_at is None or hours.closes_at > now


def _is_unopened(index: int, lease: LeaseRecord | None) -> bool:
    """Whether a slot held no machine yet in the window that ``lease`` is for."""
    return lease is not None and lease.hours is not None and index not in lease.hours.opened


def _surplus(occupancy: Occupancy, slots: Sequence[int]) -> tuple[int, ...]:
    if not occupancy.succeeding:
        return ()
    return tuple(sorted(set(occupancy.succeeding) - occupancy.taken - set(slots)))


def _terms(fleet: Fleet, occupancy: Occupancy) -> PurchaseTerms:
    """A successor may go to another region, and never to the host of a machine that still runs."""
    standings: set[Standing] = set()
    if fleet.placement != "any":
        standings = occupancy.standings
    if fleet.placement == "spread":
        standings |= occupancy.beside
    return terms_of(fleet, occupancy.kinds, standings)


def _cannot_start(fleet: Fleet, lease: LeaseRecord | None, scene: Scene) -> bool:
    """What has a fixed end ends before it begins once that has passed: also a window that a run
    opened before it died, with nothing bought.
    """
    if lease is not None and lease.started_at is not None:
        return False
    fixed = (fleet.expires_at, lease.expires_at if lease else None)
    return any(end is not None and end <= scene.now for end in fixed)


def _ends_by_documents(fleet: Fleet, lease: LeaseRecord | None, scene: Scene) -> bool:
    """Whether documents that nobody applied end it: what a loop would buy, it would destroy."""
    if scene.request.mode is not Mode.LOOP or lease is None:
        return False
    end = ends_otherwise(fleet, lease)
    return end is not None and end <= scene.now


@dataclass(frozen=True, slots=True)
class Purchases:
    """``unproven``: fleets for which a cheaper choice could not be ruled out. ``held_back``: by
    fleet that would get more nodes without caps, the providers whose caps stand in the way.
    """

    creates: tuple[Create, ...] = ()
    unproven: frozenset[str] = frozenset()
    held_back: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def buy(
    needs: Sequence[FleetNeed], offers: Sequence[Offer], scene: Scene, caps: ProviderCaps
) -> Purchases:
    """The creates of every need; no offer is promised twice.

    Nothing is bought from a provider whose machines cannot be seen: its account may be another
    one (I14).
    """
    wanting = [need for need in needs if need.slots]
    if not wanting:
        return Purchases()
    from reconciler.planning.exact_choice import choose_offers  # most plans buy nothing
    from reconciler.planning.fallback_offers import FallbackOffers, like_offers
    from reconciler.planning.offer_shelves import OfferShelves

    unreadable = scene.unreadable
    seen = [one for one in offers if one.provider not in unreadable] if unreadable else offers
    selection = choose_offers(wanting, OfferShelves(seen, caps.rooms), caps.rooms)
    left = caps.after(selection.nodes.values())
    fallback = FallbackOffers(selection, caps.rooms)
    creates: list[Create] = []
    for need in wanting:
        nodes = selection.nodes[need.fleet.name]
        if nodes:
            spares = fallback.of_fleet(need, nodes)
            for index, node in seated(need, nodes):
                cap = need.fleet.node_cap_usd(node.offer.gpu_count)
                ceiling = left.ceiling(node, price_ceiling(node.usd_per_hour, cap))
                others = fallback.of_node(node, spares, ceiling)
                if need.terms.limits is not None:
                    others = like_offers(node.offer, others, need.terms.limits, index, need)
                create = _create(need, index, node, (node.offer, *others), ceiling, scene)
                if crowded := left.after(node):
                    create = replace(create, after=tuple(dict.fromkeys(create.after + crowded)))
                creates.append(create)
    held_back = _held_back(wanting, seen, selection, caps) if caps.rooms else {}
    return Purchases(tuple(creates), selection.unproven, held_back)


def slots_by_fleet(creates: Iterable[Create]) -> dict[str, set[int]]:
    """The numbers of the slots that are filled; empty for every other fleet."""
    slots: dict[str, set[int]] = defaultdict(set)
    for create in creates:
        slots[create.slot.fleet].add(create.slot.index)
    return slots


def _held_back(
    needs: Sequence[FleetNeed], offers: Sequence[Offer], selection: Selection, caps: ProviderCaps
) -> dict[str, tuple[str, ...]]:
    """Who would get more without caps: found by choosing again without them."""
    from reconciler.planning.exact_choice import choose_offers
    from reconciler.planning.offer_shelves import OfferShelves

    found = selection.nodes
    if all(len(found[need.fleet.name]) == len(need.slots) for need in needs):
        return {}
    free = choose_offers(needs, OfferShelves(offers, {}), {}).nodes
    broken = caps.after(free.values()).overspent
    return {name: broken for name, nodes in free.items() if len(nodes) > len(found[name])}


def _create(
    need: FleetNeed,
    index: int,
    node: RankedOffer,
    ranked: tuple[Offer, ...],
    ceiling: Decimal,
    scene: Scene,
) -> Create:
    going = need.replaces.get(index, ())
    return Create(
        slot=Slot(need.fleet.name, index),
        reason=_reason(need, index, scene),
        offer=node.offer,
        specification=specification_of(need.fleet, node.offer),
        usd_per_hour=node.usd_per_hour,
        ceiling_usd_per_hour=ceiling,
        ranked=ranked,
        replaces=going[0] if going else None,
        after=going[1:],
        succeeds=need.succeeds.get(index),
        gang=need.short if need.gang else 0,
        spread=need.terms.spread,
    )


def _reason(need: FleetNeed, index: int, scene: Scene) -> CreateReason:
    before = scene.recorded.leases.get(need.fleet.name)
    started = before is not None and before.started_at is not None
    if scene.request.mode is Mode.LOOP:
        lease = scene.leases.get(need.fleet.name)
        opens = _is_open_windows(lease, scene.now) and _is_unopened(index, lease)
        return CreateReason.NEW if opens else CreateReason.HEALED
    if index in need.replaces or index in need.succeeds:
        return CreateReason.REPLACED
    other = scene.leases.get(need.fleet.name)
    if other is not None and other.started_at is None:
        started = False  # the first of its window
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
