"""What a create sends, and which orders are refused before anything is sent."""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING, Any

from reconciler.model.quantity import GIB
from reconciler.providers.vastai.api import DEFAULT_URL
from reconciler.providers.vastai.instances import MARK_VARIABLE
from reconciler.providers.vastai.node_timer import START_TIMER, TIMER_VARIABLE, timer_script

if TYPE_CHECKING:
    from reconciler.providers.base import CreateRequest

DEFAULT_IMAGE = "vastai/base-image:@vastai-automatic-tag"
"""Their own default: a machine with CUDA, Python and an SSH server."""
DISK_GB_MIN = 8
IMAGE_LENGTH_MAX = 1024
ENV_LENGTH_MAX = 32_768
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
KEYS_VARIABLE = "GPU_SHOPPER_KEYS"
SETUP_VARIABLE = "GPU_SHOPPER_SETUP"
PORTS_MAX = 64
# Without it the machine's environment does not reach those who log in.
_ONSTART = "env >> /etc/environment"
# The start script runs at every start and may be 4048 characters long, so what may be long is in
# the environment, and what is there already is not added again.
_ADD_KEYS = (
    "mkdir -p -m 700 /root/.ssh; touch /root/.ssh/authorized_keys; "
    "chmod 600 /root/.ssh/authorized_keys; "
    f'printf %s "${KEYS_VARIABLE}" | base64 -d | while read -r key; do '
    'grep -qxF "$key" /root/.ssh/authorized_keys || '
    'echo "$key" >> /root/.ssh/authorized_keys; done'
)
_RUN_SETUP = (
    "[ -e /root/.gpu-shopper-setup ] || { touch /root/.gpu-shopper-setup; "
    f'printf %s "${SETUP_VARIABLE}" | base64 -d > /root/.gpu-shopper-setup.sh; '
    "sh /root/.gpu-shopper-setup.sh > /root/.gpu-shopper-setup.log 2>&1 || true; }"
)


def why_refused(request: CreateRequest) -> str:
    """Why their API could not carry out ``request``; "" when it can. Repeats no value."""
    if request.image is not None and len(request.image) > IMAGE_LENGTH_MAX:
        return f"an image may be {IMAGE_LENGTH_MAX} characters long"
    for name in request.env:
        # A name that begins with "-" would be read as a flag of docker.
        if not _VARIABLE.fullmatch(name):
            return "the name of an environment variable has letters, digits and _ only"
    if len(request.ports) > PORTS_MAX:
        return f"{PORTS_MAX} ports may be opened"
    environment = _environment(request, DEFAULT_URL)
    if sum(len(name) + len(value) for name, value in environment.items()) > ENV_LENGTH_MAX:
        return f"env, setup and keys may hold about {ENV_LENGTH_MAX} characters together"
    return ""


def _environment(request: CreateRequest, origin: str) -> dict[str, str]:
    """Ours last: nothing of the user's takes their place. A port is a flag of docker here."""
    environment = dict(request.env)
    if request.ssh_public_keys:
        environment[KEYS_VARIABLE] = _packed("".join(f"{key}\n" for key in request.ssh_public_keys))
    if request.setup:
        environment[SETUP_VARIABLE] = _packed(request.setup)
    if request.destroys_itself_at is not None:
        environment[TIMER_VARIABLE] = _packed(
            timer_script(request.destroys_itself_at, request.timer_margin, origin)
        )
    environment.update({f"-p {port}:{port}": "1" for port in request.ports})
    return {**environment, MARK_VARIABLE: request.mark}


def _packed(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _start_script(request: CreateRequest) -> str:
    """Keys first: whatever becomes of the rest, somebody can log in and look."""
    parts = [_ADD_KEYS] if request.ssh_public_keys else []
    parts.append(_ONSTART)
    if request.destroys_itself_at is not None:
        parts.append(START_TIMER)
    return "; ".join([*parts, _RUN_SETUP] if request.setup else parts)


def order_of(request: CreateRequest, origin: str = DEFAULT_URL) -> dict[str, Any]:
    """The body of the create. ``origin``: where a machine's timer reaches the API.

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
        "env": _environment(request, origin),
        "onstart": _start_script(request),
    }
    if request.offer.spot:
        order["price"] = float(request.spot_usd_per_hour)
    return order
