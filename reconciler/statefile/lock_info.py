"""The side-car of a lock: who holds it, as JSON under Terraform's field names.

It only explains. What excludes a second holder is the kernel lock beside it.
"""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

from reconciler.model.json_text import one_line_writer
from reconciler.model.quantity import about
from reconciler.model.text import printable
from reconciler.statefile.backend import LockInfo

if TYPE_CHECKING:
    from collections.abc import Mapping

_DAMAGED_ID_DIGITS = 12
_WRITTEN = one_line_writer(sort_keys=False)


def encode_info(info: LockInfo) -> bytes:
    """``info`` as stored."""
    fields = {
        "ID": info.id,
        "Operation": info.operation,
        "Info": "",
        "Who": info.who,
        "Version": info.version,
        "Created": info.created.isoformat() if info.created else "",
        "Path": info.path,
        "host": info.host,
        "pid": info.pid,
        "boot_id": info.boot_id,
        "process_started": info.process_started,
    }
    lines = ",\n".join(f'  "{name}": {_WRITTEN(value)}' for name, value in fields.items())
    return f"{{\n{lines}\n}}\n".encode("ascii")


def decode_info(data: bytes) -> LockInfo:
    """The holder in ``data``; never raises.

    What cannot be read becomes a holder of whom nothing is known, with an id made from the bytes,
    so that ``state unlock`` can name it.
    """
    try:
        fields = json.loads(data)
        return _from_fields(fields)
    except (ValueError, TypeError, KeyError, RecursionError):
        digest = hashlib.sha256(data).hexdigest()[:_DAMAGED_ID_DIGITS]
        return LockInfo(f"damaged-{digest}", "unknown", "unknown", "", None, "", "", 0)


def describe(info: LockInfo, now: datetime) -> str:
    """Operation, who, host, pid and age, for a message."""
    place = f"host {printable(info.host) or 'unknown'}, pid {info.pid or 'unknown'}"
    return f'"{printable(info.operation)}" by {printable(info.who)} ({place}) {_age(info, now)}'


def _from_fields(fields: Mapping[str, Any]) -> LockInfo:
    created = datetime.fromisoformat(fields["Created"])
    if created.tzinfo is None:
        raise ValueError("a moment without an offset")
    texts = ("ID", "Operation", "Who", "Version", "Path", "host", "boot_id", "process_started")
    if any(not isinstance(fields[name], str) for name in texts) or type(fields["pid"]) is not int:
        raise TypeError("a field of another kind")
    return LockInfo(
        id=fields["ID"],
        operation=fields["Operation"],
        who=fields["Who"],
        version=fields["Version"],
        created=created,
        path=fields["Path"],
        host=fields["host"],
        pid=fields["pid"],
        boot_id=fields["boot_id"],
        process_started=fields["process_started"],
    )


def _age(info: LockInfo, now: datetime) -> str:
    if info.created is None:
        return "since an unknown time"
    if info.created > now:
        return f"dated {about(info.created - now)} in the future"
    return f"for {about(now - info.created)}"
