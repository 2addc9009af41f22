"""Whether two plans are one decision: what was approved is what may be done (I15)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from decimal import Decimal

    from reconciler.model.plan import Create, Plan


def plan_fingerprint(plan: Plan) -> tuple[object, ...]:
    """What a person approves, apart from prices: every effect with its slot and reason."""
    return (
        tuple((str(create.slot), create.reason.value) for create in plan.creates),
        tuple(
            (entry.record.mark, entry.reason.value, entry.after_successor)
            for entry in plan.destroys
        ),
        lease_decisions(plan),
        plan.blocked,
        tuple((budget.name, budget.changes) for budget in plan.budgets if budget.changes),
    )


def lease_decisions(plan: Plan) -> tuple[object, ...]:
    """What changes about each lease that is worth a line.

    Without the moment at which a renewed one starts: that moves on while a person thinks.
    """
    return tuple(
        (change.fleet, change.before, change.after and change.after.with_(started_at=None))
        for change in plan.lease_changes
        if change.what
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
        within = capped(create, agreed.ceiling_usd_per_hour)
        if within is None:
            return None
        creates.append(within)
    return replace(fresh, creates=tuple(creates))


def capped(create: Create, approved_usd_per_hour: Decimal) -> Create | None:
    """``create`` below the approved ceiling too, its fallbacks included; None where it costs more.

    A ceiling is never raised.
    """
    ceiling = min(approved_usd_per_hour, create.ceiling_usd_per_hour)
    if create.usd_per_hour > ceiling:
        return None
    disk_bytes = create.specification.disk_bytes
    ranked = tuple(
        offer for offer in create.ranked if offer.node_usd_per_hour(disk_bytes) <= ceiling
    )
    return replace(create, ceiling_usd_per_hour=ceiling, ranked=ranked)
