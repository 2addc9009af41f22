"""Which machines have to go: an ordered table of rules, first match wins.

Expiry outranks everything. ``prevent_destroy`` holds back every rule that is not marked
``outranks_protection``; the loop announces and graces those marked ``soft`` (SPEC.md sections 3
and 5, section 12, 1).
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from reconciler.model.cost import format_rate
from reconciler.model.hand_over import DEFAULT_READY_TIMEOUT
from reconciler.model.instance import InstanceStatus
from reconciler.model.plan import Difference, Mode
from reconciler.model.quantity import format_duration
from reconciler.model.reason import DestroyReason
from reconciler.model.record import LeaseEnding
from reconciler.planning.enforcement_rule import (
    Circumstances,
    EnforcementRule,
    Situation,
    Verdict,
)
from reconciler.planning.fleet_diff import is_known_to_fit, machine_differences
from reconciler.planning.leases import ends_otherwise, has_ended
from reconciler.planning.spot_losses import TAKEN_AWAY, was_spot

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reconciler.model.record import LeaseRecord


_RUNNING = InstanceStatus.RUNNING  # an enumeration is slow to ask for its members


def _lease_ended(at: Situation) -> Verdict | None:
    lease, ends_at, now = at.given.lease, at.given.ends_at, at.given.now
    if now < ends_at:
        return None
    if lease is not None and lease.ended_by is not None and has_ended(lease, now):
        word = "released" if lease.ended_by is LeaseEnding.RELEASED else "destroyed"
        return Verdict(DestroyReason.REQUESTED, f"the fleet was {word}")
    if lease is not None and lease.hours is not None and _closed_by_hours(lease, ends_at):
        detail = f"its window closed {ends_at:%Y-%m-%d %H:%M:%S}Z"
        return Verdict(DestroyReason.OUTSIDE_HOURS, detail)
    return Verdict(DestroyReason.EXPIRED, f"lease ended {ends_at:%Y-%m-%d %H:%M:%S}Z")


def _closed_by_hours(lease: LeaseRecord, ends_at: datetime) -> bool:
    """Not by a person who extended it, nor by the end of all its windows."""
    return ends_at != lease.extended_to and (lease.hours is None or ends_at != lease.hours.until)


def _over_budget(at: Situation) -> Verdict | None:
    return Verdict(DestroyReason.OVER_BUDGET, at.over_budget) if at.over_budget else None


def _over_new_budget(at: Situation) -> Verdict | None:
    """A limit that stands in the documents alone, not applied yet."""
    return Verdict(DestroyReason.OVER_BUDGET, at.over_new_budget) if at.over_new_budget else None


def _knows_no_budget(given: Circumstances) -> bool:
    return not given.budgeted


def _requested(at: Situation) -> Verdict | None:
    if at.given.request.mode is Mode.DESTROY:
        return Verdict(DestroyReason.REQUESTED, "")
    return None


def _overpriced(at: Situation) -> Verdict | None:
    ceiling = at.record.ceiling_usd_per_hour
    billed = at.instance.usd_per_hour if at.instance else None
    if ceiling is None or billed is None or billed <= ceiling:
        return None
    detail = f"billed {format_rate(billed)}, ceiling {format_rate(ceiling)}"
    return Verdict(DestroyReason.OVERPRICED, detail)


def _failed(at: Situation) -> Verdict | None:
    if at.instance is None or at.instance.status is not InstanceStatus.FAILED:
        return None
    if at.given.fleet is not None and at.given.fleet.ready.on_fail == "keep":
        return None
    return Verdict(DestroyReason.FAILED_READY, "the provider says failed")


def _superseded(at: Situation) -> Verdict | None:
    new = at.successor
    if new is None or new.succeeds is None or not at.successor_ready:
        return None
    return Verdict(new.succeeds.reason, f"its successor {new.instance_id} is ready")


def _successor_failed(at: Situation) -> Verdict | None:
    """Only on a plain answer: a status that is not known says nothing."""
    old, instance = at.predecessor, at.instance
    if old is None or instance is None or instance.is_ready:
        return None
    stays = f"{old.instance_id} keeps the slot"
    if instance.status is InstanceStatus.STOPPED:
        lost = (TAKEN_AWAY,) if was_spot(at.record) else ()
        return Verdict(DestroyReason.FAILED_READY, f"it stopped; {stays}", lost)
    timeout = at.given.fleet.ready.timeout if at.given.fleet else DEFAULT_READY_TIMEOUT
    late = at.given.now >= at.record.created_at + timeout
    if at.record.ready_at is None and late and instance.status is not InstanceStatus.UNKNOWN:
        limit = format_duration(timeout)
        return Verdict(DestroyReason.FAILED_READY, f"not ready within {limit}; {stays}")
    return None


def _successor_unfit(at: Situation) -> Verdict | None:
    """The documents were changed back: what it was to replace is as they declare."""
    old, fleet = at.predecessor, at.given.fleet
    if old is None or fleet is None or at.given.in_loop or not at.predecessor_stands:
        return None
    differences = machine_differences(fleet, at.record, at.given.fitting)
    if not differences or machine_differences(fleet, old, at.given.fitting):
        return None
    return Verdict(DestroyReason.DRIFTED, f"{old.instance_id} is as declared", differences)


def _undeclared(at: Situation) -> Verdict | None:
    if not at.given.documents or at.given.fleet is not None:
        return None
    return Verdict(DestroyReason.UNDECLARED, f"no fleet {at.record.fleet} in the documents")


def _scaled_down(at: Situation) -> Verdict | None:
    fleet = at.given.fleet
    if fleet is None or at.record.index < fleet.nodes.maximum:
        return None
    return Verdict(DestroyReason.SCALED_DOWN, f"nodes is {fleet.nodes.maximum}")


def _shortened(at: Situation) -> Verdict | None:
    """A shorter lease that stands in the documents alone, not applied yet."""
    fleet, lease = at.given.fleet, at.given.lease
    if not at.given.in_loop or fleet is None or lease is None:
        return None
    end = ends_otherwise(fleet, lease)
    if end is None or at.given.now < end:
        return None
    if fleet.active is not None:
        return Verdict(DestroyReason.OUTSIDE_HOURS, f"the documents say {fleet.active.words}")
    return Verdict(DestroyReason.EXPIRED, f"the documents end the lease {end:%Y-%m-%d %H:%M:%S}Z")


def _replacement_requested(at: Situation) -> Verdict | None:
    chosen = at.given.request.replace
    if not chosen or at.shares_slot or at.record.slot not in chosen:
        return None
    return Verdict(DestroyReason.REQUESTED, "-replace")


def _replaces_nothing(given: Circumstances) -> bool:
    return not given.request.replace


def _taken_away(at: Situation) -> Verdict | None:
    """Spot: its provider stopped it for somebody who pays more. It may come back by itself, but
    nobody knows when, and it is billed for its disk.
    """
    if at.instance is None or at.instance.status is not InstanceStatus.STOPPED:
        return None
    fleet, in_loop = at.given.fleet, at.given.in_loop
    if fleet is None or at.shares_slot or (in_loop and not at.given.request.heal):
        return None
    if not was_spot(at.record):
        return None
    return Verdict(DestroyReason.FAILED_READY, "spot: its provider took it away", (TAKEN_AWAY,))


def _drifted(at: Situation) -> Verdict | None:
    fleet, in_loop = at.given.fleet, at.given.in_loop
    if fleet is None or at.shares_slot or (in_loop and not at.given.request.heal):
        return None
    differences = () if in_loop else machine_differences(fleet, at.record, at.given.fitting)
    if at.instance is not None and at.instance.status is InstanceStatus.STOPPED:
        differences = (*differences, Difference("status", "stopped", "running"))
    if not differences:
        return None
    return Verdict(DestroyReason.DRIFTED, differences[0].attribute, differences)


ENFORCEMENT_RULES: tuple[EnforcementRule, ...] = (
    EnforcementRule(
        "LEASE_ENDED",
        "Every machine has an end; a recorded end is a promise and nothing holds it back.",
        _lease_ended,
        outranks_protection=True,
        of_fleets=True,
    ),
    EnforcementRule(
        "OVER_BUDGET",
        "A limit of money is a promise too, and it is kept before it is passed.",
        _over_budget,
        outranks_protection=True,
        idle=_knows_no_budget,
    ),
    EnforcementRule("REQUESTED", "A person asked for it by name.", _requested, of_fleets=True),
    EnforcementRule(
        "OVERPRICED",
        "Nobody approved a rate above the ceiling.",
        _overpriced,
    ),
    EnforcementRule(
        "FAILED_READY",
        "A machine that its provider calls failed only costs money.",
        _failed,
        of_stopped=True,
    ),
    EnforcementRule(
        "SUCCESSOR_FAILED",
        "A successor that fails or is late costs money; the machine that it was to replace stays.",
        _successor_failed,
        of_pairs=True,
    ),
    EnforcementRule(
        "SUCCESSOR_UNFIT",
        "Documents that were changed back declare the machine that it was to replace.",
        _successor_unfit,
        of_pairs=True,
    ),
    EnforcementRule(
        "SUPERSEDED",
        "Its successor is ready; until then `create_before_destroy` keeps both.",
        _superseded,
        completes=True,
        of_pairs=True,
    ),
    EnforcementRule(
        "UNDECLARED",
        "What no document declares has no owner; it may be a slip, so the loop warns first.",
        _undeclared,
        soft_in_loop=True,
        of_fleets=True,
    ),
    EnforcementRule(
        "SCALED_DOWN",
        "The documents ask for fewer nodes; it may be a slip, so the loop warns first.",
        _scaled_down,
        soft_in_loop=True,
    ),
    EnforcementRule(
        "SHORTENED",
        "The documents end the lease earlier; until applied this is soft.",
        _shortened,
        soft_in_loop=True,
        of_fleets=True,
    ),
    EnforcementRule(
        "OVER_NEW_BUDGET",
        "The documents set a lower limit; until applied this is soft.",
        _over_new_budget,
        soft_in_loop=True,
        idle=_knows_no_budget,
    ),
    EnforcementRule(
        "REPLACED",
        "A person asked for another machine in its slot (`-replace`).",
        _replacement_requested,
        replaces=True,
        idle=_replaces_nothing,
    ),
    EnforcementRule(
        "TAKEN_AWAY",
        "A spot machine that its provider took away only costs money.",
        _taken_away,
        replaces=True,
        serves_nobody=True,
        of_stopped=True,
    ),
    EnforcementRule(
        "DRIFTED",
        "A machine that no longer does what is declared is replaced.",
        _drifted,
        replaces=True,
        of_misfits=True,
    ),
)


def first_verdict(
    situation: Situation, rules: Iterable[EnforcementRule] = ENFORCEMENT_RULES
) -> tuple[EnforcementRule, Verdict] | None:
    """The first of ``rules`` that wants this machine gone, or None to keep it."""
    for rule in rules:
        verdict = rule.finds(situation)
        if verdict is not None:
            return rule, verdict
    return None


def rules_for(situation: Situation) -> tuple[EnforcementRule, ...]:
    """The rules that may find something in this machine; from the second one on that is alone in
    its slot, of a fleet and end, without those that are known to have nothing to say there.
    """
    if situation.successor is not None or situation.predecessor is not None:
        return ENFORCEMENT_RULES
    given, instance = situation.given, situation.instance
    runs = instance is not None and instance.status is _RUNNING
    fits = given.fleet is not None and is_known_to_fit(given.fleet, situation.record, given.fitting)
    rules = given.asked.get((runs, fits))
    if rules is None:
        given.asked[runs, fits] = rules = ENFORCEMENT_RULES
    elif rules is ENFORCEMENT_RULES:
        rules = tuple(one for one in rules if _may_find(one, situation, runs=runs, fits=fits))
        given.asked[runs, fits] = rules
    return rules


def _may_find(rule: EnforcementRule, beside: Situation, *, runs: bool, fits: bool) -> bool:
    if rule.of_pairs or (runs and (rule.of_stopped or (fits and rule.of_misfits))):
        return False
    if rule.idle is not None and rule.idle(beside.given):
        return False
    return not rule.of_fleets or rule.finds(beside) is not None
