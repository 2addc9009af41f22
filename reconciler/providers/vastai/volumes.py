"""Vast.ai's volumes: storage on one host that is billed until somebody deletes it."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal
from typing import TYPE_CHECKING

from reconciler.model.quantity import GIB
from reconciler.model.volume import Volume

if TYPE_CHECKING:
    from reconciler.providers.vastai.wire import VolumeRow

_MICRO = Decimal("0.000001")


def as_volume(provider: str, row: VolumeRow) -> Volume:
    """Their GB are read as GiB, as those of a machine's disk are."""
    rate = row.storage_total_cost
    return Volume(
        provider,
        row.id,
        None if row.disk_space is None else int(row.disk_space * GIB),
        None if rate is None else rate.quantize(_MICRO, rounding=ROUND_HALF_EVEN),
        tuple(_ids(row.instances)),
        row.status or "",
    )


def _ids(instances: object) -> list[str]:
    listed = instances if isinstance(instances, list) else []
    return [
        str(one["id"]) for one in listed if isinstance(one, dict) and isinstance(one.get("id"), int)
    ]
