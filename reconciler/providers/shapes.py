"""Fields of JSON answers: strict where money, ids and counts are concerned, None where they only
describe and cannot be read.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from reconciler.model.cost import exact_usd

# More than any machine costs or has; keeps absurd exponents out of all arithmetic.
NUMBER_MAX = Decimal(10) ** 12


def storable(text: str) -> str:
    """Lone surrogates cannot be written anywhere; they become what shows them (bad input 53)."""
    return text.encode("utf-8", "backslashreplace").decode()


def read_money(value: object) -> Decimal:
    """Dollars as a number. Raises ValueError for text, null, NaN, infinities and below 0."""
    amount = exact_usd(value)
    if amount > NUMBER_MAX:
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
    # Compared as it is: even abs() of an absurd exponent overflows.
    return number if number.is_finite() and -NUMBER_MAX <= number <= NUMBER_MAX else None


def _money_or_none(value: object) -> Decimal | None:
    try:
        return read_money(value)
    except ValueError:
        return None


def _text_or_none(value: object) -> str | None:
    return storable(value) if isinstance(value, str) else None


def _label(value: object) -> str | None:
    if value is None:
        return None
    if isinstance(value, str):
        return storable(value)
    raise ValueError("a label must be text or null")


def _flag_or_none(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


Money = Annotated[Decimal, BeforeValidator(read_money)]
MoneyOrNone = Annotated[Decimal | None, BeforeValidator(_money_or_none)]
Count = Annotated[int, BeforeValidator(_count)]
Number = Annotated[Decimal | None, BeforeValidator(_number_or_none)]
Text = Annotated[str | None, BeforeValidator(_text_or_none)]
Label = Annotated[str | None, BeforeValidator(_label)]
Flag = Annotated[bool | None, BeforeValidator(_flag_or_none)]


class Wire(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, arbitrary_types_allowed=True)


def misfit(error: ValidationError) -> str:
    """Which field does not fit, in our own words: pydantic's text repeats the value."""
    fields = {".".join(map(str, found["loc"][:1])) for found in error.errors(include_input=False)}
    return f"no usable {', '.join(sorted(fields))}"
