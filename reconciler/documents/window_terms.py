"""A digest of what the windows of a fleet buy, to tell whether anybody applied it."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from reconciler.model.fleet import Fleet

_LENGTH = 16
_APART = frozenset(
    {
        "name",
        "nodes",
        "ttl",
        "expires_at",
        "active",
        "grace",
        "prevent_destroy",
        "team",
        "owner",
        "labels",
        "weight",
        "budgets",
        "own_budget",
    }
)
"""What the lease and the budgets hold as applied: the loop goes by that anyway."""


def window_terms(fleet: Fleet) -> str:
    """Hexadecimal digits. What is as by default is left out, so that a key which a later version
    adds changes nothing for documents without it.
    """
    said = {name: one for name, one in _said(fleet).items() if name not in _APART}
    text = json.dumps(said, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:_LENGTH]


def _said(value: Any) -> dict[str, Any]:
    return {
        field.name: _plain(getattr(value, field.name))
        for field in dataclasses.fields(value)
        if field.name not in _APART and getattr(value, field.name) != _default(field)
    }


def _default(field: dataclasses.Field[Any]) -> Any:
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return field.default


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        return _said(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, frozenset):
        return sorted((_plain(one) for one in value), key=repr)
    if isinstance(value, (tuple, list)):
        return [_plain(one) for one in value]
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, datetime):
        return value.isoformat()
    if value is None or isinstance(value, (str, int)):
        return value
    raise AssertionError(f"no digest is defined for a {type(value).__name__}")
