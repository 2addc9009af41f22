"""RunPod's pods as machines: status words, rates, marks and addresses."""

from __future__ import annotations

import ipaddress
from decimal import ROUND_HALF_EVEN, Decimal
from typing import TYPE_CHECKING

from reconciler.model.gpu import resolve_offered
from reconciler.model.instance import Instance, InstanceStatus, SshEndpoint
from reconciler.model.mark import parse_mark
from reconciler.model.text import printable
from reconciler.providers.runpod.wire import PortRow, SshRow, shape_or_none

if TYPE_CHECKING:
    from reconciler.providers.runpod.wire import PodRow

MARK_VARIABLE = "GPU_SHOPPER_NODE"
"""The second place of our mark: names can be changed in the console."""
SSH_USER = "root"
_SSH_INSIDE = 22
GONE = "TERMINATED"
HOURS_PER_MONTH = 720
"""A month of 30 days; theirs may be longer, and the disk then a little cheaper."""
DISK_USD_PER_GB_HOUR = (Decimal("0.10") / HOURS_PER_MONTH).quantize(Decimal("0.000000001"))
_STOPPED_VOLUME_FACTOR = 2
_MICRO = Decimal("0.000001")
_WORDS = {
    "PROVISIONING": InstanceStatus.PLACED,
    "STARTING": InstanceStatus.BOOTING,
    "RUNNING": InstanceStatus.RUNNING,
    "EXITED": InstanceStatus.STOPPED,
    "ERROR": InstanceStatus.FAILED,
}


def is_gone(row: PodRow) -> bool:
    """Their word for a pod that has been deleted for good; no other word says so."""
    return bool(row.status == GONE)


def as_instance(provider: str, row: PodRow) -> Instance:
    """Every row has a meaning: what nobody knows is billed and unknown."""
    status = _status(row)
    ssh = _ssh(row) if status is InstanceStatus.RUNNING else None
    return Instance(
        provider=provider,
        id=row.id,
        label=_mark_text(row),
        status=status,
        status_text=printable(str(row.status), 40),
        usd_per_hour=rate_of(row),
        gpu=_gpu(row),
        gpu_count=row.gpu.count or None,
        region=None if row.dataCenterId is None else printable(row.dataCenterId, 60),
        ssh=ssh,
        created_at=row.createdAt,
        ports=_ports(row, ssh) if ssh else (),
    )


def _status(row: PodRow) -> InstanceStatus:
    if not isinstance(row.status, str):
        return InstanceStatus.UNKNOWN
    return _WORDS.get(row.status, InstanceStatus.UNKNOWN)


def rate_of(row: PodRow) -> Decimal | None:
    """What it costs an hour: ``cost`` leaves out the disk, and is 0 while a pod is stopped.

    None where they say nothing, also where a pod that is not stopped should cost nothing.
    """
    stopped = _status(row) is InstanceStatus.STOPPED
    if row.cost is None or row.disk is None or (not stopped and row.cost == 0):
        return None
    volume = _volume_gb(row) * (_STOPPED_VOLUME_FACTOR if stopped else 1)
    cost = row.cost.quantize(_MICRO, rounding=ROUND_HALF_EVEN)  # it is a float of theirs
    return cost + (row.disk + volume) * DISK_USD_PER_GB_HOUR


def _volume_gb(row: PodRow) -> int:
    match row.mounts:
        case {"persistent": {"size": int(size)}} if 0 < size < 100_000:
            return size
    return 0


def _mark_text(row: PodRow) -> str:
    """The name; our variable where somebody renamed the pod."""
    kept = row.env.get(MARK_VARIABLE)
    if parse_mark(row.name) is None and isinstance(kept, str) and parse_mark(kept) is not None:
        return kept
    return row.name


def _gpu(row: PodRow) -> str | None:
    if row.gpu.id is None:
        return None
    model = resolve_offered("runpod", row.gpu.id, None)
    return model.name if model else None


def _ssh(row: PodRow) -> SshEndpoint | None:
    """The direct way only: the proxy carries no files and no tunnels."""
    direct = shape_or_none(SshRow, row.ssh.get("direct"))
    if direct is not None:
        found = _endpoint(direct.host, direct.port)
        if found is not None:
            return found
    for port in _mapped(row):
        if port.private == _SSH_INSIDE:
            return _endpoint(port.ip, port.public)
    return None


def _mapped(row: PodRow) -> list[PortRow]:
    """What of the pod is reached from outside, over TCP."""
    ports = row.runtime.get("ports")
    rows = (shape_or_none(PortRow, raw) for raw in (ports if isinstance(ports, list) else []))
    return [one for one in rows if one is not None and one.type == "tcp"]


def _ports(row: PodRow, ssh: SshEndpoint) -> tuple[tuple[int, int], ...]:
    """At the address of SSH, because that is the one that is handed over."""
    found = {}
    for port in _mapped(row):
        outside = _endpoint(port.ip, port.public)
        if port.private in (None, 0, _SSH_INSIDE) or outside is None or outside.host != ssh.host:
            continue
        found[port.private] = outside.port
    return tuple(sorted(found.items()))


def _endpoint(host: str | None, port: int | None) -> SshEndpoint | None:
    """None for what is no plain address: it goes into a command line."""
    try:
        address = str(ipaddress.ip_address((host or "").strip())) if "%" not in (host or "") else ""
    except ValueError:
        return None
    if not address or port is None or not 0 < port < 65_536:
        return None
    return SshEndpoint(address, port, SSH_USER)
