"""Durations, moments, money and ranges: how each is written, checked and read.

Every type below is what pydantic sees in the blocks, with the JSON Schema of what a user may
*write* beside it. A ValueError raised here is shown to the reader as it stands; values of a wrong
kind (a list where text belongs) are left to the wording of the schema.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Annotated, Any

from pydantic import PlainValidator, WithJsonSchema

from reconciler.documents.written_keys import wrong_kind
from reconciler.documents.written_text import text_schema
from reconciler.model.quantity import NEVER, Range, parse_duration, parse_range

USD_MAX = Decimal(1_000_000)
RANGE_LENGTH_MAX = 60

_NUMBER = r"[0-9]+(\.[0-9]+)?"
_SIZE = rf"{_NUMBER} ?[MGTmgt][Ii]?[Bb]"
_CACHED = lru_cache(maxsize=4096)
_RFC_3339 = re.compile(
    r"(?P<date>\d{4}-\d\d-\d\d)(?:[Tt ](?P<time>\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?)"
    r"(?P<offset>[Zz]|[+-]\d\d:\d\d)?)?"
)

# --- durations and moments --------------------------------------------------------------------


@_CACHED
def _duration(text: str) -> timedelta:
    return parse_duration(text)


def _read_duration(value: object) -> timedelta:
    if value == "never":
        raise ValueError("a ttl ends; a fleet without an end has no ttl and expires_at: never")
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise wrong_kind()
    return _duration(str(value))


Duration = Annotated[
    timedelta,
    PlainValidator(_read_duration),
    text_schema(rf"({_NUMBER}[wdhms])+", examples=["90m", "4h", "1d12h"]),
]


@_CACHED
def _moment(text: str) -> datetime:
    written = _RFC_3339.fullmatch(text)
    if written is None:
        raise ValueError("not a time: write it like 2026-03-01T18:00:00+01:00 (RFC 3339)")
    try:
        datetime.fromisoformat(written["date"])
    except ValueError:
        raise ValueError(f"there is no day {written['date']}") from None
    if written["time"] is None or written["offset"] is None or len(written["time"]) < 8:
        clock = (written["time"] or "00:00") + ":00"
        raise ValueError(
            "a time needs seconds and an offset, else it means another moment elsewhere:"
            f" write {written['date']}T{clock[:8]}Z or {written['date']}T{clock[:8]}+01:00"
        )
    try:
        return datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(f"there is no time {written['time']}{written['offset']}") from None


def _read_moment(value: object) -> datetime:
    if value == "never":
        return NEVER
    if not isinstance(value, str):
        raise wrong_kind()
    return _moment(value)


Moment = Annotated[
    datetime,
    PlainValidator(_read_moment),
    WithJsonSchema(
        {
            "anyOf": [{"type": "string", "format": "date-time"}, {"const": "never"}],
            "examples": ["2026-03-01T18:00:00+01:00"],
        }
    ),
]


# --- numbers ----------------------------------------------------------------------------------


def _number(value: object) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise wrong_kind()
    number = Decimal(value)
    if not number.is_finite():
        raise ValueError("a finite number is needed")
    return number


def _read_usd(value: object) -> Decimal:
    number = _number(value)
    if not 0 < number <= USD_MAX:
        raise ValueError(f"a price must be more than 0 and at most {USD_MAX:,} dollars")
    return number


def _read_usd_or_nothing(value: object) -> Decimal:
    number = _number(value)
    if not 0 <= number <= USD_MAX:
        raise ValueError(f"it must be between 0 and {USD_MAX:,} dollars")
    return number


def _read_share(value: object) -> Decimal:
    number = _number(value)
    if not 0 <= number <= 1:
        hint = f": write {number / 100}" if 1 < number <= 100 else ""
        raise ValueError(f"a share must be between 0 and 1{hint}")
    return number


_PERCENT = re.compile(r"([1-9][0-9]?|100) ?%")


def _read_percent(value: object) -> int:
    if not isinstance(value, str):
        raise wrong_kind()
    found = _PERCENT.fullmatch(value)
    if found is None:
        raise ValueError("a share is 1% to 100%, in whole percent")
    return int(found[1])


Percent = Annotated[
    int,
    PlainValidator(_read_percent),
    WithJsonSchema({"type": "string", "pattern": "^([1-9][0-9]?|100) ?%$", "examples": ["50%"]}),
]
Usd = Annotated[
    Decimal,
    PlainValidator(_read_usd),
    WithJsonSchema({"type": "number", "exclusiveMinimum": 0, "maximum": int(USD_MAX)}),
]
UsdOrNothing = Annotated[
    Decimal,
    PlainValidator(_read_usd_or_nothing),
    WithJsonSchema({"type": "number", "minimum": 0, "maximum": int(USD_MAX)}),
]
Share = Annotated[
    Decimal,
    PlainValidator(_read_share),
    WithJsonSchema({"type": "number", "minimum": 0, "maximum": 1}),
]


# --- ranges -----------------------------------------------------------------------------------


@_CACHED
def _range(text: str, sizes: bool) -> Range:
    if len(text) > RANGE_LENGTH_MAX:
        raise ValueError("not a range: write it like 8.., ..16 or 2..6")
    return parse_range(text, sizes=sizes)


def _read_number_range(value: object) -> Range:
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise wrong_kind()
    return _range(str(value), False)


def _read_size_range(value: object) -> Range:
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        raise ValueError(f"a size needs a unit: write {value}GB or {value}GB..")
    if not isinstance(value, str):
        raise wrong_kind()
    return _range(value, True)


def _read_disk(value: object) -> int:
    wanted = _read_size_range(value)
    if not wanted.minimum or wanted.maximum not in (None, wanted.minimum):
        raise ValueError(
            "the minimum is ordered and nothing is known of a maximum: write 100GB or 100GB.."
        )
    return int(wanted.minimum)


def _range_schema(end: str, examples: list[str]) -> dict[str, Any]:
    pattern = rf"^({end}(\+|\.\.({end})?)?|\.\.{end})$"
    return {"type": "string", "pattern": pattern, "examples": examples}


_SIZE_SCHEMA = _range_schema(_SIZE, ["64GB..", "64GB..128GB"])

NumberRange = Annotated[
    Range,
    PlainValidator(_read_number_range),
    WithJsonSchema(
        {
            "anyOf": [{"type": "number", "minimum": 0}, _range_schema(_NUMBER, [])],
            "examples": ["16..", "16..64"],
        }
    ),
]
SizeRange = Annotated[Range, PlainValidator(_read_size_range), WithJsonSchema(_SIZE_SCHEMA)]
Disk = Annotated[
    int,
    PlainValidator(_read_disk),
    text_schema(rf"{_SIZE}(\+|\.\.)?", examples=["100GB", "100GB.."]),
]
