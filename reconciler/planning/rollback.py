"""A state that is older than the machines: what it does not know may be what it has forgotten.

``state restore`` says so itself. A copy put back by hand shows by a machine of our own lineage that
is younger than the state: intents are durable before their machines exist, so a state that is up to
date knows every one. Such machines are billed and unknown: their slots are taken, and nothing
destroys them for being unknown before a person agrees (RELIABILITY.md I28). Their end still holds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.exit_code import ExitCode
from reconciler.model.observation import Complete
from reconciler.model.pins import RolledBack
from reconciler.model.plan import Finding, Mode
from reconciler.planning.ledger import last_look

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from reconciler.model.instance import Instance
    from reconciler.model.observation import ObservedState
    from reconciler.model.plan import Doubt, Plan, PlanRequest, Stranger
    from reconciler.model.record import RecordedState
    from reconciler.planning.scene import Decisions, Scene
    from reconciler.planning.transitions import Change

ORPHAN_DETAIL = "our mark, no record"
UNKNOWN_SINCE = "our mark, not in this state, which is older"
ADOPT_THEM = (
    "gpu-shopper state rebuild takes them in; gpu-shopper apply asks before it destroys them"
)


def is_agreed(request: PlanRequest) -> bool:
    """A person is asked about the plan, or has named a number of destroys."""
    return not request.fused or request.max_destroy is not None


def is_held_back(found: Instance, scene: Scene) -> bool:
    """Whether an orphan stays for now, since it may be the state that is too old."""
    if is_agreed(scene.request):
        return False
    return scene.recorded.rolled_back is not None or _may_be_younger(found, scene.recorded)


def _may_be_younger(found: Instance, recorded: RecordedState) -> bool:
    """Than what the state knows of that provider, which it may have been saved without reading."""
    known_until = last_look(recorded, found.provider) or recorded.saved_at
    return known_until is not None and (found.begun_at is None or found.begun_at > known_until)


def stops_healing(scene: Scene, doubts: Iterable[Doubt]) -> bool:
    """Heal refills what was lost; with a state that is too old nobody knows what that is."""
    return scene.recorded.rolled_back is not None or any(
        doubt.detail == UNKNOWN_SINCE for doubt in doubts
    )


def rollback_findings(decisions: Decisions, scene: Scene) -> Iterator[Finding]:
    """What the reader must know before agreeing to a plan on a state that was brought back."""
    back = scene.recorded.rolled_back
    if back is None or scene.request.mode is Mode.DESTROY:
        return
    unknown = [one for one in decisions.destroys if one.detail == ORPHAN_DETAIL]
    what = f"the state was brought back at serial {back.serial} on {back.since:%Y-%m-%d %H:%M}Z"
    if unknown:
        what += f"; {len(unknown)} machine(s) to be destroyed may have been bought since"
        yield Finding(what, fix="gpu-shopper state rebuild takes them in instead")
    else:
        yield Finding(
            f"{what}: nothing is destroyed for being unknown, and --heal buys nothing, before an "
            "apply has seen every provider in full"
        )


def blind_findings(scene: Scene, *, buys: bool) -> Iterator[Finding]:
    """Why an ``apply`` that buys with a state that was brought back has to wait: what was bought
    since may be where nobody could look. A listing that was read, and is not believed as yet since
    it lacks too many of the records, shows what is there.
    """
    if not buys or scene.recorded.rolled_back is None or scene.request.mode is not Mode.APPLY:
        return
    dark = sorted(
        name
        for name, one in scene.observed.inventories.items()
        if not isinstance(one, Complete) and name not in scene.losses
    )
    if dark:
        yield Finding(
            f"the state was brought back, and {', '.join(dark)} could not be read in full: "
            "machines bought since may run there, and buying again would pay twice",
            ExitCode.REFUSED_BY_RULE,
            blocks=True,
            fix="run it again when every provider answers, then gpu-shopper state rebuild",
        )


def settled(recorded: RecordedState, plan: Plan, observed: ObservedState) -> Change:
    """What carrying ``plan`` out makes of the doubt: noticed by the first run that sees it, over
    once an ``apply`` of everything has seen every provider in full and nothing stays unknown.
    """
    back = recorded.rolled_back
    unknown = [one for one in plan.strangers if one.kind == "orphaned"]
    if back is None:
        if is_agreed(plan.request) or not _any_younger(unknown, recorded):
            return lambda state: state
        return _rolled_back(recorded, plan.now)
    if not _has_seen_everything(plan, observed, back.since):
        return lambda state: state
    taken = {(one.record.provider, one.record.instance_id) for one in plan.adopts}
    left = any((one.instance.provider, one.instance.id) not in taken for one in unknown)
    if left or (unknown and not is_agreed(plan.request)):
        return lambda state: state
    return lambda state: state.with_(rolled_back=None)


def _any_younger(unknown: Iterable[Stranger], recorded: RecordedState) -> bool:
    return any(_may_be_younger(one.instance, recorded) for one in unknown)


def _rolled_back(recorded: RecordedState, now: datetime) -> Change:
    why = "a machine of ours is younger than the state and unknown to it"
    noticed = RolledBack(since=now, serial=recorded.serial, why=why)
    return lambda state: state.with_(rolled_back=state.rolled_back or noticed)


def _has_seen_everything(plan: Plan, observed: ObservedState, since: datetime) -> bool:
    request = plan.request
    narrowed = request.targets or request.excludes or request.only_record or request.from_state
    if request.mode is not Mode.APPLY or narrowed:
        return False
    return all(
        isinstance(one, Complete)
        and one.started_at >= since + observed.visibility_window(one.provider)
        for one in observed.inventories.values()
    )
