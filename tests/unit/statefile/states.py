"""Builders of states, with overrides."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from reconciler.model.record import (
    InstanceRecord,
    LeaseRecord,
    PendingCreate,
    RecordedState,
    Specification,
)

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def now() -> datetime:
    return NOW


def specification(**changes: Any) -> Specification:
    fields: dict[str, Any] = {
        "offer_id": "o-1",
        "capacity_key": "h-1",
        "host": "h-1",
        "gpu": "H100-SXM",
        "gpu_count": 8,
        "gpu_memory_bytes": 80 * 2**30,
        "vcpus": 96,
        "memory_bytes": 2**40,
        "disk_bytes": 2**40,
        "cuda": Decimal("12.4"),
        "region": "us-east",
        "country": "US",
        "spot": False,
        "image": "training:1",
        "env": {"TOKEN": "${env:TOKEN}"},
    }
    return Specification(**{**fields, **changes})


def instance(index: int = 0, **changes: Any) -> InstanceRecord:
    fields: dict[str, Any] = {
        "fleet": "train",
        "index": index,
        "provider": "simulated",
        "instance_id": f"i-{index}",
        "mark": f"m-{index}",
        "specification": specification(),
        "ceiling_usd_per_hour": Decimal("2.10"),
        "usd_per_hour": Decimal("2.00"),
        "created_at": NOW,
        "ready_at": NOW,
    }
    return InstanceRecord(**{**fields, **changes})


def intent(index: int = 0) -> PendingCreate:
    return PendingCreate(
        fleet="train",
        index=index,
        provider="simulated",
        mark=f"p-{index}",
        specification=specification(),
        ceiling_usd_per_hour=Decimal("2.10"),
        usd_per_hour=Decimal("2.00"),
        begun_at=NOW,
        deadline_at=NOW + timedelta(seconds=120),
    )


def lease() -> LeaseRecord:
    return LeaseRecord(
        fleet="train",
        ttl=timedelta(hours=4),
        expires_at=None,
        grace=timedelta(minutes=10),
        target=1,
        maximum=1,
        started_at=NOW,
    )


def state(**changes: Any) -> RecordedState:
    """Workspace ``demo`` with one lease, one machine and one intent."""
    fields: dict[str, Any] = {
        "workspace": "demo",
        "lineage": "lineage-1",
        "leases": {"train": lease()},
        "instances": {"m-0": instance()},
        "intents": {"p-1": intent(1)},
    }
    return RecordedState(**{**fields, **changes})
