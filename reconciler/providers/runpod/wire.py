"""RunPod's answers as they are: tolerant of fields that nobody knows, strict where it matters.

Money, ids, names and counts are refused in any form but their own; what only describes a pod is
None when it cannot be read. Nothing here knows what a value means.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

from pydantic import BeforeValidator, Field, ValidationError

from reconciler.providers.shapes import Money, MoneyOrNone, Number, Text, Wire, misfit, storable

__all__ = [
    "POD_ID",
    "CenterRow",
    "CudaRow",
    "GpuRow",
    "PodRow",
    "PortRow",
    "Price",
    "SpotRow",
    "SshRow",
    "UserRow",
    "VolumeRow",
    "misfit",
    "shape_or_none",
]

POD_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_GPU_ID_LENGTH_MAX = 100
_CENTER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}")
_VERSION = re.compile(r"\d{1,3}\.\d{1,3}", re.ASCII)
_MOMENT_LENGTH_MAX = 40
Shape = TypeVar("Shape", bound=Wire)


def _id(value: object) -> str:
    if isinstance(value, str) and POD_ID.fullmatch(value):
        return value
    raise ValueError("an id must be letters and digits")


def _gpu_id(value: object) -> str:
    if isinstance(value, str) and 0 < len(value) <= _GPU_ID_LENGTH_MAX and value.isprintable():
        return value
    raise ValueError("the id of a GPU type must be a short text")


def _center(value: object) -> str:
    if isinstance(value, str) and _CENTER.fullmatch(value):
        return value.upper()  # theirs are; small letters are taken and break later
    raise ValueError("the id of a data center must be letters and digits")


def _whole(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 100_000:
        return value
    raise ValueError("a count must be a whole number")


def _whole_or_none(value: object) -> int | None:
    try:
        return _whole(value)
    except ValueError:
        return None


def _name(value: object) -> str:
    if isinstance(value, str):
        return storable(value)
    raise ValueError("a name must be text")


def _version_or_none(value: object) -> str | None:
    return value if isinstance(value, str) and _VERSION.fullmatch(value) else None


def _moment_or_none(value: object) -> datetime | None:
    if not isinstance(value, str) or len(value) > _MOMENT_LENGTH_MAX:
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    try:
        return moment.astimezone(UTC) if moment.tzinfo else None
    except OverflowError:
        return None


def _object_or_empty(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list_or_empty(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


Id = Annotated[str, BeforeValidator(_id)]
GpuId = Annotated[str, BeforeValidator(_gpu_id)]
Whole = Annotated[int, BeforeValidator(_whole)]
WholeOrNone = Annotated[int | None, BeforeValidator(_whole_or_none)]
Object = Annotated[dict[str, Any], BeforeValidator(_object_or_empty)]
Rows = Annotated[list[Any], BeforeValidator(_list_or_empty)]


class GpuRow(Wire):
    """One GPU type, as the catalog shows it for one cloud and one number of GPUs.

    ``price`` is dollars an hour for one GPU, by cloud in small letters.
    """

    id: GpuId
    memory: Whole
    price: dict[str, Any] = Field(strict=True)
    maxCount: Object = Field(default_factory=dict)
    availability: str = Field(strict=True)
    dataCenters: Rows = Field(default_factory=list)
    cudaVersions: Rows = Field(default_factory=list)


class CenterRow(Wire):
    """How much of one GPU type one data center has."""

    id: Annotated[str, BeforeValidator(_center)]
    availability: str = Field(strict=True)


class CudaRow(Wire):
    version: Annotated[str | None, BeforeValidator(_version_or_none)] = None


class Price(Wire):
    usd: Money


class SpotPrice(Wire):
    """Dollars an hour for one GPU; no bid where there is none to rent."""

    minimumBidPrice: MoneyOrNone = None
    stockStatus: Text = None


class SpotRow(Wire):
    """One GPU type, as GraphQL shows it for one cloud and one number of GPUs."""

    id: GpuId
    memoryInGb: Whole
    lowestPrice: Annotated[SpotPrice, BeforeValidator(_object_or_empty)] = SpotPrice()


class GpuOfPod(Wire):
    id: Text = None
    count: WholeOrNone = None


class SshRow(Wire):
    host: Text = None
    port: WholeOrNone = None


class PortRow(Wire):
    private: WholeOrNone = None
    public: WholeOrNone = None
    type: Text = None
    ip: Text = None


class PodRow(Wire):
    """One pod of the account. ``name`` must be there: without it nobody knows whose it is."""

    id: Id
    name: Annotated[str, BeforeValidator(_name)]
    status: Any = "(missing)"
    cost: MoneyOrNone = None
    disk: WholeOrNone = None
    mounts: Object = Field(default_factory=dict)
    env: Object = Field(default_factory=dict)
    gpu: Annotated[GpuOfPod, BeforeValidator(_object_or_empty)] = GpuOfPod()
    dataCenterId: Text = None
    ssh: Object = Field(default_factory=dict)
    runtime: Object = Field(default_factory=dict)
    createdAt: Annotated[datetime | None, BeforeValidator(_moment_or_none)] = None


class UserRow(Wire):
    """The account. ``clientBalance``: dollars, below 0 where it owes."""

    id: Id
    clientBalance: Number = None


def shape_or_none(kind: type[Shape], value: object) -> Shape | None:
    """``value`` as ``kind``, or None where it does not fit."""
    try:
        return kind.model_validate(value)
    except ValidationError:
        return None


class VolumeRow(Wire):
    """One network volume; ``size`` in GB."""

    id: Id
    size: WholeOrNone = None
    dataCenter: Text = None
    type: Text = None
