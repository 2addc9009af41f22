"""``quarantine list``: what was learnt of hosts. Texts from outside are escaped."""

from __future__ import annotations

from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Any

from reconciler.model.quantity import about
from reconciler.model.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from reconciler.model.host_memory import HostRecord

_WHY = 200


def host_lines(hosts: Iterable[HostRecord], now: datetime) -> str:
    """One line a host."""
    lines = [_line(one, now) for one in hosts]
    return "\n".join(lines) if lines else "Nothing has been learnt of any host yet."


def _line(one: HostRecord, now: datetime) -> str:
    parts = [f"{one.boots} ready", f"{one.failures} failed"]
    if one.losses:
        parts.append(f"{one.losses} spot taken away")
    if one.boots:
        parts.append(f"ready in {about(timedelta(seconds=one.ready_seconds // one.boots))}")
    text = f"{printable(one.provider)} {printable(one.host)}: {', '.join(parts)}"
    if one.is_quarantined(now):
        text += f"; in quarantine {_until(one)}"
        text += f" ({printable(one.why, _WHY)})" if one.why else ""
    elif one.last_failure:
        text += f"; last failure: {printable(one.last_failure, _WHY)}"
    return text


def _until(one: HostRecord) -> str:
    if one.by_hand or one.quarantined_until is None:
        return "until it is removed"
    return f"until {one.quarantined_until.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def hosts_json(hosts: Iterable[HostRecord], now: datetime) -> list[dict[str, Any]]:
    """The same for programs; ``quarantined_until`` is null for one without an end."""
    return [
        {
            "provider": printable(one.provider),
            "host": printable(one.host, _WHY),
            "boots": one.boots,
            "mean_ready_seconds": one.ready_seconds // one.boots if one.boots else None,
            "failures": one.failures,
            "losses": one.losses,
            "last_failure": printable(one.last_failure, _WHY),
            "quarantined": one.is_quarantined(now),
            "quarantined_until": None
            if one.by_hand or one.quarantined_until is None
            else one.quarantined_until.astimezone(UTC).isoformat(),
            "why": printable(one.why, _WHY),
        }
        for one in hosts
    ]
