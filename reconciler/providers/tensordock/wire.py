"""TensorDock's answers as they are: in several shapes, tolerant of fields that nobody knows.

A shape that nobody knows is an error and never an empty list. Nothing here knows what a value
means.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from reconciler.providers.shapes import (
    Flag,
    Label,
    Money,
    MoneyOrNone,
    Number,
    Text,
    Wire,
    misfit,
)

__all__ = [
    "Host",
    "HostGpu",
    "InstanceRow",
    "Secret",
    "UnknownShape",
    "as_row",
    "is_instance_id",
    "listed",
    "misfit",
    "says_more",
    "single",
]

_ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{0,63}")
_V0_NAME = re.compile(r"[a-z0-9][a-z0-9-]{1,60}")
_OTHER_NAMES = {
    "ip_address": "ipAddress",
    "port_forwards": "portForwards",
    "price_per_hour": "rateHourly",
    "createdAt": "created_at",
}


class UnknownShape(ValueError):
    """Why an answer is none of those that are known, in our own words."""


def is_instance_id(text: object) -> bool:
    return isinstance(text, str) and _ID.fullmatch(text) is not None


def _id(value: object) -> object:
    if is_instance_id(value):
        return value
    raise ValueError("an id has letters, digits, - and _ only")


def _free(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 10_000:
        return value
    raise ValueError("a count must be a whole number")


def _v0_name(value: object) -> object:
    if isinstance(value, str) and _V0_NAME.fullmatch(value):
        return value
    raise ValueError("a GPU's name has small letters, digits and -")


Id = Annotated[str, BeforeValidator(_id)]
Free = Annotated[int, BeforeValidator(_free)]
V0Name = Annotated[str, BeforeValidator(_v0_name)]


class HostGpu(Wire):
    v0Name: V0Name
    availableCount: Free
    price_per_hr: Money


class HostResources(Wire):
    gpus: list[Any] = Field(strict=True)
    vcpu_count: Number = None
    ram_gb: Number = None
    storage_gb: Number = None
    max_vcpus_per_gpu: Number = None
    max_ram_per_gpu: Number = None
    max_vcpus: Number = None
    max_ram_gb: Number = None
    max_storage_gb: Number = None
    has_public_ip_available: Flag = None


class HostPricing(Wire):
    """Dollars an hour. A part that is missing makes the whole price unknown."""

    per_vcpu_hr: Money
    per_gb_ram_hr: Money
    per_gb_storage_hr: Money


class HostLocation(Wire):
    city: Text = None
    stateprovince: Text = None
    country: Text = None
    tier: Number = None


class Host(Wire):
    id: Id
    available_resources: HostResources
    pricing: HostPricing
    location: Annotated[
        HostLocation, BeforeValidator(lambda value: value if isinstance(value, dict) else {})
    ] = HostLocation()
    uptime_percentage: Number = None


class InstanceRow(Wire):
    """One machine. ``name`` must be there: without it nobody knows whose it is."""

    id: Id
    name: Label
    status: Any = "(missing)"
    ipAddress: Text = None
    portForwards: Any = None
    resources: Any = None
    rateHourly: MoneyOrNone = None
    created_at: Any = None
    location: Any = None


class Secret(Wire):
    name: Text = None
    secret_type: Text = None
    value: Text = None


def listed(value: object, name: str) -> list[Any]:
    """The rows under ``name``: `data`, `data.<name>` or `data.attributes.<name>`.

    Raises ``UnknownShape`` for anything else.
    """
    data = value.get("data") if isinstance(value, dict) else None
    if isinstance(data, dict) and isinstance(data.get("attributes"), dict) and name not in data:
        data = data["attributes"]
    rows = data.get(name) if isinstance(data, dict) else data
    if not isinstance(rows, list):
        raise UnknownShape(f"it holds no list of {name}")
    return rows


def single(value: object) -> dict[str, Any]:
    """The one row of an answer, flat or in `data`. Raises ``UnknownShape``."""
    row = value.get("data", value) if isinstance(value, dict) else None
    return as_row(row)


def as_row(raw: object) -> dict[str, Any]:
    """One row with its `attributes` laid over it, under one name each. Raises ``UnknownShape``."""
    if not isinstance(raw, dict):
        raise UnknownShape("a row is no object")
    inner = raw.get("attributes", {})
    if not isinstance(inner, dict):
        raise UnknownShape("a row whose attributes are none")
    merged = {**raw, **inner}
    for other, ours in _OTHER_NAMES.items():
        if other in merged:
            merged.setdefault(ours, merged[other])
    return merged


def says_more(value: object, rows: int) -> str:
    """Why a list may miss something, "" where nothing says so. There are no pages today."""
    places = [value]
    if isinstance(value, dict):
        places += [
            value.get("data"),
            value.get("links"),
            value.get("meta"),
            value.get("pagination"),
        ]
    for place in places:
        found: Mapping[str, object] = place if isinstance(place, dict) else {}
        if any(found.get(name) for name in ("next", "next_page", "next_cursor", "nextCursor")):
            return "it says that more follow, and nobody knows how to ask for them"
        total = found.get("total")
        if isinstance(total, (int, Decimal)) and not isinstance(total, bool) and total > rows:
            return f"{rows} of {total} machines were listed"
    return ""
