"""What follows a run whose machines failed their check: others are bought for their slots."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from reconciler.model.address import Slot
from reconciler.operations.look import look
from reconciler.planning.refill import only_refills, refill_request

if TYPE_CHECKING:
    from decimal import Decimal

    from reconciler.model.plan import PlanRequest
    from reconciler.operations.run import Run


async def refill_failed(run: Run, request: PlanRequest) -> None:
    """Buy again, in turn, until the slots hold a machine or their `ready.attempts` are used up.

    Each costs at most what was approved for its slot, and none stands on a host whose machine has
    just failed. The lock is taken for each purchase and not held while waiting.
    """
    bought: Counter[Slot] = Counter()
    while not run.interruption.requested:
        ceilings = _approved_ceilings(run, bought)
        if not ceilings:
            return
        bought.update(ceilings.keys())
        with run.lock(request.mode.value):
            seen = await look(run.workspace, refill_request(request, ceilings))
            plan = only_refills(seen.plan, ceilings)
            if not plan.creates:
                return
            await run.carry_out(seen, plan)
        await run.wait()


def _approved_ceilings(run: Run, bought: Counter[Slot]) -> dict[Slot, Decimal]:
    """The slots to be filled again, each with the most that a machine there may cost an hour."""
    found = {}
    for record in run.failed_ready():
        rules = run.workspace.ready_rules(record.fleet)
        again = rules.on_fail == "replace" and bought[record.slot] + 1 < rules.attempts
        if again and record.ceiling_usd_per_hour is not None:
            found[record.slot] = record.ceiling_usd_per_hour
    return found
