"""What happens to each machine that exists, may exist, or carries our mark."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from reconciler.model.cost import ZERO
from reconciler.model.mark import parse_mark
from reconciler.model.observation import Complete, Unknown
from reconciler.model.plan import (
    Adopt,
    Announce,
    Destroy,
    Doubt,
    Finding,
    Forget,
    Keep,
    Mode,
    PlanRequest,
    Stranger,
)
from reconciler.model.reason import DestroyReason
from reconciler.model.record import Doom, InstanceRecord
from reconciler.planning.absence import Presence, Weighed
from reconciler.planning.classification import (
    Sighting,
    carries_another_mark,
    classify_instances,
)
from reconciler.planning.enforcement import (
    EnforcementRule,
    Situation,
    Verdict,
    first_verdict,
)
from reconciler.planning.leases import planned_end

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from reconciler.model.fleet import DesiredState, Fleet
    from reconciler.model.instance import Instance
    from reconciler.model.observation import ObservedState
    from reconciler.model.record import LeaseRecord, PendingCreate, RecordedState
    from reconciler.planning.classification import Classified, IntentSighting

_DEFAULT_GRACE = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Scene:
    """The inputs of one decision, the leases already moved to where this plan puts them."""

    desired: DesiredState | None
    recorded: RecordedState
    observed: ObservedState
    leases: Mapping[str, LeaseRecord]
    now: datetime
    request: PlanRequest

    def fleet(self, name: str) -> Fleet | None:
        return self.desired.fleets.get(name) if self.desired else None

    def may_act(self, record: InstanceRecord) -> bool:
        """False for machines that are not targeted, or whose provider shows another account."""
        inventory = self.observed.inventories.get(record.provider)
        if isinstance(inventory, Unknown) and inventory.wrong_account:
            return False
        return self.request.covers(record.fleet, record.index)

    def is_unreadable(self, provider: str) -> bool:
        return isinstance(self.observed.inventories.get(provider), Unknown)

    def has_complete_listing(self, provider: str) -> bool:
        return isinstance(self.observed.inventories.get(provider), Complete)


@dataclass(slots=True)
class Decisions:
    """The plan while it is being made."""

    adopts: list[Adopt] = field(default_factory=list)
    destroys: list[Destroy] = field(default_factory=list)
    forgets: list[Forget] = field(default_factory=list)
    doubts: list[Doubt] = field(default_factory=list)
    announces: list[Announce] = field(default_factory=list)
    keeps: list[Keep] = field(default_factory=list)
    protected: list[tuple[InstanceRecord, Verdict]] = field(default_factory=list)
    reported: list[tuple[InstanceRecord, Verdict]] = field(default_factory=list)
    sighted: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    @property
    def staying(self) -> list[InstanceRecord]:
        """Machines that this plan leaves alone."""
        return [entry.record for entry in self.keeps] + [entry.record for entry in self.announces]


def decide_machines(classified: Classified, scene: Scene) -> Decisions:
    """One action for every record, intent and orphan; strangers are never acted on."""
    decisions = Decisions()
    for sighting in classified.records:
        if sighting.record.doom is not None:
            _decide_doomed(sighting, sighting.record.doom, scene, decisions)
        else:
            _decide_live(sighting, scene, decisions)
    for found in classified.intents:
        _decide_intent(found, scene, decisions)
    for stranger in classified.strangers:
        if stranger.kind == "orphaned":
            _decide_orphan(stranger, scene, decisions)
    return decisions


def decide_doomed(recorded: RecordedState, observed: ObservedState, now: datetime) -> Decisions:
    """The doomed machines of ``recorded`` alone: proven gone, to be asked again, or in doubt."""
    scene = Scene(None, recorded, observed, recorded.leases, now, PlanRequest(Mode.LOOP))
    decisions = Decisions()
    for sighting in classify_instances(recorded, observed).records:
        if sighting.record.doom is not None:
            _decide_doomed(sighting, sighting.record.doom, scene, decisions)
    return decisions


def _decide_doomed(sighting: Sighting, doom: Doom, scene: Scene, decisions: Decisions) -> None:
    record, weighed = sighting.record, sighting.weighed
    if weighed.presence is Presence.SEEN and record.absence and record.absence.first_absent_at:
        decisions.sighted.append(record.mark)
    if not scene.may_act(record):
        decisions.keeps.append(Keep(record, sighting.instance, "destroy under way"))
    elif weighed.presence is Presence.GONE:
        decisions.forgets.append(_forget(record, "proven gone"))
    elif weighed.presence is Presence.MISSING:
        doubt = Doubt(
            record.slot,
            record.mark,
            record.provider,
            "destroyed, proof of absence pending",
            record.usd_per_hour,
            weighed.evidence,
            worrying=False,
        )
        decisions.doubts.append(doubt)
    elif carries_another_mark(record, sighting.instance):
        decisions.doubts.append(_doubt(record, sighting.identity_doubt))
    else:
        decisions.destroys.append(Destroy(record, doom.reason, "destroy again", again=True))


def _decide_live(sighting: Sighting, scene: Scene, decisions: Decisions) -> None:
    record, presence = sighting.record, sighting.weighed.presence
    if not scene.may_act(record):
        decisions.keeps.append(Keep(record, sighting.instance, "not touched"))
        return
    if presence is Presence.GONE:
        decisions.forgets.append(_forget(record, "gone at the provider, not by us"))
        return
    if presence is Presence.SEEN and record.absence is not None:
        decisions.sighted.append(record.mark)
    situation = _situation(record, sighting.instance, scene)
    found = first_verdict(situation)
    if found is not None and found[0].outranks_protection:
        _destroy_for_certain(sighting, found[1], decisions)
    elif presence in (Presence.MISSING, Presence.UNLISTED):
        detail = "missing from a complete listing, not yet proven gone"
        decisions.doubts.append(_doubt(record, detail, sighting))
    elif found is not None:
        _carry_out(sighting, found, situation, scene, decisions)
    else:
        _keep(sighting, scene, decisions)


def _keep(sighting: Sighting, scene: Scene, decisions: Decisions) -> None:
    record = sighting.record
    if record.mark in scene.recorded.notices:
        decisions.sighted.append(record.mark)
    detail = sighting.identity_doubt if sighting.instance else "not read this time"
    decisions.keeps.append(Keep(record, sighting.instance, detail))


def _destroy_for_certain(sighting: Sighting, verdict: Verdict, decisions: Decisions) -> None:
    """Lease ends: our own id is proof enough, even unlisted, unless it was plainly recycled."""
    if carries_another_mark(sighting.record, sighting.instance):
        decisions.doubts.append(_doubt(sighting.record, sighting.identity_doubt))
        return
    decisions.destroys.append(Destroy(sighting.record, verdict.reason, verdict.detail))


def _carry_out(
    sighting: Sighting,
    found: tuple[EnforcementRule, Verdict],
    situation: Situation,
    scene: Scene,
    decisions: Decisions,
) -> None:
    """A destroy that needs the machine re-identified in this pass; may be held back (I4, I5)."""
    rule, verdict = found
    record = sighting.record
    if sighting.instance is None:
        detail = f"{verdict.reason}, but the machine could not be read"
        decisions.doubts.append(_doubt(record, detail))
    elif sighting.identity_doubt:
        decisions.doubts.append(_doubt(record, f"{verdict.reason}, but {sighting.identity_doubt}"))
    elif verdict.reason.may_be_a_slip and not scene.has_complete_listing(record.provider):
        detail = f"{verdict.reason}, but the listing is not complete"
        decisions.keeps.append(Keep(record, sighting.instance, detail))
    elif _is_protected(situation):
        decisions.protected.append((record, verdict))
        decisions.keeps.append(Keep(record, sighting.instance, f"{verdict.reason}, protected"))
    elif rule.soft_in_loop and situation.in_loop:
        _soften(record, sighting.instance, verdict, scene, decisions)
    else:
        decisions.destroys.append(
            Destroy(record, verdict.reason, verdict.detail, differences=verdict.differences)
        )


def _soften(
    record: InstanceRecord,
    instance: Instance | None,
    verdict: Verdict,
    scene: Scene,
    decisions: Decisions,
) -> None:
    """The first pass announces, a pass after the grace acts (SPEC.md section 2, ``grace``)."""
    desired = scene.desired
    if desired is not None and desired.safety.undeclared == "report":
        decisions.reported.append((record, verdict))
        decisions.keeps.append(Keep(record, instance, f"{verdict.reason}, reported only"))
        return
    lease = scene.leases.get(record.fleet)
    grace = lease.grace if lease else _DEFAULT_GRACE
    notice = scene.recorded.notices.get(record.mark)
    if notice is not None and notice.reason is verdict.reason:
        if notice.due_at <= scene.now:
            decisions.destroys.append(Destroy(record, verdict.reason, verdict.detail, soft=True))
        else:
            detail = f"{verdict.reason}: ends {notice.due_at:%Y-%m-%d %H:%M:%S}Z"
            decisions.keeps.append(Keep(record, instance, detail))
    elif grace > timedelta(0):
        due_at = scene.now + grace
        decisions.announces.append(Announce(record, verdict.reason, due_at, verdict.detail))
    else:
        decisions.destroys.append(Destroy(record, verdict.reason, verdict.detail, soft=True))


def _decide_intent(found: IntentSighting, scene: Scene, decisions: Decisions) -> None:
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
    )
    if intent.watched_until is not None and not scene.has_complete_listing(intent.provider):
        return  # a late arrival is destroyed as orphaned, which needs a whole listing (I5)
    decisions.adopts.append(Adopt(record, instance))
    if intent.watched_until is not None:
        decisions.destroys.append(
            Destroy(record, DestroyReason.ORPHANED, "appeared after it was proven absent")
        )
        return
    situation = _situation(record, instance, scene)
    found = first_verdict(situation)
    sighting = Sighting(record, instance, Weighed(Presence.SEEN))
    if found is None or (found[0].soft_in_loop and situation.in_loop):
        decisions.keeps.append(Keep(record, instance, "found by its mark"))
    elif found[0].outranks_protection:
        _destroy_for_certain(sighting, found[1], decisions)
    else:
        _carry_out(sighting, found, situation, scene, decisions)


def _decide_orphan(stranger: Stranger, scene: Scene, decisions: Decisions) -> None:
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
        created_at=instance.created_at or scene.now,
    )
    before = len(decisions.destroys)
    if mark.end <= scene.now:
        verdict = Verdict(DestroyReason.EXPIRED, f"its mark ended {mark.end:%Y-%m-%d %H:%M:%S}Z")
        decisions.destroys.append(Destroy(record, verdict.reason, verdict.detail))
    elif not scene.has_complete_listing(instance.provider):
        return
    elif scene.request.mode is Mode.LOOP:
        verdict = Verdict(DestroyReason.ORPHANED, "our mark, no record")
        _soften(record, instance, verdict, scene, decisions)
        decisions.keeps = [keep for keep in decisions.keeps if keep.record is not record]
    else:
        reason = (
            DestroyReason.REQUESTED
            if scene.request.mode is Mode.DESTROY
            else DestroyReason.ORPHANED
        )
        decisions.destroys.append(Destroy(record, reason, "our mark, no record"))
    if len(decisions.destroys) > before:
        decisions.adopts.append(Adopt(record, instance))


def _situation(record: InstanceRecord, instance: Instance | None, scene: Scene) -> Situation:
    lease = scene.leases.get(record.fleet)
    mark = parse_mark(record.mark)
    if lease is not None:
        ends_at = planned_end(lease, record.created_at)
    else:
        # Without a lease the mark's own end holds: it was the lease end when it was made.
        ends_at = mark.end if mark else record.created_at
    return Situation(
        record=record,
        instance=instance,
        fleet=scene.fleet(record.fleet),
        documents=scene.desired is not None,
        lease=lease,
        ends_at=ends_at,
        request=scene.request,
        now=scene.now,
    )


def _is_protected(situation: Situation) -> bool:
    """By the lease in force: looser documents count only after apply (SPEC.md section 12, 1)."""
    declared = situation.fleet is not None and situation.fleet.prevent_destroy is True
    return declared or (situation.lease is not None and situation.lease.prevent_destroy)


def _forget(record: InstanceRecord, detail: str) -> Forget:
    return Forget(record.slot, record.mark, record.provider, "record", detail)


def _doubt(record: InstanceRecord, detail: str, sighting: Sighting | None = None) -> Doubt:
    evidence = sighting.weighed.evidence if sighting else None
    return Doubt(record.slot, record.mark, record.provider, detail, record.usd_per_hour, evidence)
