"""Whether two plans are one decision: what was approved is what may be done (I15)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reconciler.model.plan import Plan


def plan_fingerprint(plan: Plan) -> tuple[object, ...]:
    """What a person approves, apart from prices: every effect with its slot and reason."""
    return (
        tuple((str(create.slot), create.reason.value) for create in plan.creates),
        tuple((entry.record.mark, entry.reason.value) for entry in plan.destroys),
        tuple((change.fleet, change.what) for change in plan.lease_changes if change.what),
        plan.blocked,
    )


def under_approved_ceilings(approved: Plan, fresh: Plan) -> Plan | None:
    """``fresh`` with the ceilings of ``approved``; None when it is another decision.

    A create that now costs more than what was approved for its slot makes it another decision
    (SPEC.md section 12, 10); a cheaper or another offer under the ceiling does not.
    """
    if plan_fingerprint(approved) != plan_fingerprint(fresh):
        return None
    creates = []
    for agreed, create in zip(approved.creates, fresh.creates, strict=True):
        ceiling = min(agreed.ceiling_usd_per_hour, create.ceiling_usd_per_hour)
        if create.usd_per_hour > ceiling:
            return None
        disk_bytes = create.specification.disk_bytes
        ranked = tuple(
            offer for offer in create.ranked if offer.node_usd_per_hour(disk_bytes) <= ceiling
        )
        creates.append(replace(create, ceiling_usd_per_hour=ceiling, ranked=ranked))
    return replace(fresh, creates=tuple(creates))
