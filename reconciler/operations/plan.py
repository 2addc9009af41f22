"""``plan``: what would be done, and nothing else (I30)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.operations.look import look, refuse_wrong_providers

if TYPE_CHECKING:
    from pathlib import Path

    from reconciler.inventory.observe import Listed
    from reconciler.model.plan import Plan, PlanRequest
    from reconciler.operations.workspace import Workspace


async def plan_fleets(
    workspace: Workspace,
    request: PlanRequest,
    *,
    told: Listed | None = None,
    record: Path | None = None,
) -> Plan:
    """The plan as of now. No lock is taken: nothing is written, here or at a provider, but the
    decision itself where ``record`` names a file for it.
    """
    seen = await look(workspace, request, told=told)
    refuse_wrong_providers(workspace, seen)
    if record is not None:
        from reconciler.operations.recording import record_decision  # most plans are not kept

        record_decision(record, seen.inputs, seen.plan, seen.plan)
    return seen.plan
