"""A digest that changes when the documents mean something else.

Comments, the order of keys and files, units (``60m`` or ``1h``) and how settings are spread over
`defaults` and profiles do not change it.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import fields, is_dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any

from pydantic import BaseModel

from reconciler.model.fleet import DesiredState, Fleet


def meaning_digest(desired: DesiredState) -> str:
    """64 hexadecimal digits of SHA-256. Takes as long as reading the documents: ask seldom."""
    text = json.dumps(_parts(desired), sort_keys=True, default=_plain, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _plain(value: object) -> Any:
    """What json cannot write by itself, in one form for one meaning."""
    if isinstance(value, BaseModel):
        return dict(value)
    return _parts(value) if isinstance(value, Fleet) else _plain_part(value)


@lru_cache(maxsize=4096)
def _plain_part(value: object) -> Any:
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, frozenset):
        return sorted(value)
    return json.dumps(_parts(value), default=_plain)


@lru_cache(maxsize=32)
def _field_names(kind: type) -> tuple[str, ...]:
    return tuple(part.name for part in fields(kind))


def _parts(value: object) -> list[Any]:
    if not is_dataclass(value) or isinstance(value, type):
        raise AssertionError(f"no digest is defined for a {type(value).__name__}")
    return [getattr(value, name) for name in _field_names(type(value))]
