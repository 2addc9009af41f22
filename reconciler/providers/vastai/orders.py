"""What a create sends, and which orders are refused before anything is sent."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from reconciler.model.quantity import GIB
from reconciler.providers.vastai.instances import MARK_VARIABLE

if TYPE_CHECKING:
    from reconciler.providers.base import CreateRequest

DEFAULT_IMAGE = "vastai/base-image:@vastai-automatic-tag"
"""Their own default: a machine with CUDA, Python and an SSH server."""
DISK_GB_MIN = 8
IMAGE_LENGTH_MAX = 1024
ENV_LENGTH_MAX = 32_768
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# Without it the machine's environment does not reach those who log in.
_ONSTART = "env >> /etc/environment"


def why_refused(request: CreateRequest) -> str:
    """Why their API could not carry out ``request``; "" when it can. Repeats no value."""
    if request.image is not None and len(request.image) > IMAGE_LENGTH_MAX:
        return f"an image may be {IMAGE_LENGTH_MAX} characters long"
    for name in request.env:
        # A name that begins with "-" would be read as a flag of docker.
        if not _VARIABLE.fullmatch(name):
            return "the name of an environment variable has letters, digits and _ only"
    if sum(len(name) + len(value) for name, value in request.env.items()) > ENV_LENGTH_MAX - 200:
        return f"env may hold {ENV_LENGTH_MAX - 200} characters together"
    return ""


def order_of(request: CreateRequest) -> dict[str, Any]:
    """The body of the create.

    ``cancel_unavail`` is always true: else what cannot start is made all the same, stopped and
    billed. Without ``price`` a machine is on-demand, whatever was searched for.
    """
    order: dict[str, Any] = {
        "client_id": "me",
        "image": request.image or DEFAULT_IMAGE,
        "disk": max(DISK_GB_MIN, -(-request.disk_bytes // GIB)),
        "label": request.mark,
        "runtype": "ssh_direct",
        "target_state": "running",
        "cancel_unavail": True,
        "env": {**request.env, MARK_VARIABLE: request.mark},
        "onstart": _ONSTART,
    }
    if request.offer.spot:
        order["price"] = float(request.offer.usd_per_hour)
    return order
