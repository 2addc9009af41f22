"""What a plan may not do without a named flag (SPEC.md section 5, fuse; I16)."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from reconciler.model.exit_code import ExitCode
from reconciler.model.plan import Finding, Keep, Mode

if TYPE_CHECKING:
    from reconciler.model.fleet import Safety
    from reconciler.model.plan import Destroy
    from reconciler.planning.scene import Decisions, Scene

FUSE_WINDOW = timedelta(hours=1)


def check_plan_safety(decisions: Decisions, scene: Scene, safety: Safety) -> None:
    """Hold back, or refuse, destroys which may be a slip; adds findings to ``decisions``.

    In the loop the machines beyond the allowance stay for a later pass; in a plan of a person or a
    pipeline the whole plan is refused, so that half a slip is not carried out either.
    """
    _check_protection(decisions, scene)
    slips = [entry for entry in decisions.destroys if _counts(entry)]
    if not slips:
        return
    if _is_empty(scene) and not safety.allow_empty and scene.request.max_destroy is None:
        _refuse(decisions, scene, slips, _empty_message(slips, scene))
        return
    if not scene.request.fused and scene.request.max_destroy is None:
        return
    allowed = _allowance(scene, safety)
    if len(slips) > allowed:
        excess = sorted(slips, key=lambda entry: (entry.slot, entry.record.mark))[allowed:]
        _refuse(decisions, scene, excess, _fuse_message(len(slips), allowed, scene))


def _counts(destroy: Destroy) -> bool:
    done_before = destroy.again or destroy.succeeded
    return not done_before and (destroy.soft or destroy.reason.may_be_a_slip)


def _is_empty(scene: Scene) -> bool:
    return scene.desired is None or not scene.desired.fleets


def _allowance(scene: Scene, safety: Safety) -> int:
    """How many may still go in this rolling hour."""
    if scene.request.max_destroy is not None:
        return scene.request.max_destroy
    live = sum(1 for record in scene.recorded.instances.values() if record.doom is None)
    limit = max(safety.max_destroy_count, live * safety.max_destroy_percent // 100)
    return max(0, limit - recent_soft_destroys(scene))


def recent_soft_destroys(scene: Scene) -> int:
    """Machines doomed within the last hour for reasons that may be a slip."""
    since = scene.now - FUSE_WINDOW
    return sum(1 for moment in scene.recorded.soft_destroys if moment > since)


def _refuse(decisions: Decisions, scene: Scene, excess: list[Destroy], finding: Finding) -> None:
    decisions.findings.append(finding)
    if scene.request.mode is not Mode.LOOP:
        return
    held_back(decisions, scene, excess, "held back by the fuse")


def held_back(decisions: Decisions, scene: Scene, excess: list[Destroy], why: str) -> None:
    """Take ``excess`` out of what is destroyed: recorded machines are kept, and it says ``why``."""
    held = {entry.record.mark for entry in excess}
    ours = set(scene.recorded.instances)
    ours |= {mark for mark, one in scene.recorded.intents.items() if one.blocks_slot}
    decisions.destroys = [one for one in decisions.destroys if one.record.mark not in held]
    # Orphans and late arrivals are adopted only to be destroyed; a found create has a slot.
    decisions.adopts = [
        one for one in decisions.adopts if one.record.mark not in held or one.record.mark in ours
    ]
    decisions.keeps.extend(
        Keep(entry.record, None, f"{entry.reason}, {why}")
        for entry in excess
        if entry.record.mark in ours
    )


def _empty_message(slips: list[Destroy], scene: Scene) -> Finding:
    return Finding(
        f"the documents declare no fleet; {len(slips)} machine(s) would be destroyed for it",
        ExitCode.REFUSED_BY_RULE,
        blocks=scene.request.mode is not Mode.LOOP,
        fix=f"if that is meant: -max-destroy={len(slips)}, or safety.allow_empty: true",
    )


def _fuse_message(wanted: int, allowed: int, scene: Scene) -> Finding:
    recent = recent_soft_destroys(scene)
    return Finding(
        f"{wanted} destroys may be a slip; {allowed} allowed now, {recent} done in the last hour",
        ExitCode.REFUSED_BY_RULE,
        blocks=scene.request.mode is not Mode.LOOP,
        fix=f"if they are meant: -max-destroy={wanted}",
    )


def _check_protection(decisions: Decisions, scene: Scene) -> None:
    for record, verdict in decisions.protected:
        decisions.findings.append(
            Finding(
                f"{record.slot} is protected by lifecycle.prevent_destroy and stays, although "
                f"{verdict.reason.sentence}",
                ExitCode.REFUSED_BY_RULE,
                blocks=scene.request.mode is not Mode.LOOP,
                fix="set prevent_destroy: false in the documents and apply",
            )
        )
    for record, verdict in decisions.reported:
        decisions.findings.append(
            Finding(f"{record.slot} is {verdict.reason}; safety.undeclared is report")
        )
