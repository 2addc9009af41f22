"""Another machine for a slot whose machine failed its check (`ready.on_fail: replace`)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from reconciler.model.address import Address
from reconciler.planning.fingerprint import capped

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from decimal import Decimal

    from reconciler.model.address import Slot
    from reconciler.model.plan import Plan, PlanRequest


def refill_request(approved: PlanRequest, slots: Iterable[Slot]) -> PlanRequest:
    """What is asked for when only ``slots`` are looked at once more."""
    targets = tuple(Address(slot.fleet, slot.index) for slot in sorted(slots))
    return replace(approved, targets=targets, excludes=(), replace=(), renew=frozenset())


def only_refills(plan: Plan, ceilings: Mapping[Slot, Decimal]) -> Plan:
    """The creates of ``plan`` in these slots, none above what was approved for it; nothing else is
    done (I15). None at all where a rule blocks the plan, and a bond is never carried out in part.

    None in a fleet whose lease the plan would change: somebody ended or changed it meanwhile, and
    a refill opens no lease.
    """
    creates = []
    moved = {change.fleet for change in plan.lease_changes}
    for create in () if plan.blocked else plan.creates:
        if create.slot.fleet in moved:
            continue
        ceiling = ceilings.get(create.slot)
        within = capped(create, ceiling) if ceiling is not None else None
        if within is not None and within.succeeds is None:
            creates.append(within)
    found = {create.slot for create in creates}
    torn = {one.slot.fleet for one in plan.creates if one.gang and one.slot not in found}
    return replace(
        plan,
        creates=tuple(one for one in creates if one.slot.fleet not in torn),
        destroys=(),
        adopts=(),
        forgets=(),
        doubts=(),
        announces=(),
        lease_changes=(),
    )
