"""TensorDock's rows as machines: status words, rates, marks and addresses."""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from typing import TYPE_CHECKING

from reconciler.model.instance import Instance, InstanceStatus, SshEndpoint
from reconciler.model.text import printable
from reconciler.providers.tensordock.offers import model_of

if TYPE_CHECKING:
    from reconciler.providers.tensordock.wire import InstanceRow

SSH_USER = "root"
SSH_INSIDE = 22
BOOT_TIME = timedelta(minutes=20)
"""So long "stoppeddisassociated" may be a machine that boots."""
_MICRO = Decimal("0.000001")
_RELEASED = "stoppeddisassociated"
_WORDS = {
    "creating": InstanceStatus.CREATED,
    "queued": InstanceStatus.PLACED,
    "pending": InstanceStatus.PLACED,
    "provisioning": InstanceStatus.CREATED,
    "starting": InstanceStatus.BOOTING,
    "relocating": InstanceStatus.BOOTING,
    "running": InstanceStatus.RUNNING,
    "online": InstanceStatus.RUNNING,
    "active": InstanceStatus.RUNNING,
    "stopping": InstanceStatus.STOPPED,
    "stopped": InstanceStatus.STOPPED,
    "outbid": InstanceStatus.STOPPED,
    "error": InstanceStatus.FAILED,
    "failed": InstanceStatus.FAILED,
    "deleting": InstanceStatus.DESTROYING,
}
_ENDED = frozenset({"deleted", "terminated"})


def has_ended(row: InstanceRow) -> bool:
    """Their word that it is no more."""
    return _word(row) in _ENDED


def as_instance(
    provider: str, row: InstanceRow, now: datetime, created_at: datetime | None
) -> Instance:
    """Every row has a meaning: what nobody knows is billed and unknown.

    ``created_at``: when it was ordered, where this process did it.
    """
    begun = _moment(row.created_at) or created_at
    status = _status(row, None if begun is None else now - begun)
    gpu, count = _gpus(row)
    return Instance(
        provider=provider,
        id=row.id,
        label=row.name,
        status=status,
        status_text=printable(str(row.status), 40),
        usd_per_hour=_rate(row),
        gpu=gpu,
        gpu_count=count,
        region=None,
        ssh=_ssh(row) if status is InstanceStatus.RUNNING else None,
        created_at=begun,
        ports=_ports(row.portForwards) if status is InstanceStatus.RUNNING else (),
    )


def _word(row: InstanceRow) -> str:
    """In small letters and without signs: they mix "StoppedDisassociated" and "stopped"."""
    text = row.status if isinstance(row.status, str) else ""
    return "".join(sign for sign in text.lower() if sign not in "_- ")


def _status(row: InstanceRow, age: timedelta | None) -> InstanceStatus:
    word = _word(row)
    if word == _RELEASED:
        if age is None:
            return InstanceStatus.UNKNOWN
        return InstanceStatus.BOOTING if age < BOOT_TIME else InstanceStatus.STOPPED
    return _WORDS.get(word, InstanceStatus.UNKNOWN)


def _rate(row: InstanceRow) -> Decimal | None:
    """The whole machine, disk included; the same when it is stopped, which is billed in full."""
    if not row.rateHourly:
        return None
    return row.rateHourly.quantize(_MICRO, rounding=ROUND_HALF_EVEN)


def _gpus(row: InstanceRow) -> tuple[str | None, int | None]:
    match row.resources:
        case {"gpus": dict(gpus)} if len(gpus) == 1:
            ((name, entry),) = gpus.items()
            model = model_of(name) if isinstance(name, str) else None
            count = entry.get("count") if isinstance(entry, dict) else None
            usable = isinstance(count, int) and not isinstance(count, bool) and count > 0
            return (model.name if model else None), (count if usable else None)
    return None, None


def _ssh(row: InstanceRow) -> SshEndpoint | None:
    """The address of its own, at the port that is forwarded to 22 where one is."""
    text = (row.ipAddress or "").strip()
    try:
        host = str(ipaddress.ip_address(text)) if "%" not in text else ""
    except ValueError:
        return None
    port = _forwarded(row.portForwards)
    return SshEndpoint(host, port, SSH_USER) if host and port else None


def _forwarded(forwards: object) -> int | None:
    """22 where nothing is forwarded; None where what is forwarded cannot be used."""
    if not isinstance(forwards, list) or not forwards:
        return 22
    for one in forwards:
        match one:
            case {"internal_port": 22, "external_port": int(port)} if 0 < port < 65_536:
                return port
    return None


def _ports(forwards: object) -> tuple[tuple[int, int], ...]:
    """Of a machine with an address of its own none are listed: all are open as they are."""
    found = {}
    for one in forwards if isinstance(forwards, list) else []:
        match one:
            case {"internal_port": int(inside), "external_port": int(outside)} if (
                0 < inside < 65_536 and inside != SSH_INSIDE and 0 < outside < 65_536
            ):
                found[inside] = outside
    return tuple(sorted(found.items()))


def _moment(value: object) -> datetime | None:
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    if found is None:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
