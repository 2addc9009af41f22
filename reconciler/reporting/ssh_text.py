"""How to log in: an ``ssh_config`` and the arguments of one call.

Host, user and port come from a provider and end up in a program that runs commands, so what is
not plainly a host, a user and a port is left out rather than escaped (I22).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from reconciler.model.hand_over import NO_SSH_FILES, SshFiles
from reconciler.reporting.columns import cell

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from reconciler.model.address import Slot
    from reconciler.model.instance import SshEndpoint
    from reconciler.model.status import MachineRow

_HOST = re.compile(r"[A-Za-z0-9:][A-Za-z0-9.:-]{0,252}", re.ASCII)
_USER = re.compile(r"[a-z_][a-z0-9_-]{0,31}", re.ASCII)
_KEY_ALIAS = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}", re.ASCII)


def is_plain_endpoint(endpoint: SshEndpoint) -> bool:
    """True when host, user and port can be handed to ssh: no option, no space, no quote."""
    return (
        _HOST.fullmatch(endpoint.host) is not None
        and _USER.fullmatch(endpoint.user) is not None
        and 1 <= endpoint.port <= 65535
    )


def endpoint_text(endpoint: SshEndpoint | None) -> str:
    """``root@203.0.113.7:22000``; empty where there is none or it cannot be trusted."""
    if endpoint is None or not is_plain_endpoint(endpoint):
        return ""
    host = f"[{endpoint.host}]" if ":" in endpoint.host else endpoint.host
    return f"{endpoint.user}@{host}:{endpoint.port}"


def ssh_command(
    endpoint: SshEndpoint, alias: str = "", files: SshFiles = NO_SSH_FILES
) -> list[str]:
    """The arguments that start a login. Raises ValueError for an endpoint that is not plain.

    Under ``alias`` (see ``key_alias``) the host key is recorded at the first contact and checked
    from then on.
    """
    if not is_plain_endpoint(endpoint):
        shown = cell(f"{endpoint.user}@{endpoint.host}:{endpoint.port}")
        raise ValueError(f"the provider's SSH data is not a plain host, user and port: {shown}")
    settings = [f"{name}={value}" for name, value in ssh_options(alias, files)]
    options = [word for setting in settings for word in ("-o", setting)]
    return ["ssh", *options, "-p", str(endpoint.port), f"{endpoint.user}@{endpoint.host}"]


def ssh_options(alias: str, files: SshFiles) -> Iterator[tuple[str, str]]:
    """Settings as ssh reads them. A path that its grammar has no place for is left out."""
    key, known = _path(files.private_key), _path(files.known_hosts)
    if key:
        yield "IdentityFile", key
        yield "IdentitiesOnly", "yes"
    if alias:
        if known:
            yield "UserKnownHostsFile", known
            yield "StrictHostKeyChecking", "accept-new"
        yield "HostKeyAlias", alias


def _path(path: str) -> str:
    """Quoted for spaces; ``%`` and ``$`` begin something that ssh would put in their place."""
    if not path.startswith("/") or not path.isprintable() or set(path) & set('"\\$'):
        return ""
    return f'"{path.replace("%", "%%")}"'


def key_alias(provider: str, instance_id: str, host: str = "") -> str:
    """The name of a machine in ``known_hosts``, so that its host key is remembered for it and not
    for its address, which is rented again; "" when its id is not plain text.

    A way in by somebody's named ``host``, a proxy, is remembered apart from the direct one: who
    answers there may have a key of his own.
    """
    name = f"gpu-shopper-{provider}-{instance_id}"
    if not _KEY_ALIAS.fullmatch(name):
        return ""
    named = f"{name}-at-{host}"
    by_name = any(sign.isalpha() for sign in host) and ":" not in host
    return named if by_name and _KEY_ALIAS.fullmatch(named) else name


def files_for(row: MachineRow, files: SshFiles) -> SshFiles:
    """``files`` without the key where it does not open the machine of ``row``."""
    return files if row.own_key else SshFiles(known_hosts=files.known_hosts)


def ssh_alias(slot: Slot) -> str:
    """``train-0``, the name under which ``ssh`` knows a slot."""
    return f"{slot.fleet}-{slot.index}"


def ssh_config(rows: Iterable[MachineRow], files: SshFiles = NO_SSH_FILES) -> str:
    """One ``Host`` block a slot, by slot; a machine that cannot be reached is a comment.

    Where a slot holds two machines while it is replaced, the first one listed has the name.
    """
    blocks: list[str] = []
    seen: set[Slot] = set()
    for row in sorted(rows, key=lambda one: one.slot):
        blocks.append("\n".join(_block(row, files, again=row.slot in seen)))
        if row.ssh is not None and is_plain_endpoint(row.ssh):
            seen.add(row.slot)
    return "\n\n".join(["# Written by gpu-shopper ssh-config.", *blocks]) + "\n"


def _block(row: MachineRow, files: SshFiles, *, again: bool) -> Iterator[str]:
    if row.ssh is None:
        yield f"# {row.slot}: no SSH address yet ({row.stage})"
    elif not is_plain_endpoint(row.ssh):
        yield f"# {row.slot}: left out, its SSH address is not a plain host, user and port"
    elif again:
        yield f"# {row.slot}: another machine of this slot is left out: {endpoint_text(row.ssh)}"
    else:
        yield f"Host {ssh_alias(row.slot)} {row.slot.fleet}.{row.slot.index}"
        yield f"  HostName {row.ssh.host}"
        yield f"  Port {row.ssh.port}"
        yield f"  User {row.ssh.user}"
        for name, value in ssh_options(
            key_alias(row.provider, row.instance_id, row.ssh.host), files_for(row, files)
        ):
            yield f"  {name} {value}"
