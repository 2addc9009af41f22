"""How values are written in what other programs read: plans and events.

Money is text in plain decimal notation and never a float; moments are RFC 3339 in UTC. A field
that nobody knows is refused, so that a document of a newer kind is never half understood.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    PlainSerializer,
    WithJsonSchema,
)

from reconciler.model.json_text import one_line_writer

_ONE_LINE = one_line_writer(sort_keys=False)
_DECIMAL = re.compile(r"\d{1,30}(\.\d{1,60})?")


class Published(BaseModel):
    """A part of a published document."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", json_schema_serialization_defaults_required=True
    )


def _decimal(value: object) -> object:
    if isinstance(value, Decimal) or (isinstance(value, str) and _DECIMAL.fullmatch(value)):
        return value
    raise ValueError("write a plain decimal number, not negative, as text")


def moment_text(value: datetime) -> str:
    """RFC 3339 in UTC."""
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


DecimalText = Annotated[
    Decimal,
    BeforeValidator(_decimal),
    PlainSerializer(lambda value: f"{value:f}", return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?$"}),
]
"""An exact number as text: ``"0.338"``."""

Moment = Annotated[
    AwareDatetime,
    PlainSerializer(moment_text, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
"""RFC 3339 in UTC: ``"2026-07-01T12:00:00Z"``."""


LocalMoment = Annotated[
    AwareDatetime,
    PlainSerializer(datetime.isoformat, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
"""RFC 3339 with the offset of the clocks there: ``"2026-07-01T14:00:00+02:00"``."""


def ascii_json(fields: Any, *, indent: int | None = None) -> str:
    """``fields`` as JSON in which every control character is escaped, C1, DEL and bidi included.

    Keys keep their order: the same value gives the same bytes.
    """
    if indent is None:
        return _ONE_LINE(fields)
    return json.dumps(fields, indent=indent, separators=(",", ": "), allow_nan=False)
