"""What happens to each machine that exists, may exist, or carries our mark."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from reconciler.model.instance import InstanceStatus
from reconciler.model.plan import (
    Adopt,
    Destroy,
    Doubt,
    Forget,
    Keep,
    Mode,
    PlanRequest,
    RateChange,
)
from reconciler.model.record import AbsenceEvidence
from reconciler.planning import ledger as books
from reconciler.planning.absence import Presence, Weighed
from reconciler.planning.classification import (
    carries_another_mark,
    classify_instances,
    is_recycled,
)
from reconciler.planning.clock_rule import has_ended_by_wall
from reconciler.planning.enforcement import first_verdict, rules_for
from reconciler.planning.found_machines import decide_intent, decide_orphan
from reconciler.planning.scene import Decisions, Scene
from reconciler.planning.spot_losses import is_lost
from reconciler.planning.succession import find_successions, is_looked_into
from reconciler.planning.verdicts import (
    carry_out,
    destroy_for_certain,
    doubt_about,
    recycled_doubt,
    situation_of,
)

if TYPE_CHECKING:
    from datetime import datetime

    from reconciler.model.observation import ObservedState
    from reconciler.model.record import Doom, InstanceRecord, RecordedState
    from reconciler.planning.classification import Classified, Sighting
    from reconciler.planning.enforcement_rule import Situation
    from reconciler.planning.succession import Successions

_NOT_LISTED = (Presence.MISSING, Presence.UNLISTED)


def decide_machines(classified: Classified, scene: Scene) -> Decisions:
    """One action for every record, intent and orphan; strangers are never acted on."""
    decisions = Decisions()
    pairs = find_successions(classified.records)
    at_all = scene.may_act_on_all
    for sighting in classified.records:
        record = sighting.record
        if sighting.found_by_mark and sighting.instance is not None:
            decisions.adopts.append(Adopt(record, sighting.instance))
        if record.doom is not None:
            _decide_doomed(sighting, record.doom, scene, decisions)
        elif at_all or scene.may_act(record):
            _decide_live(sighting, scene, pairs, decisions)
        else:
            _decide_untouched(sighting, scene, decisions)
    for found in classified.intents:
        decide_intent(found, scene, decisions)
    for stranger in classified.strangers:
        if stranger.kind == "orphaned":
            decide_orphan(stranger, scene, decisions)
    return decisions


def decide_doomed(recorded: RecordedState, observed: ObservedState, now: datetime) -> Decisions:
    """The doomed machines of ``recorded`` alone: proven gone, to be asked again, or in doubt."""
    scene = Scene(None, recorded, observed, recorded.leases, now, PlanRequest(Mode.LOOP))
    decisions = Decisions()
    for sighting in classify_instances(recorded, observed).records:
        if sighting.found_by_mark:
            decisions.doubts.append(doubt_about(sighting.record, "listed under another id"))
        elif sighting.record.doom is not None:
            _decide_doomed(sighting, sighting.record.doom, scene, decisions)
    return decisions


def _decide_doomed(sighting: Sighting, doom: Doom, scene: Scene, decisions: Decisions) -> None:
    record, weighed = sighting.record, sighting.weighed
    missed = record.absence is not None and record.absence.first_absent_at is not None
    if (missed or record.recycled) and _is_seen_again(sighting):
        decisions.sighted.append(record.mark)
    if weighed.presence is Presence.SEEN:
        _note_rate(sighting, decisions)
    if not scene.may_act(record) and weighed.presence is not Presence.MISSING:
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
    elif is_recycled(record, sighting.instance):
        decisions.doubts.append(recycled_doubt(sighting))
    elif _went_unseen(record, doom, weighed):
        decisions.doubts.append(doubt_about(record, "destroyed and missed; nothing proves it now"))
    elif weighed.presence is not Presence.SEEN and record.recycled:
        decisions.doubts.append(recycled_doubt(sighting))
    elif weighed.presence is Presence.UNLISTED and scene.put_off(record):
        decisions.keeps.append(Keep(record, None, "destroy under way, no time to ask for it"))
    else:
        decisions.destroys.append(Destroy(record, doom.reason, "destroy again", again=True))


def _decide_untouched(sighting: Sighting, scene: Scene, decisions: Decisions) -> None:
    """This look counts as one at it, too: what it showed, and that it did not show it."""
    record, presence = sighting.record, sighting.weighed.presence
    loss = scene.loss_of(record) if presence is Presence.SILENT else None
    if presence in _NOT_LISTED or (loss is not None and not record.absence):
        evidence = loss.first_evidence() if loss else sighting.weighed.evidence
        doubt = doubt_about(record, "not touched, and missing from a complete listing")
        decisions.doubts.append(replace(doubt, evidence=evidence))
        return
    if _is_seen_again(sighting):
        decisions.sighted.append(record.mark)
    _note_rate(sighting, decisions)
    decisions.keeps.append(Keep(record, sighting.instance, "not touched"))


def _is_seen_again(sighting: Sighting) -> bool:
    """It had been missed; or another machine stood under its id, and its own mark does now."""
    record = sighting.record
    known = not sighting.identity_doubt if record.recycled else record.absence is not None
    return known and sighting.weighed.presence is Presence.SEEN


def _went_unseen(record: InstanceRecord, doom: Doom, weighed: Weighed) -> bool:
    """Its destroy was accepted, a whole listing lacked it after that, and now there is none: under
    its id another machine may stand by now (I4).
    """
    absent = record.absence is not None and record.absence.first_absent_at is not None
    return weighed.presence is Presence.SILENT and absent and doom.accepted_at is not None


def _decide_live(
    sighting: Sighting, scene: Scene, pairs: Successions, decisions: Decisions
) -> None:
    record, presence = sighting.record, sighting.weighed.presence
    if presence is Presence.GONE:
        detail = "gone at the provider, not by us"
        decisions.forgets.append(_forget(record, detail, unexpected=True))
        return
    if carries_another_mark(record, sighting.instance):
        decisions.doubts.append(recycled_doubt(sighting))
        return
    if presence is Presence.SEEN:
        _note_sighting(sighting, scene, decisions)
    situation = situation_of(record, sighting.instance, scene, pairs)
    found = first_verdict(situation, rules_for(situation))
    if found is not None and found[0].outranks_protection:
        destroy_for_certain(_since_missed(sighting, scene), found[1], decisions)
    elif presence is Presence.SILENT and (loss := scene.loss_of(record)) is not None:
        evidence = None if record.absence else loss.first_evidence()
        detail = "missing with many others at once, not believed yet"
        decisions.doubts.append(replace(doubt_about(record, detail), evidence=evidence))
    elif presence in _NOT_LISTED:
        detail = "missing from a complete listing, not yet proven gone"
        decisions.doubts.append(doubt_about(record, detail, sighting))
    elif found is not None:
        carry_out(sighting, found, situation, scene, decisions)
    else:
        _keep(sighting, situation, scene, decisions)


def _since_missed(sighting: Sighting, scene: Scene) -> Sighting:
    """What the ledger must know of a machine that this look is the first not to show: nobody can
    say that it was billed after the look before, even though its destroy is sent only now.
    """
    record = sighting.record
    if sighting.weighed.presence is Presence.SEEN or record.absence:
        return sighting
    evidence = sighting.weighed.evidence or AbsenceEvidence(last_seen_at=scene.now)
    seen_at = books.last_look(scene.recorded, record.provider)
    missed = record.with_(absence=evidence.with_(billed_at=seen_at))
    return replace(sighting, record=missed)


def _note_sighting(sighting: Sighting, scene: Scene, decisions: Decisions) -> None:
    """What the state should learn from seeing it, whatever becomes of it."""
    record, instance = sighting.record, sighting.instance
    if _is_seen_again(sighting):
        decisions.sighted.append(record.mark)
    if instance is None or sighting.identity_doubt:
        return
    begins = record.ready_at is None and instance.is_ready
    if begins and not is_looked_into(record, scene.now, scene.request):
        decisions.became_ready.append(record.mark)
    _note_rate(sighting, decisions)


def _note_rate(sighting: Sighting, decisions: Decisions) -> None:
    """Also of a machine whose destroys fail; on its way out it does not become cheaper."""
    record, instance = sighting.record, sighting.instance
    billed = instance.usd_per_hour if instance and not sighting.identity_doubt else None
    if instance is None or billed is None or billed == record.usd_per_hour:
        return
    if billed > record.usd_per_hour or instance.status is not InstanceStatus.DESTROYING:
        decisions.rate_changes.append(RateChange(record, billed, instance.rate_since))


def _keep(sighting: Sighting, situation: Situation, scene: Scene, decisions: Decisions) -> None:
    record = sighting.record
    if record.mark in scene.recorded.notices:
        decisions.sighted.append(record.mark)
    instance = sighting.instance
    detail = "not read this time" if instance is None else sighting.identity_doubt
    if instance is not None and is_lost(record, instance):
        detail = detail or "spot: taken away; `apply` or `reconcile --heal` replaces it"
    if scene.observed.clock is not None and has_ended_by_wall(scene, situation.given.ends_at):
        detail = detail or "its lease is over by this machine's clock alone: billed"
    if situation.successor is not None:
        detail = detail or f"stays until {situation.successor.instance_id} is ready"
    elif situation.predecessor is not None:
        detail = detail or f"takes the place of {situation.predecessor.instance_id} when ready"
    decisions.keeps.append(Keep(record, instance, detail))


def _forget(record: InstanceRecord, detail: str, *, unexpected: bool = False) -> Forget:
    return Forget(record.slot, record.mark, record.provider, "record", detail, unexpected)
