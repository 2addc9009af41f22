"""Lambda's answers as they are: tolerant of fields that nobody knows, strict where it matters.

Nothing here knows what a value means.
"""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from reconciler.providers.shapes import Flag, Label, Number, Text, Wire, misfit, storable

__all__ = [
    "AuditEvent",
    "FileSystem",
    "InstanceRow",
    "InstanceType",
    "Launched",
    "Region",
    "SshKey",
    "Terminated",
    "TypeItem",
    "is_instance_id",
    "misfit",
]

_ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{0,63}")
_NAME = re.compile(r"[!-~]{1,100}")
_CENTS_MAX = 10**9


def is_instance_id(text: object) -> bool:
    return isinstance(text, str) and _ID.fullmatch(text) is not None


def _id(value: object) -> object:
    if is_instance_id(value):
        return value
    raise ValueError("an id has letters, digits, - and _ only")


def _name(value: object) -> object:
    if isinstance(value, str) and _NAME.fullmatch(value):
        return value
    raise ValueError("a name is short and printable")


def _cents(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _CENTS_MAX:
        return value
    raise ValueError("a price is a whole number of cents")


def _gpus(value: object) -> int:
    """0 for machines without one, which they sell too."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 10_000:
        return value
    raise ValueError("a count must be a whole number")


def _tags(value: object) -> dict[str, str]:
    """Null and nothing are no tags; what is no list may hide our mark and is no row."""
    if value is None:
        return {}
    if not isinstance(value, list):
        raise ValueError("tags must be a list")
    found: dict[str, str] = {}
    for one in value:
        match one:
            case {"key": str(key), "value": str(text)}:
                found[storable(key)] = storable(text)
    return found


Id = Annotated[str, BeforeValidator(_id)]
Name = Annotated[str, BeforeValidator(_name)]
Cents = Annotated[int, BeforeValidator(_cents)]
Gpus = Annotated[int, BeforeValidator(_gpus)]
Tags = Annotated[dict[str, str], BeforeValidator(_tags)]


class Region(Wire):
    name: Name
    description: Text = None


class Specs(Wire):
    gpus: Gpus
    vcpus: Number = None
    memory_gib: Number = None
    storage_gib: Number = None


class InstanceType(Wire):
    """The price is for the whole instance, its disk included."""

    name: Name
    gpu_description: Text = None
    price_cents_per_hour: Cents
    specs: Specs


class TypeItem(Wire):
    """No region: sold out."""

    instance_type: InstanceType
    regions_with_capacity_available: list[Any] = Field(strict=True)


class InstanceRow(Wire):
    """One instance. ``name``, ``tags`` and ``ip`` may be absent.

    ``region`` and ``instance_type`` are read by themselves: without them it is an instance, too.
    """

    id: Id
    status: Any = "(missing)"
    name: Label = None
    tags: Tags = Field(default_factory=dict)
    ip: Text = None
    region: Any = None
    instance_type: Any = None


class Launched(Wire):
    instance_ids: list[Id] = Field(strict=True)


class Terminated(Wire):
    terminated_instances: list[Any] = Field(strict=True)


class SshKey(Wire):
    name: str = Field(strict=True, min_length=1)
    public_key: str = Field(strict=True)


class FileSystem(Wire):
    id: Id
    name: Text = None
    region: Any = None
    is_in_use: Flag = None
    bytes_used: Number = None


class AuditEvent(Wire):
    resource_owner_lrn: Text = None
