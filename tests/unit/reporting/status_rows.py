"""Builders of status reports, with overrides."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

from reconciler.model.address import Slot
from reconciler.model.instance import SshEndpoint
from reconciler.model.status import IntentRow, MachineRow, StatusReport
from tests.markets import START

NOW = START + timedelta(hours=1)


def machine_row(index: int = 0, fleet: str = "train", **changes: Any) -> MachineRow:
    fields: dict[str, Any] = {
        "slot": Slot(fleet, index),
        "provider": "simulated",
        "instance_id": f"m-{index}",
        "gpu": "H100-SXM",
        "gpu_count": 8,
        "region": "us-east",
        "stage": "running",
        "usd_per_hour": Decimal("19.20"),
        "usd_so_far": Decimal("19.20"),
        "age": timedelta(hours=1),
        "ends_at": START + timedelta(hours=4),
        "ssh": SshEndpoint("203.0.113.7", 22000 + index, "root"),
    }
    return MachineRow(**{**fields, **changes})


def intent_row(index: int = 0, **changes: Any) -> IntentRow:
    fields: dict[str, Any] = {
        "slot": Slot("train", index),
        "provider": "simulated",
        "mark": "a-mark",
        "begun_at": START,
        "usd_per_hour": Decimal("19.20"),
    }
    return IntentRow(**{**fields, **changes})


def report(*rows: MachineRow, **changes: Any) -> StatusReport:
    fields: dict[str, Any] = {
        "workspace": "demo",
        "now": NOW,
        "rows": rows,
        "usd_per_hour": sum((row.usd_per_hour for row in rows), Decimal(0)),
        "worst_case_usd": Decimal("58.24"),
        "worst_case_until": START + timedelta(hours=4),
        "enforced_by": "loop seen 40 s ago",
    }
    return StatusReport(**{**fields, **changes})
