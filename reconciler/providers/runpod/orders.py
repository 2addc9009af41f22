"""What a create sends, and which orders are refused before anything is sent."""

from __future__ import annotations

import re
from decimal import ROUND_DOWN, Decimal
from typing import TYPE_CHECKING, Any

from reconciler.model.quantity import GIB
from reconciler.providers.runpod.pods import MARK_VARIABLE

if TYPE_CHECKING:
    from reconciler.providers.base import CreateRequest
    from reconciler.providers.runpod.offers import Choice

DEFAULT_IMAGE = "runpod/pytorch:1.0.2-cu1281-torch280-ubuntu2404"
"""One of their own, with CUDA and an SSH server that starts when it is given a key."""
KEYS_VARIABLE = "PUBLIC_KEY"
"""Their own images write it to ``authorized_keys``. One that we send takes the account's place."""
IMAGE_LENGTH_MAX = 1024
ENV_LENGTH_MAX = 32_768
_MICRO = Decimal("0.000001")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def why_refused(request: CreateRequest) -> str:
    """Why their API could not carry out ``request``; "" when it can. Repeats no value."""
    if request.image is not None and len(request.image) > IMAGE_LENGTH_MAX:
        return f"an image may be {IMAGE_LENGTH_MAX} characters long"
    if not all(_VARIABLE.fullmatch(name) for name in request.env):
        return "the name of an environment variable has letters, digits and _ only"
    sizes = (len(name) + len(value) for name, value in _environment(request).items())
    if sum(sizes) > ENV_LENGTH_MAX:
        return f"env may hold {ENV_LENGTH_MAX} characters together, our own part included"
    return ""


def order_of(request: CreateRequest, choice: Choice) -> dict[str, Any]:
    """The body of the create.

    ``22/tcp`` is always asked for: without it there is no way in but their proxy. ``startSsh``
    gives the account's keys to a pod for which we send none.
    """
    order: dict[str, Any] = {
        "name": request.mark,
        "image": request.image or DEFAULT_IMAGE,
        "gpu": {"id": choice.gpu, "count": choice.count},
        "cloud": choice.cloud,
        "disk": max(1, -(-request.disk_bytes // GIB)),
        "ports": ["22/tcp", *(f"{port}/tcp" for port in request.ports if port != 22)],
        "env": _environment(request),
        "startSsh": True,
    }
    if choice.center is not None:
        order["dataCenterIds"] = [choice.center]
    return order


def bid_of(request: CreateRequest, choice: Choice) -> dict[str, Any]:
    """The input of the mutation by which spot is rented: REST has no word for it."""
    order = order_of(request, choice)
    return {
        "name": order["name"],
        "imageName": order["image"],
        "gpuTypeId": choice.gpu,
        "gpuCount": choice.count,
        "cloudType": choice.cloud,
        "bidPerGpu": _bid_per_gpu(request.spot_usd_per_hour, choice.count),
        "containerDiskInGb": order["disk"],
        "volumeInGb": 0,
        "volumeMountPath": "/workspace",  # their schema wants one
        "ports": ",".join(order["ports"]),
        "env": [{"key": name, "value": value} for name, value in order["env"].items()],
        "startSsh": True,
        "supportPublicIp": True,
    }


def _bid_per_gpu(usd_per_hour: Decimal, count: int) -> float:
    """Rounded down, so that all of them together are never above the bid."""
    return float((usd_per_hour / count).quantize(_MICRO, rounding=ROUND_DOWN))


def _environment(request: CreateRequest) -> dict[str, str]:
    """Ours last: nothing of the user's takes its place. Keys that stand in ``env`` stay there."""
    environment = {**request.env, MARK_VARIABLE: request.mark}
    if request.ssh_public_keys:
        theirs = request.env.get(KEYS_VARIABLE, "").strip()
        keys = [theirs, *request.ssh_public_keys] if theirs else request.ssh_public_keys
        environment[KEYS_VARIABLE] = "\n".join(keys)
    return environment
