"""Like machines that are cheaper by now: proposed, and done only when somebody asks for it.

A proposal is what the plan of its own command would do: found by planning that replacement from the
same inputs, so that placement, caps and scarce offers hold for it too.
"""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from reconciler.model.cost import ZERO, projected_cost
from reconciler.model.plan import Mode
from reconciler.model.proposal import SwapProposal
from reconciler.planning.offer_matching import match_offers
from reconciler.planning.spending import live_rate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from reconciler.model.address import Slot
    from reconciler.model.fleet import Fleet, PriceWatch
    from reconciler.model.offer import OfferBook
    from reconciler.model.plan import Create, Keep
    from reconciler.model.record import Specification
    from reconciler.planning.offer_matching import GpuKind, RankedOffer
    from reconciler.planning.scene import Decisions, Scene

_ENDLESS = timedelta(days=30)
_ROUNDS = 4


def watched_fleets(scene: Scene, decisions: Decisions) -> list[Fleet]:
    """The fleets whose prices are watched and that have a machine to compare."""
    request = scene.request
    if scene.desired is None or request.mode is not Mode.APPLY or scene.losses:
        return []
    if request.only_record or request.from_state or request.replace:
        return []
    watched = {name: one for name, one in scene.desired.fleets.items() if one.price_watch}
    if not watched:
        return []
    running = {one.record.fleet for one in _comparable(scene, decisions)}
    return [watched[name] for name in sorted(running & watched.keys())]


def proposals(
    watched: Sequence[Fleet],
    offers: OfferBook,
    scene: Scene,
    decisions: Decisions,
    creates_with: Callable[[tuple[Slot, ...]], Sequence[Create]],
) -> tuple[SwapProposal, ...]:
    """The swaps that pay, by slot. ``creates_with``: what is bought when these slots are replaced.

    Together they can all be done: no offer is proposed twice.
    """
    keeps = _promising(watched, offers, scene, decisions)
    found: list[SwapProposal] = []
    for _ in range(_ROUNDS):
        if not keeps:
            return ()
        slots = tuple(sorted(one.slot for one in keeps))
        bought = {one.predecessor: one for one in creates_with(slots)}
        found = [
            swap
            for one in keeps
            if (swap := _swap(one, bought.get(one.record.mark), scene)) is not None
        ]
        if len(found) == len(keeps):
            break
        kept = {one.mark for one in found}
        keeps = [one for one in keeps if one.record.mark in kept]
    else:
        return ()
    return tuple(sorted(found, key=lambda one: one.slot))


def _comparable(scene: Scene, decisions: Decisions) -> Iterable[Keep]:
    """Machines of ours that were seen, are not replaced already, and whose hardware is known."""
    for keep in decisions.keeps:
        record = keep.record
        seen = keep.instance is not None and record.specification is not None
        if seen and record.succeeds is None and scene.may_act(record):
            yield keep


def _promising(
    watched: Sequence[Fleet], offers: OfferBook, scene: Scene, decisions: Decisions
) -> list[Keep]:
    """Machines that the cheapest like offers would beat, as many as there are such offers, the
    dearest machines first.
    """
    fleets = {fleet.name: fleet for fleet in watched}
    readable = [one for one in offers.offers if one.provider not in scene.unreadable]
    ranked = {name: match_offers(fleet, readable).ranked for name, fleet in fleets.items()}
    keeps = [one for one in _comparable(scene, decisions) if one.record.fleet in fleets]
    keeps.sort(key=lambda one: (-live_rate(one.record, one.instance), one.slot))
    left: dict[str, int] = {}
    found = []
    for keep in keeps:
        for offer in _like(ranked[keep.record.fleet], keep):
            key = f"{offer.offer.provider} {offer.offer.capacity_key}"
            if not _saves(keep, offer.usd_per_hour, scene):
                break
            if left.setdefault(key, offer.offer.stock) > 0:
                left[key] -= 1
                found.append(keep)
                break
    return found


def _like(ranked: Sequence[RankedOffer], keep: Keep) -> Iterable[RankedOffer]:
    wanted = _kind(keep.record.specification)
    return (one for one in ranked if one.kind == wanted)


def _kind(bought: Specification | None) -> GpuKind | None:
    return (bought.gpu, bought.gpu_count, bought.gpu_memory_bytes) if bought else None


def _swap(keep: Keep, create: Create | None, scene: Scene) -> SwapProposal | None:
    """What replacing one machine comes to; None where it does not pay, or gives another kind."""
    record = keep.record
    if create is None or _kind(create.specification) != _kind(record.specification):
        return None
    saving = _saves(keep, create.usd_per_hour, scene)
    if not saving:
        return None
    return SwapProposal(
        slot=keep.slot,
        mark=record.mark,
        provider=record.provider,
        instance_id=record.instance_id,
        usd_per_hour=live_rate(record, keep.instance),
        to_provider=create.offer.provider,
        to_region=create.offer.region,
        to_offer=create.offer.id,
        to_usd_per_hour=create.usd_per_hour,
        setup_cost_usd=_rules(keep, scene).setup_cost_usd,
        saving_usd=saving,
        until=scene.now + _left(keep, scene),
    )


def _saves(keep: Keep, usd_per_hour: Decimal, scene: Scene) -> Decimal:
    """Dollars, set-up cost taken off; 0 where it is not cheaper by the stated share or saves
    nothing.
    """
    rules, rate = _rules(keep, scene), live_rate(keep.record, keep.instance)
    if usd_per_hour * 100 > rate * (100 - rules.cheaper_by_percent):
        return ZERO
    left = _left(keep, scene)
    saved = projected_cost(rate, left) - projected_cost(usd_per_hour, left)
    return max(ZERO, saved - rules.setup_cost_usd)


def _rules(keep: Keep, scene: Scene) -> PriceWatch:
    fleet = scene.fleet(keep.record.fleet)
    assert fleet is not None
    assert fleet.price_watch is not None
    return fleet.price_watch


def _left(keep: Keep, scene: Scene) -> timedelta:
    return min(scene.end_of(keep.record) - scene.now, _ENDLESS)
