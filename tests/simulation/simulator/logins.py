"""What a login to a simulated machine comes to: by its address, its host and its keys."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from reconciler.planning.gpu_check import MARKER
from reconciler.transport.ssh_login import Login

if TYPE_CHECKING:
    from datetime import datetime

    from reconciler.market.machine import Machine
    from reconciler.model.instance import SshEndpoint
    from tests.simulation.simulator.book import Book
    from tests.simulation.simulator.places import Market

_DENIED = Login("refused", why="Permission denied (publickey).")
_SILENT = Login("unreachable", why="Connection timed out")


def has_key(world: Book, machine: Machine) -> bool:
    """Whether any key was put on it."""
    note = world.machine_notes().get(machine.id)
    return bool(note and json.loads(note).get("ssh_public_keys"))


def login(
    market: Market,
    refusing: set[tuple[str, str]],
    endpoint: SshEndpoint,
    place: str,
    key: str,
    now: datetime,
) -> Login:
    """``key``: the public half of the one that is used."""
    found = [
        one
        for where, one in market.billed(now)
        if where == place and (one.ssh_host, one.ssh_port) == (endpoint.host, endpoint.port)
    ]
    machine = next((one for one in found if one.status_at(now) == "running"), None)
    if machine is None:
        return _SILENT
    world = market.worlds[place]
    note = world.machine_notes().get(machine.id)
    keys = json.loads(note).get("ssh_public_keys", ()) if note else ()
    if key not in keys or (place, world.host_of(machine)) in refusing:
        return _DENIED
    inside = world.gpus_inside(machine.id, now)
    line = f"NVIDIA {inside.gpu}, {inside.gpu_memory_bytes // 2**20} MiB, 550.54.14\n"
    cuda = f"CUDA Version : {inside.cuda}\n" if inside.cuda else ""
    return Login("done", f"{MARKER}\n{line * inside.gpu_count}{cuda}")
