"""Ten thousand machines over a year: how large the state stays, and how exact the sum.

`python -m tests.benchmarks.ledger_year` prints what docs/money.md states. No clock but the one of
the process is read; the same figures of size and money come out every time.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from random import Random

from reconciler.model.ledger import MICRO
from reconciler.model.plan import Forget
from reconciler.model.reason import DestroyReason
from reconciler.model.record import AbsenceEvidence, Doom, RecordedState
from reconciler.planning import departures
from reconciler.planning.costs import costs_of
from reconciler.planning.ledger import begun
from reconciler.planning.ledger_buckets import rolled_up
from reconciler.statefile.format import decode, encode
from tests.builders import lease, mark_text, record, recorded_state, specification
from tests.markets import START

MACHINES = 10_000
FLEETS = 20
YEAR = timedelta(days=365)
MODELS = ("RTX4090", "H100-SXM", "A100-SXM-80GB", "L40S")


def year_of_machines() -> tuple[RecordedState, Decimal]:
    """The state after a year, and what its machines cost exactly."""
    random = Random(1)
    leases = [lease(f"f{at}", team=f"team-{at % 5}") for at in range(FLEETS)]
    state = recorded_state(*leases)
    exact = Decimal(0)
    for number in range(MACHINES):
        made = START + YEAR * number / MACHINES
        life = timedelta(seconds=random.randint(600, 48 * 3600))
        rate = Decimal(random.randint(200, 3000)) / 1000
        end = made + life
        exact += rate * -(-life // timedelta(seconds=1)) / 3600
        name = f"f{number % FLEETS}"
        machine = record(
            name,
            number,
            mark=mark_text(name, number % 1000, nonce=f"{number:08d}"),
            instance_id=f"m-{number:08d}",
            specification=specification(gpu=MODELS[number % FLEETS % len(MODELS)]),
            usd_per_hour=rate,
            created_at=made,
            ready_at=made if number % 50 else None,
            doom=Doom(
                reason=DestroyReason.EXPIRED, since=end, last_attempt_at=end, accepted_at=end
            ),
            absence=AbsenceEvidence(last_seen_at=end, first_absent_at=end),
        )
        state = state.with_(
            instances={machine.mark: machine},
            ledger=begun(state.ledger, machine, made, rate / 50),
        )
        gone = Forget(machine.slot, machine.mark, machine.provider, "record", "proven gone")
        state = departures.forgotten([gone], end, {})(rolled_up(end)(state))
        state = state.with_(intents={})
    return state, exact


def _milliseconds(work: Callable[[], object]) -> float:
    """The best of seven, of this process's own time."""
    best = []
    for _ in range(7):
        began = time.process_time()
        work()
        best.append(time.process_time() - began)
    return min(best) * 1000


def main() -> None:
    state, exact = year_of_machines()
    data, empty = encode(state), encode(recorded_state())
    buckets = sum(row.count(";") + 1 for row in state.ledger.spent.values())
    total = costs_of(state, START - YEAR, START + 2 * YEAR).total.micro_usd * MICRO
    reading = _milliseconds(lambda: decode(data, "state"))
    adding = _milliseconds(lambda: costs_of(state, START, START + YEAR))
    lines = (
        f"machines closed          {MACHINES}",
        f"state, KiB               {len(data) / 1024:.0f} (without them {len(empty) / 1024:.1f})",
        f"accounts and buckets     {len(state.ledger.spent)} and {buckets}",
        f"machines remembered      {len(state.ledger.closed)}, {len(state.ledger.failed)} failed",
        f"sum, ours and exact      {total} and {exact.quantize(MICRO)}",
        f"decode, ms of CPU        {reading:.1f}",
        f"costs by fleet, ms       {adding:.0f}",
    )
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
