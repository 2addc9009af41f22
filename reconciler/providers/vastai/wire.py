"""Vast.ai's answers as they are: tolerant of fields that nobody knows, strict where it matters.

Money, ids, labels and counts are refused in any form but their own; what only describes a machine
is None when it cannot be read. Nothing here knows what a value means.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from reconciler.model.cost import exact_usd

_ID = re.compile(r"[1-9][0-9]{0,18}")
# More than any machine costs or has; keeps absurd exponents out of all arithmetic.
_NUMBER_MAX = Decimal(10) ** 12


def _id(value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**63:
        return str(value)
    if isinstance(value, str) and _ID.fullmatch(value):
        return value
    raise ValueError("an id must be a whole number above 0")


def _money(value: object) -> Decimal:
    amount = exact_usd(value)
    if amount > _NUMBER_MAX:
        raise ValueError("a price must be a price")
    return amount


def _count(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value <= 10_000:
        return value
    raise ValueError("a count must be a whole number above 0")


def _number_or_none(value: object) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, (int, Decimal)):
        return None
    number = Decimal(value)
    return number if number.is_finite() and abs(number) <= _NUMBER_MAX else None


def _money_or_none(value: object) -> Decimal | None:
    try:
        return _money(value)
    except ValueError:
        return None


def _text_or_none(value: object) -> str | None:
    return _storable(value) if isinstance(value, str) else None


def _label(value: object) -> str | None:
    if value is None:
        return None
    if isinstance(value, str):
        return _storable(value)
    raise ValueError("a label must be text or null")


def _storable(text: str) -> str:
    """Lone surrogates cannot be written anywhere; they become what shows them (bad input 53)."""
    return text.encode("utf-8", "backslashreplace").decode()


def _flag_or_none(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


Id = Annotated[str, BeforeValidator(_id)]
IdOrNone = Annotated[
    str | None, BeforeValidator(lambda value: None if value is None else _id(value))
]
Money = Annotated[Decimal, BeforeValidator(_money)]
MoneyOrNone = Annotated[Decimal | None, BeforeValidator(_money_or_none)]
Count = Annotated[int, BeforeValidator(_count)]
Number = Annotated[Decimal | None, BeforeValidator(_number_or_none)]
Text = Annotated[str | None, BeforeValidator(_text_or_none)]
Label = Annotated[str | None, BeforeValidator(_label)]
Flag = Annotated[bool | None, BeforeValidator(_flag_or_none)]


class Wire(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, arbitrary_types_allowed=True)


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


def misfit(error: ValidationError) -> str:
    """Which field does not fit, in our own words: pydantic's text repeats the value."""
    fields = {".".join(map(str, found["loc"][:1])) for found in error.errors(include_input=False)}
    return f"no usable {', '.join(sorted(fields))}"
