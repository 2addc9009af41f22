"""A plan of ten thousand nodes with everything in it that a plan can hold."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

from reconciler.model.address import Slot
from reconciler.model.exit_code import ExitCode
from reconciler.model.plan import (
    Adopt,
    Announce,
    Create,
    Destroy,
    Difference,
    Doubt,
    Finding,
    FleetSummary,
    Forget,
    Keep,
    LeaseChange,
    Plan,
    Stranger,
)
from reconciler.model.reason import CreateReason, DestroyReason
from reconciler.model.record import InstanceRecord
from tests.builders import TTL, create, destroy, instance, offer, plan, record, summary
from tests.markets import START

NODES = 100
REGIONS = ("nl-amsterdam", "us-iowa", "de-frankfurt-1", "jp-tokyo", "ca-montreal")
GPUS = (("RTX4090", 1), ("H100-SXM", 8), ("A100-SXM-80GB", 4), ("L40S", 2))
REASONS = tuple(DestroyReason)


def mixed_plan(fleets: int = 100, **changes: Any) -> Plan:
    """``fleets`` of 100 nodes: in each some are bought, destroyed, replaced, announced, in doubt;
    every tenth one has nothing to do. A hundred strangers, and more findings than are shown.
    """
    parts: dict[str, list[Any]] = {name: [] for name in _PARTS}
    for number in range(fleets):
        _add_fleet(parts, number)
    fields: dict[str, Any] = {name: tuple(found) for name, found in parts.items()}
    strangers = [
        Stranger(_KINDS[n % 4], instance(id=f"x{n}", label=None), None) for n in range(100)
    ]
    return plan(
        **fields,
        strangers=tuple(strangers),
        findings=(
            *(Finding(f"offers of provider-{n} could not be read: timed out") for n in range(30)),
            Finding(
                "2300 machines would go for reasons that may be a slip; at most 3000 in any hour",
                ExitCode.REFUSED_BY_RULE,
                True,
                "if it is meant: -max-destroy=2300",
            ),
        ),
        rate_before=Decimal("15234.5"),
        rate_after=Decimal("18234.25"),
        worst_case_usd=Decimal("72937.00"),
        worst_case_until=START + TTL,
        **changes,
    )


_PARTS = "creates destroys adopts forgets doubts announces keeps lease_changes fleets".split()
_KINDS = ("foreign", "neighbour", "duplicate", "orphaned")


def _add_fleet(parts: dict[str, list[Any]], number: int) -> None:
    name = f"team-{number:03d}"
    idle = number % 10 == 9
    first = 0 if idle else 50
    parts["keeps"] += [Keep(_machine(name, number, n), None) for n in range(first, NODES)]
    parts["fleets"].append(_line(name, idle))
    if idle:
        return
    parts["creates"] += [_bought(name, number, n) for n in range(20)]
    parts["destroys"] += [_ended(name, number, n) for n in range(20, 40)]
    parts["creates"] += [_replacement(name, number, n) for n in range(36, 40)]
    for n in range(40, 44):
        parts["announces"].append(_announced(_machine(name, number, n)))
    for n in range(44, 47):
        slot, rate = Slot(name, n), Decimal("0.40")
        parts["doubts"].append(Doubt(slot, f"m{n}", "simulated", "create sent, not seen", rate))
    gone = _machine(name, number, 47)
    parts["forgets"].append(Forget(gone.slot, gone.mark, "simulated", "record", "proven gone"))
    found = _machine(name, number, 48)
    parts["adopts"].append(Adopt(found, instance(found)))
    parts["keeps"].append(Keep(_machine(name, number, 49), None, "drifted, protected"))
    parts["lease_changes"].append(LeaseChange(name, None, None, ("ttl 4h -> 8h",)))


def _line(name: str, idle: bool) -> FleetSummary:
    if idle:
        return summary(name, target=NODES, live=NODES, note="lease ended", command="gpu-shopper x")
    return summary(
        name,
        target=NODES,
        live=76,
        creates=24,
        destroys=20,
        rate_before=Decimal("152.30"),
        rate_after=Decimal("182.40"),
        worst_case_usd=Decimal("729.37"),
    )


def _machine(name: str, number: int, index: int) -> InstanceRecord:
    return record(name, index, instance_id=f"i-{number:03d}-{index:04d}")


def _bought(name: str, number: int, index: int) -> Create:
    gpu, count = GPUS[number % 4]
    place = REGIONS[(number + index) % 5]
    cents = 40 + (index * 7 + number) % 9
    found = offer(f"host-{number}-{index}", f"0.{cents}", gpu=gpu, gpu_count=count, region=place)
    return create(name, index, offer=found, reason=tuple(CreateReason)[index % 4])


def _replacement(name: str, number: int, index: int) -> Create:
    old = _machine(name, number, index)
    return create(name, index, reason=CreateReason.REPLACED, replaces=old.mark)


def _ended(name: str, number: int, index: int) -> Destroy:
    if index >= 36:
        disk = (Difference("disk", "50GB", "100GB"),)
        reason = DestroyReason.DRIFTED
        return destroy(_machine(name, number, index), reason=reason, differences=disk)
    return destroy(_machine(name, number, index), reason=REASONS[index % len(REASONS)])


def _announced(machine: InstanceRecord) -> Announce:
    due = START + timedelta(minutes=10)
    return Announce(machine, DestroyReason.SCALED_DOWN, due, "its slot is not declared")
