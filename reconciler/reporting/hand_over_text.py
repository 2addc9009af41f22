"""``output`` for programs that use the machines: shell variables, hostfile, Ansible inventory.

Machines have the names of ``ssh_config`` (``train-0``), because their ports and keys differ. What
is not plainly a host, a user and a port is left out (I22). Where a slot holds two machines, the one
to use first stands first in a report, and only that one is named.
"""

from __future__ import annotations

import json
import shlex
from collections import defaultdict
from typing import TYPE_CHECKING

from reconciler.reporting.ssh_text import (
    files_for,
    is_plain_endpoint,
    key_alias,
    ssh_alias,
    ssh_options,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from reconciler.model.hand_over import SshFiles
    from reconciler.model.instance import SshEndpoint
    from reconciler.model.status import MachineRow

_TEMPLATE_MARKS = ("{{", "{%", "{#")


def reachable(rows: Iterable[MachineRow]) -> list[tuple[MachineRow, SshEndpoint]]:
    """One machine a slot, by slot: the first with a usable address that is not on its way out."""
    found: dict[object, tuple[MachineRow, SshEndpoint]] = {}
    for row in rows:
        if row.stage != "doomed" and row.ssh is not None and is_plain_endpoint(row.ssh):
            found.setdefault(row.slot, (row, row.ssh))
    return sorted(found.values(), key=lambda one: one[0].slot)


def missing(rows: Iterable[MachineRow]) -> list[MachineRow]:
    """The slots that a program would look for in vain: machines that cannot be entered now."""
    rows = list(rows)
    there = {row.slot for row, _ in reachable(rows)}
    return [row for row in rows if row.slot not in there]


def env_text(rows: Iterable[MachineRow]) -> str:
    """Lines for ``eval`` in a POSIX shell; every value is quoted."""
    return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in _variables(rows))


def _variables(rows: Iterable[MachineRow]) -> Iterator[tuple[str, str]]:
    for fleet, mine in sorted(_by_fleet(rows).items()):
        prefix = f"GPU_SHOPPER_{fleet.replace('-', '_').upper()}"
        yield f"{prefix}_NODES", str(len(mine))
        yield f"{prefix}_HOSTS", ",".join(endpoint.host for _, endpoint in mine)
        counts = {row.gpu_count for row, _ in mine}
        if len(counts) == 1 and (count := counts.pop()) is not None:
            yield f"{prefix}_GPUS_PER_NODE", str(count)
        for row, endpoint in mine:
            node = f"{prefix}_{row.slot.index}"
            yield f"{node}_HOST", endpoint.host
            yield f"{node}_PORT", str(endpoint.port)
            yield f"{node}_USER", endpoint.user
            for inside, outside in row.ports:
                yield f"{node}_PORT_{inside}", str(outside)


def _by_fleet(
    rows: Iterable[MachineRow],
) -> dict[str, list[tuple[MachineRow, SshEndpoint]]]:
    fleets = defaultdict(list)
    for row, endpoint in reachable(rows):
        fleets[row.slot.fleet].append((row, endpoint))
    return dict(fleets)


def hostfile(rows: Iterable[MachineRow]) -> str:
    """``train-0 slots=8`` a line, as Open MPI and DeepSpeed read it; a slot for each GPU."""
    rows = list(rows)
    lines = _left_out(rows)
    lines += [
        f"{ssh_alias(row.slot)} slots={1 if row.gpu_count is None else row.gpu_count}"
        for row, _ in reachable(rows)
    ]
    return "".join(f"{line}\n" for line in lines)


def _left_out(rows: Iterable[MachineRow]) -> list[str]:
    return [f"# {row.slot}: left out, it cannot be entered ({row.stage})" for row in missing(rows)]


def ansible_inventory(rows: Iterable[MachineRow], files: SshFiles) -> str:
    """An inventory in YAML: a group ``fleet_train`` for each fleet."""
    rows = list(rows)
    left_out = _left_out(rows)
    lines = ["all:", "  children:"]
    fleets = _by_fleet(rows)
    for fleet, mine in sorted(fleets.items()):
        lines += [f"    fleet_{fleet.replace('-', '_')}:", "      hosts:"]
        for row, endpoint in mine:
            lines.append(f"        {ssh_alias(row.slot)}:")
            lines += [
                f"          {name}: {json.dumps(value)}"
                for name, value in _ansible_variables(row, endpoint, files)
            ]
    return "\n".join([*left_out, *(lines if fleets else ["all: {}"])]) + "\n"


def _ansible_variables(
    row: MachineRow, endpoint: SshEndpoint, files: SshFiles
) -> Iterator[tuple[str, object]]:
    """Values are templates there: none of ours may hold the beginning of one."""
    yield "ansible_host", endpoint.host
    yield "ansible_port", endpoint.port
    yield "ansible_user", endpoint.user
    alias = key_alias(row.provider, row.instance_id, endpoint.host)
    options = [f"{name}={value}" for name, value in ssh_options(alias, files_for(row, files))]
    plain = [one for one in options if not any(mark in one for mark in _TEMPLATE_MARKS)]
    if plain:
        words = [word for option in plain for word in ("-o", option)]
        yield "ansible_ssh_common_args", shlex.join(words)
    if row.gpu_count is not None:
        yield "gpu_count", row.gpu_count
