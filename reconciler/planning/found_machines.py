"""Machines that are ours by their mark alone: creates whose outcome was unknown, and orphans."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.cost import ZERO
from reconciler.model.mark import parse_mark
from reconciler.model.plan import Adopt, Destroy, Doubt, Forget, Keep, Mode, Stranger
from reconciler.model.reason import DestroyReason
from reconciler.model.record import InstanceRecord
from reconciler.planning.absence import Presence, Weighed
from reconciler.planning.classification import Sighting
from reconciler.planning.enforcement import first_verdict
from reconciler.planning.enforcement_rule import Verdict
from reconciler.planning.leases import has_ended
from reconciler.planning.rollback import ORPHAN_DETAIL, UNKNOWN_SINCE, is_held_back
from reconciler.planning.verdicts import (
    carry_out,
    destroy_for_certain,
    doubt_about,
    situation_of,
    soften,
)

if TYPE_CHECKING:
    from reconciler.model.instance import Instance
    from reconciler.model.mark import Mark
    from reconciler.model.record import PendingCreate
    from reconciler.planning.classification import IntentSighting
    from reconciler.planning.scene import Decisions, Scene


def decide_intent(found: IntentSighting, scene: Scene, decisions: Decisions) -> None:
    intent, instance = found.intent, found.instance
    if not scene.request.covers(intent.fleet, intent.index):
        if intent.blocks_slot:
            decisions.doubts.append(_intent_doubt(found, "create unresolved, not targeted"))
        return
    if instance is not None:
        _decide_found_intent(intent, instance, scene, decisions)
    elif intent.watched_until is not None:
        if scene.now >= intent.watched_until:
            decisions.forgets.append(
                Forget(intent.slot, intent.mark, intent.provider, "watch", "its watch is over")
            )
    elif found.weighed.presence is Presence.GONE:
        decisions.forgets.append(
            Forget(intent.slot, intent.mark, intent.provider, "intent", "the create left nothing")
        )
    else:
        decisions.doubts.append(_intent_doubt(found, "create sent, outcome unknown"))


def _intent_doubt(found: IntentSighting, detail: str) -> Doubt:
    intent = found.intent
    return Doubt(
        intent.slot,
        intent.mark,
        intent.provider,
        detail,
        intent.usd_per_hour,
        found.weighed.evidence,
    )


def _decide_found_intent(
    intent: PendingCreate, instance: Instance, scene: Scene, decisions: Decisions
) -> None:
    record = InstanceRecord.model_construct(
        fleet=intent.fleet,
        index=intent.index,
        provider=intent.provider,
        instance_id=instance.id,
        mark=intent.mark,
        specification=intent.specification,
        ceiling_usd_per_hour=intent.ceiling_usd_per_hour,
        usd_per_hour=(
            intent.usd_per_hour if instance.usd_per_hour is None else instance.usd_per_hour
        ),
        created_at=intent.begun_at,
        # The run that ordered it never learnt its id, so that nobody looks into it.
        succeeds=intent.succeeds and intent.succeeds.with_(looked_into_until=None),
    )
    if intent.watched_until is not None:
        _decide_late_arrival(record, instance, scene, decisions)
        return
    decisions.adopts.append(Adopt(record, instance))
    situation = situation_of(record, instance, scene)
    found = first_verdict(situation)
    sighting = Sighting(record, instance, Weighed(Presence.SEEN))
    if found is None or (found[0].soft_in_loop and situation.given.in_loop):
        decisions.keeps.append(Keep(record, instance, "found by its mark"))
    elif found[0].outranks_protection:
        destroy_for_certain(sighting, found[1], decisions)
    else:
        carry_out(sighting, found, situation, scene, decisions)


def _decide_late_arrival(
    record: InstanceRecord, instance: Instance, scene: Scene, decisions: Decisions
) -> None:
    """Nothing holds back the end of one whose mark and lease have ended; any other one is orphaned,
    which needs a whole listing (I5) and may be a slip.
    """
    mark, lease = parse_mark(record.mark), scene.leases.get(record.fleet)
    ended = mark is not None and (lease is None or has_ended(lease, scene.now))
    verdict = _ended_by_its_mark(mark, scene) if mark and ended else None
    if verdict is None and not scene.has_complete_listing(record.provider):
        return
    late = Verdict(DestroyReason.ORPHANED, "appeared after it was proven absent")
    found = verdict or late
    decisions.adopts.append(Adopt(record, instance))
    decisions.destroys.append(Destroy(record, found.reason, found.detail))


def _ended_by_its_mark(mark: Mark, scene: Scene) -> Verdict | None:
    if mark.end > scene.now:
        return None
    return Verdict(DestroyReason.EXPIRED, f"its mark ended {mark.end:%Y-%m-%d %H:%M:%S}Z")


def decide_orphan(stranger: Stranger, scene: Scene, decisions: Decisions) -> None:
    """Our lineage, no record: adopted as a record only to be destroyed (SPEC.md section 4)."""
    mark = parse_mark(stranger.instance.label)
    if mark is None or not scene.request.covers(mark.fleet, mark.index):
        return
    instance = stranger.instance
    record = InstanceRecord.model_construct(
        fleet=mark.fleet,
        index=mark.index,
        provider=instance.provider,
        instance_id=instance.id,
        mark=str(mark),
        specification=None,
        ceiling_usd_per_hour=None,
        usd_per_hour=instance.usd_per_hour or ZERO,
        created_at=instance.begun_at or scene.now,
    )
    before = len(decisions.destroys)
    if (ended := _ended_by_its_mark(mark, scene)) is not None:
        decisions.destroys.append(Destroy(record, ended.reason, ended.detail))
    elif not scene.has_complete_listing(instance.provider):
        return
    elif is_held_back(instance, scene):
        decisions.doubts.append(doubt_about(record, UNKNOWN_SINCE))
    elif scene.request.mode is Mode.LOOP:
        verdict = Verdict(DestroyReason.ORPHANED, ORPHAN_DETAIL)
        soften(record, instance, verdict, scene, decisions)
        decisions.keeps = [keep for keep in decisions.keeps if keep.record is not record]
    else:
        reason = (
            DestroyReason.REQUESTED
            if scene.request.mode is Mode.DESTROY
            else DestroyReason.ORPHANED
        )
        decisions.destroys.append(Destroy(record, reason, ORPHAN_DETAIL))
    if len(decisions.destroys) > before:
        decisions.adopts.append(Adopt(record, instance))
