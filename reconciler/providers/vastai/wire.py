"""Vast.ai's answers as they are: tolerant of fields that nobody knows, strict where it matters.

Money, ids, labels and counts are refused in any form but their own; what only describes a machine
is None when it cannot be read. Nothing here knows what a value means.
"""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from reconciler.providers.shapes import (
    Count,
    Flag,
    Label,
    Money,
    MoneyOrNone,
    Number,
    Text,
    Wire,
    misfit,
)

__all__ = ["InstancePage", "InstanceRow", "OfferRow", "Rates", "UserRow", "misfit"]

_ID = re.compile(r"[1-9][0-9]{0,18}")


def _id(value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**63:
        return str(value)
    if isinstance(value, str) and _ID.fullmatch(value):
        return value
    raise ValueError("an id must be a whole number above 0")


Id = Annotated[str, BeforeValidator(_id)]
IdOrNone = Annotated[
    str | None, BeforeValidator(lambda value: None if value is None else _id(value))
]


class OfferRow(Wire):
    """One ask. Dollars an hour; ``storage_cost`` in dollars for a GB-month of 720 hours."""

    id: Id
    gpu_name: str = Field(strict=True)
    num_gpus: Count
    dph_base: Money
    storage_cost: Money
    dph_total: MoneyOrNone = None
    min_bid: MoneyOrNone = None
    gpu_ram: Number = None
    machine_id: IdOrNone = None
    cpu_cores: Number = None
    cpu_cores_effective: Number = None
    cpu_ram: Number = None
    gpu_frac: Number = None
    disk_space: Number = None
    cuda_max_good: Number = None
    reliability: Number = None
    reliability2: Number = None
    verification: Text = None
    hosting_type: Number = None
    geolocation: Text = None
    duration: Number = None


class Rates(Wire):
    """What the row's ``instance`` says: the price at this moment."""

    totalHour: MoneyOrNone = None


class InstanceRow(Wire):
    """One machine of the account. ``label`` must be there: without it nobody knows whose it is."""

    id: Id
    label: Label
    actual_status: Any = "(missing)"
    intended_status: Text = None
    cur_state: Text = None
    next_state: Text = None
    status_msg: Text = None
    is_bid: Flag = None
    gpu_name: Text = None
    num_gpus: Number = None
    gpu_ram: Number = None
    dph_total: MoneyOrNone = None
    instance: Annotated[
        Rates, BeforeValidator(lambda value: value if isinstance(value, dict) else {})
    ] = Rates()
    start_date: Number = None
    geolocation: Text = None
    public_ipaddr: Text = None
    ports: Any = None
    ssh_host: Text = None
    ssh_port: Number = None
    image_runtype: Text = None
    extra_env: Any = None


class InstancePage(Wire):
    """``next_token`` must be there: only its null says that this page was the last."""

    instances: list[Any] = Field(strict=True)
    next_token: str | None = Field(strict=True)
    total_instances: int | None = Field(default=None, strict=True)


class UserRow(Wire):
    """``credit`` is what can be spent; below 0 for an account that owes."""

    id: Id
    credit: Number = None


class VolumeRow(Wire):
    """``storage_total_cost`` is read as dollars an hour, as it is of a machine."""

    id: Id
    disk_space: Number = None
    storage_total_cost: MoneyOrNone = None
    status: Text = None
    instances: Any = None
