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
from reconciler.model.instance import Instance, InstanceStatus
from reconciler.model.plan import Difference, Mode
from reconciler.model.quantity import format_duration
from reconciler.model.reason import DestroyReason
from reconciler.model.record import LeaseEnding
from reconciler.model.value import dataclass
from reconciler.planning.fleet_diff import machine_differences
from reconciler.planning.leases import has_ended

if TYPE_CHECKING:
    from collections.abc import Callable

    from reconciler.model.fleet import Fleet
    from reconciler.model.plan import PlanRequest
    from reconciler.model.record import InstanceRecord, LeaseRecord


@dataclass(frozen=True, slots=True)
class Situation:
    """Everything the rules may look at for one machine.

    ``fleet`` is None when the documents declare none of that name; ``documents`` is False when
    they could not be read at all. ``lease`` is the one in force once the plan is carried out.
    """

    record: InstanceRecord
    instance: Instance | None
    fleet: Fleet | None
    documents: bool
    lease: LeaseRecord | None
    ends_at: datetime
    request: PlanRequest
    now: datetime
    successor: InstanceRecord | None = None
    """The machine that takes this one's place, alive beside it (``create_before_destroy``)."""
    successor_ready: bool = False
    """True when that one was seen ready now and no rule wants it gone."""
    predecessor: InstanceRecord | None = None
    """The machine whose place this one takes, still alive."""

    @property
    def shares_slot(self) -> bool:
        return self.successor is not None or self.predecessor is not None

    @property
    def in_loop(self) -> bool:
        return self.request.mode is Mode.LOOP


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a rule found."""

    reason: DestroyReason
    detail: str
    differences: tuple[Difference, ...] = ()


@dataclass(frozen=True, slots=True)
class EnforcementRule:
    """One row of the table. ``finds`` returns None when the rule has nothing to say.

    ``replaces``: the slot is to be filled again. ``completes``: it ends what an approved plan
    began, so the fuse has counted it already.
    """

    name: str
    because: str
    finds: Callable[[Situation], Verdict | None]
    soft_in_loop: bool = False
    outranks_protection: bool = False
    replaces: bool = False
    completes: bool = False


def _lease_ended(at: Situation) -> Verdict | None:
    if at.now < at.ends_at:
        return None
    if at.lease is not None and at.lease.ended_by is not None and has_ended(at.lease, at.now):
        word = "released" if at.lease.ended_by is LeaseEnding.RELEASED else "destroyed"
        return Verdict(DestroyReason.REQUESTED, f"the fleet was {word}")
    return Verdict(DestroyReason.EXPIRED, f"lease ended {at.ends_at:%Y-%m-%d %H:%M:%S}Z")


def _requested(at: Situation) -> Verdict | None:
    if at.request.mode is Mode.DESTROY:
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
    if at.fleet is not None and at.fleet.ready.on_fail == "keep":
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
        return Verdict(DestroyReason.FAILED_READY, f"it stopped; {stays}")
    timeout = at.fleet.ready.timeout if at.fleet else DEFAULT_READY_TIMEOUT
    late = at.now >= at.record.created_at + timeout
    if at.record.ready_at is None and late and instance.status is not InstanceStatus.UNKNOWN:
        limit = format_duration(timeout)
        return Verdict(DestroyReason.FAILED_READY, f"not ready within {limit}; {stays}")
    return None


def _undeclared(at: Situation) -> Verdict | None:
    if not at.documents or at.fleet is not None:
        return None
    return Verdict(DestroyReason.UNDECLARED, f"no fleet {at.record.fleet} in the documents")


def _scaled_down(at: Situation) -> Verdict | None:
    if at.fleet is None or at.record.index < at.fleet.nodes.maximum:
        return None
    return Verdict(DestroyReason.SCALED_DOWN, f"nodes is {at.fleet.nodes.maximum}")


def _shortened(at: Situation) -> Verdict | None:
    """A shorter lease that stands in the documents alone, not applied yet."""
    if not at.in_loop or at.fleet is None or at.lease is None or at.lease.started_at is None:
        return None
    changed = (at.lease.ttl, at.lease.expires_at) != (at.fleet.ttl, at.fleet.expires_at)
    end = at.fleet.lease_end(at.lease.started_at)
    if not changed or at.now < end:
        return None
    return Verdict(DestroyReason.EXPIRED, f"the documents end the lease {end:%Y-%m-%d %H:%M:%S}Z")


def _replacement_requested(at: Situation) -> Verdict | None:
    if at.shares_slot or at.record.slot not in at.request.replace:
        return None
    return Verdict(DestroyReason.REQUESTED, "-replace")


def _drifted(at: Situation) -> Verdict | None:
    if at.fleet is None or at.shares_slot or (at.in_loop and not at.request.heal):
        return None
    differences = () if at.in_loop else machine_differences(at.fleet, at.record)
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
    ),
    EnforcementRule("REQUESTED", "A person asked for it by name.", _requested),
    EnforcementRule(
        "OVERPRICED",
        "Nobody approved a rate above the ceiling.",
        _overpriced,
    ),
    EnforcementRule(
        "FAILED_READY",
        "A machine that its provider calls failed only costs money.",
        _failed,
    ),
    EnforcementRule(
        "SUCCESSOR_FAILED",
        "A successor that fails or is late costs money; the machine that it was to replace stays.",
        _successor_failed,
    ),
    EnforcementRule(
        "SUPERSEDED",
        "Its successor is ready; until then `create_before_destroy` keeps both.",
        _superseded,
        completes=True,
    ),
    EnforcementRule(
        "UNDECLARED",
        "What no document declares has no owner; it may be a slip, so the loop warns first.",
        _undeclared,
        soft_in_loop=True,
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
    ),
    EnforcementRule(
        "REPLACED",
        "A person asked for another machine in its slot (`-replace`).",
        _replacement_requested,
        replaces=True,
    ),
    EnforcementRule(
        "DRIFTED",
        "A machine that no longer does what is declared is replaced.",
        _drifted,
        replaces=True,
    ),
)


def first_verdict(situation: Situation) -> tuple[EnforcementRule, Verdict] | None:
    """The first rule that wants this machine gone, or None to keep it."""
    for rule in ENFORCEMENT_RULES:
        verdict = rule.finds(situation)
        if verdict is not None:
            return rule, verdict
    return None
