"""RunPod's network volumes: storage in one data center that is billed until somebody deletes it."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal
from typing import TYPE_CHECKING, Any

from reconciler.model.quantity import GIB
from reconciler.model.text import printable
from reconciler.model.volume import Volume

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from reconciler.providers.runpod.wire import VolumeRow

_MICRO = Decimal("0.000001")
_HOURS_PER_MONTH = 720
_FIRST_GB = 1000
_USD_PER_GB_MONTH, _BEYOND_THAT = Decimal("0.07"), Decimal("0.05")
"""Their page of prices; for the plain kind of storage alone."""


def as_volume(provider: str, row: VolumeRow, used_by: Sequence[str]) -> Volume:
    """Their row names no price. What the fast kind costs is said nowhere that we know."""
    plain = row.type in (None, "STANDARD")
    return Volume(
        provider,
        row.id,
        None if row.size is None else row.size * GIB,
        _rate(row.size) if plain and row.size is not None else None,
        tuple(sorted(used_by)),
        printable(" ".join(filter(None, (row.dataCenter, row.type))), 60),
    )


def _rate(size_gb: int) -> Decimal:
    first = min(size_gb, _FIRST_GB)
    month = first * _USD_PER_GB_MONTH + (size_gb - first) * _BEYOND_THAT
    return (month / _HOURS_PER_MONTH).quantize(_MICRO, rounding=ROUND_HALF_EVEN)


def pods_by_volume(pods: Sequence[Any]) -> Mapping[str, list[str]]:
    """Which pods have each volume, by what their rows say."""
    found: dict[str, list[str]] = {}
    for pod in pods:
        match pod:
            case {"id": str(pod_id), "mounts": {"network": [*mounts]}}:
                for mount in mounts:
                    if isinstance(mount, dict) and isinstance(mount.get("volumeId"), str):
                        found.setdefault(mount["volumeId"], []).append(pod_id)
    return found
