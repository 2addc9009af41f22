"""What a create sends, and which orders are refused before anything is sent."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, Any

from reconciler.model.quantity import GIB
from reconciler.providers.cloud_init import (
    ENVIRONMENT_FILE,
    SETUP_FILE,
    environment_text,
    setup_text,
    why_env_refused,
)
from reconciler.providers.tensordock.offers import STORAGE_GB_MIN, Ordered

if TYPE_CHECKING:
    from reconciler.providers.base import CreateRequest

DEFAULT_IMAGE = "ubuntu2404_ml_everything"
"""With a driver: the plain one has none."""
STORAGE_GB_STEP = 50
TEXT_LENGTH_MAX = 500_000
_IMAGE = re.compile(r"[a-z0-9][a-z0-9_.-]{0,60}")
_MORE_ENVIRONMENT = "/var/lib/gpu-shopper-environment"
_HOMES = (("/root", "root"), ("/home/user", "user"))


def why_refused(request: CreateRequest) -> str:
    """Why their API could not carry out ``request``; "" when it can. Repeats no value."""
    if request.vm_image is not None and not _IMAGE.fullmatch(request.vm_image):
        return "a VM image is one of their names, like ubuntu2404"
    refused = why_env_refused(request.env)
    length = sum(len(one) + len(two) for one, two in request.env.items())
    if not refused and length + len(request.setup or "") > TEXT_LENGTH_MAX:
        return f"env and setup may hold {TEXT_LENGTH_MAX:,} characters together"
    return refused


def storage_gb(request: CreateRequest) -> int:
    """Their GB are read as GiB; in steps, and no less than they sell."""
    wanted = -(-request.disk_bytes // GIB)
    return max(STORAGE_GB_MIN, -(-wanted // STORAGE_GB_STEP) * STORAGE_GB_STEP)


def order_of(request: CreateRequest, ordered: Ordered, keys: tuple[str, ...]) -> dict[str, Any]:
    """The body of the create, with ``keys`` (one at least).

    An address of its own, because forwarded ports are dropped at some places. The mark is the name,
    which cannot be changed.
    """
    resources: dict[str, Any] = {
        "vcpu_count": ordered.vcpus,
        "ram_gb": ordered.ram_gb,
        "storage_gb": storage_gb(request),
        "gpus": {ordered.gpu: {"count": ordered.gpu_count}},
    }
    attributes: dict[str, Any] = {
        "name": request.mark,
        "type": "virtualmachine",
        "image": request.vm_image or DEFAULT_IMAGE,
        "hostnode_id": ordered.hostnode,
        "resources": resources,
        "useDedicatedIp": True,
        "ssh_key": keys[0],
        "cloud_init": _cloud_init(request, keys),
    }
    return {"data": {"type": "virtualmachine", "attributes": attributes}}


def _cloud_init(request: CreateRequest, keys: tuple[str, ...]) -> dict[str, Any]:
    """Keys first: `ssh_key` alone was not installed on machines that people watched."""
    files = [_file(_MORE_ENVIRONMENT, environment_text(request.env, request.mark))]
    commands = [_add_keys(home, owner, keys) for home, owner in _HOMES]
    commands.append(f"cat {_MORE_ENVIRONMENT} >> {ENVIRONMENT_FILE}")
    if request.setup:
        files.append(_file(SETUP_FILE, setup_text(request.env, request.mark, request.setup)))
        commands.append(f"sh {SETUP_FILE}")
    return {"package_update": False, "write_files": files, "runcmd": commands}


def _file(path: str, content: str) -> dict[str, str]:
    """`encoding` is not understood there: plain text."""
    return {"path": path, "content": content, "owner": "root:root", "permissions": "0600"}


def _add_keys(home: str, owner: str, keys: tuple[str, ...]) -> str:
    """One command for one home; nothing where nobody of that name is."""
    lines = " ".join(shlex.quote(key) for key in keys)
    folder = f"{home}/.ssh"
    return (
        f"id {owner} >/dev/null 2>&1 && mkdir -p {folder}"
        f" && printf '%s\\n' {lines} >> {folder}/authorized_keys"
        f" && chmod 700 {folder} && chmod 600 {folder}/authorized_keys"
        f" && chown -R {owner}:{owner} {folder} || true"
    )
