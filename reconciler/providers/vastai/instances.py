"""Vast.ai's instance rows as machines: status words, rates, marks and addresses."""

from __future__ import annotations

import ipaddress
import re
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from typing import TYPE_CHECKING

from reconciler.model.gpu import resolve_offered
from reconciler.model.instance import Instance, InstanceStatus, SshEndpoint
from reconciler.model.mark import parse_mark
from reconciler.model.text import printable

if TYPE_CHECKING:
    from reconciler.providers.vastai.wire import InstanceRow

MARK_VARIABLE = "GPU_SHOPPER_NODE"
"""The second place of our mark: an environment variable that rows give back."""
SSH_USER = "root"
_MICRO = Decimal("0.000001")
_MIB = 2**20
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_WORDS = {
    "created": InstanceStatus.CREATED,
    "loading": InstanceStatus.BOOTING,
    "scheduling": InstanceStatus.BOOTING,
    "connecting": InstanceStatus.BOOTING,
    "rebooting": InstanceStatus.BOOTING,
    "restarting": InstanceStatus.BOOTING,
    "running": InstanceStatus.RUNNING,
    "stopped": InstanceStatus.STOPPED,
}
_NEVER_STARTS = re.compile(
    r"OCI runtime create failed|manifest unknown|pull access denied|repository does not exist"
    r"|unauthorized:|failed to resolve reference",
    re.IGNORECASE,
)
_SSH_INSIDE = "22/tcp"
_INSIDE = re.compile(r"([1-9][0-9]{0,4})/tcp", re.ASCII)
_HOST_NAME = re.compile(
    r"[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?)+"
)


def as_instance(provider: str, row: InstanceRow) -> Instance:
    """Every row has a meaning: what nobody knows is billed and unknown."""
    status = _status(row)
    word = row.actual_status
    ssh = _ssh(row) if status is InstanceStatus.RUNNING else None
    return Instance(
        provider=provider,
        id=row.id,
        label=_mark_text(row),
        status=status,
        status_text="null" if word is None else printable(str(word), 40),
        usd_per_hour=_rate(row, status),
        gpu=_gpu(row),
        gpu_count=None if row.num_gpus is None else int(row.num_gpus),
        region=None if row.geolocation is None else printable(row.geolocation, 60),
        ssh=ssh,
        created_at=_moment(row.start_date),
        # They are reached at the machine's own address, and a proxy has none of them.
        ports=_ports(row) if ssh is not None and ssh.host == _own_address(row) else (),
    )


def _status(row: InstanceRow) -> InstanceStatus:
    word = row.actual_status
    wants_to_run = row.intended_status != "stopped"
    if word in (None, "created", "loading") and _is_parked(row):
        return InstanceStatus.STOPPED
    if word is None:
        return InstanceStatus.PLACED
    if not isinstance(word, str):
        return InstanceStatus.UNKNOWN
    if word in ("created", "loading") and _NEVER_STARTS.search(row.status_msg or ""):
        return InstanceStatus.FAILED
    if word == "exited":
        return InstanceStatus.FAILED if wants_to_run else InstanceStatus.STOPPED
    return _WORDS.get(word, InstanceStatus.UNKNOWN)


def _is_parked(row: InstanceRow) -> bool:
    """A bid that is too low makes a machine that never starts and whose disk is billed."""
    words = (row.cur_state, row.intended_status, row.next_state)
    return words == ("stopped", "stopped", "stopped")


def _rate(row: InstanceRow, status: InstanceStatus) -> Decimal | None:
    """What it costs an hour. While it starts, what it will cost: the row counts the disk alone."""
    now, full = row.instance.totalHour, row.dph_total
    if status is InstanceStatus.STOPPED:
        rate = now if now is not None else full
    elif now is None or full is None:
        # One figure missing: the other may leave out the GPU.
        rate = full
    else:
        rate = max(now, full)
    return None if rate is None else rate.quantize(_MICRO, rounding=ROUND_HALF_EVEN)


def _mark_text(row: InstanceRow) -> str | None:
    """The label; our variable where somebody renamed the machine."""
    if parse_mark(row.label) is not None:
        return row.label
    kept = _environment(row.extra_env).get(MARK_VARIABLE)
    return kept if parse_mark(kept) is not None else row.label


def _environment(pairs: object) -> dict[str, str]:
    """A list of pairs; an object in old answers."""
    listed = list(pairs.items()) if isinstance(pairs, dict) else pairs
    found: dict[str, str] = {}
    for pair in listed if isinstance(listed, list) else []:
        match pair:
            case [str(name), str(value)] | (str(name), str(value)):
                found[name] = value
    return found


def _gpu(row: InstanceRow) -> str | None:
    if row.gpu_name is None:
        return None
    memory = None if row.gpu_ram is None or row.gpu_ram <= 0 else int(row.gpu_ram * _MIB)
    model = resolve_offered("vastai", row.gpu_name, memory)
    return model.name if model else None


def _ssh(row: InstanceRow) -> SshEndpoint | None:
    """The direct way where there is one, else the proxy; None for what is no plain host."""
    address = _own_address(row)
    port = _port_outside(row.ports, _SSH_INSIDE)
    if address is not None and port is not None:
        return SshEndpoint(address, port, SSH_USER)
    host = row.ssh_host or ""
    if not _HOST_NAME.fullmatch(host) or len(host) > 253 or row.ssh_port is None:
        return None
    number = int(row.ssh_port) + ("jupyter" in (row.image_runtype or ""))
    return SshEndpoint(host, number, SSH_USER) if 0 < number < 65_536 else None


def _address(text: str) -> str | None:
    try:
        return str(ipaddress.ip_address(text)) if "%" not in text else None
    except ValueError:
        return None


def _own_address(row: InstanceRow) -> str | None:
    return _address((row.public_ipaddr or "").strip())


def _port_outside(ports: object, inside: str) -> int | None:
    match ports.get(inside) if isinstance(ports, dict) else None:
        case [{"HostPort": str(text)}, *_] if text.isascii() and text.isdigit():
            port = int(text) if len(text) <= 5 else 0
            return port if 0 < port < 65_536 else None
    return None


def _ports(row: InstanceRow) -> tuple[tuple[int, int], ...]:
    """TCP alone, and not the one of SSH."""
    found = {}
    for name in row.ports if isinstance(row.ports, dict) else ():
        number = _INSIDE.fullmatch(name) if isinstance(name, str) and name != _SSH_INSIDE else None
        outside = _port_outside(row.ports, name) if number else None
        if number is not None and outside is not None and 0 < int(number[1]) < 65_536:
            found[int(number[1])] = outside
    return tuple(sorted(found.items()))


def _moment(seconds: Decimal | None) -> datetime | None:
    if seconds is None or not 0 < seconds < 10**11:
        return None
    return _EPOCH + timedelta(seconds=int(seconds))
