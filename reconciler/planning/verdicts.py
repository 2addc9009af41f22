"""From the verdict of a rule to the action: announced, held back, in doubt, or carried out."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from reconciler.model.plan import Announce, Destroy, Doubt, Keep
from reconciler.planning.absence import Presence
from reconciler.planning.classification import Sighting
from reconciler.planning.enforcement import first_verdict
from reconciler.planning.enforcement_rule import EnforcementRule, Situation, Verdict
from reconciler.planning.succession import NO_SUCCESSIONS, is_seen_ready, stands

if TYPE_CHECKING:
    from reconciler.model.instance import Instance
    from reconciler.model.record import InstanceRecord
    from reconciler.planning.scene import Decisions, Scene
    from reconciler.planning.succession import Successions

_DEFAULT_GRACE = timedelta(minutes=10)


def situation_of(
    record: InstanceRecord,
    instance: Instance | None,
    scene: Scene,
    pairs: Successions = NO_SUCCESSIONS,
) -> Situation:
    """What the rules may look at. ``pairs`` are the slots that hold two machines just now."""
    given = scene.circumstances_of(record)
    if pairs is NO_SUCCESSIONS and not scene.over_budget and not scene.over_new_budget:
        return Situation(record, instance, given)  # most often: nothing is said of single machines
    heir, old = pairs.successors.get(record.mark), pairs.predecessors.get(record.mark)
    return Situation(
        record=record,
        instance=instance,
        given=given,
        successor=heir.record if heir else None,
        successor_ready=heir is not None and _may_take_over(heir, scene, pairs),
        predecessor=old.record if old else None,
        predecessor_stands=old is not None and _keeps_its_slot(old, scene),
        over_budget=scene.over_budget.get(record.mark, ""),
        over_new_budget=scene.over_new_budget.get(record.mark, ""),
    )


def _may_take_over(heir: Sighting, scene: Scene, pairs: Successions) -> bool:
    """Ready, and not itself about to go: never both machines of a slot in one plan."""
    situation = situation_of(heir.record, heir.instance, scene, pairs)
    return is_seen_ready(heir, scene.now, scene.request) and first_verdict(situation) is None


def _keeps_its_slot(old: Sighting, scene: Scene) -> bool:
    """The same of a predecessor. What asks for another machine in its slot does not count: there
    is one.
    """
    found = first_verdict(situation_of(old.record, old.instance, scene))
    return stands(old) and (found is None or found[0].replaces)


def _is_protected(situation: Situation) -> bool:
    """By the lease in force: looser documents count only after apply (SPEC.md section 12, 1)."""
    fleet, lease = situation.given.fleet, situation.given.lease
    declared = fleet is not None and fleet.prevent_destroy is True
    return declared or (lease is not None and lease.prevent_destroy)


def destroy_for_certain(sighting: Sighting, verdict: Verdict, decisions: Decisions) -> None:
    """Lease ends: our own id is proof enough, even unlisted, unless it stood for another machine
    when it was last seen.
    """
    if sighting.record.recycled and sighting.weighed.presence is not Presence.SEEN:
        decisions.doubts.append(recycled_doubt(sighting))
        return
    decisions.destroys.append(Destroy(sighting.record, verdict.reason, verdict.detail))


def carry_out(
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
        decisions.doubts.append(doubt_about(record, detail))
    elif sighting.identity_doubt:
        decisions.doubts.append(
            doubt_about(record, f"{verdict.reason}, but {sighting.identity_doubt}")
        )
    elif _needs_whole_listing(found) and not scene.has_complete_listing(record.provider):
        detail = f"{verdict.reason}, but the listing is not complete"
        decisions.keeps.append(Keep(record, sighting.instance, detail))
    elif _is_protected(situation):
        decisions.protected.append((record, verdict))
        decisions.keeps.append(Keep(record, sighting.instance, f"{verdict.reason}, protected"))
    elif rule.soft_in_loop and situation.given.in_loop:
        soften(record, sighting.instance, verdict, scene, decisions)
    else:
        fleet = situation.given.fleet
        waits = rule.replaces and not rule.serves_nobody
        create_first = waits and fleet is not None and fleet.create_before_destroy
        decisions.destroys.append(
            Destroy(
                record,
                verdict.reason,
                verdict.detail,
                differences=verdict.differences,
                after_successor=create_first,
                succeeded=rule.completes,
            )
        )


def _needs_whole_listing(found: tuple[EnforcementRule, Verdict]) -> bool:
    """I5: nothing that may be a slip, and no replacement, on half a listing."""
    rule, verdict = found
    return verdict.reason.may_be_a_slip or rule.replaces or rule.completes


def soften(
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


def recycled_doubt(sighting: Sighting) -> Doubt:
    """Under its id another machine stands, or stood when it was last seen."""
    detail = sighting.identity_doubt or "its id stood for another machine last"
    return replace(doubt_about(sighting.record, detail), recycled=True)


def doubt_about(record: InstanceRecord, detail: str, sighting: Sighting | None = None) -> Doubt:
    evidence = sighting.weighed.evidence if sighting else None
    return Doubt(record.slot, record.mark, record.provider, detail, record.usd_per_hour, evidence)
