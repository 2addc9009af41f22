"""What a machine at Vast.ai can do about itself: its own key, and a timer in its start script.

The market runs no scripts. It reads whether one of them is a timer that would work: text that the
start script unpacks and runs, which asks for the end of this machine with this machine's key.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from reconciler.market.world import World

OWN_ENDPOINTS = frozenset({"DELETE instance", "PUT instance"})
"""Start, stop, destroy: all that the key of a machine may do, and to that machine alone."""
_UNPACKS = re.compile(r'"\$(\w+)" \| base64 -d > (\S+?);')
_NEEDS = ("CONTAINER_ID", "CONTAINER_API_KEY", "DELETE", "/api/v0/instances/")
_FIRST = re.compile(r"^first=([0-9]{10,11})$", re.MULTILINE)


def own_key(world: World, machine_id: str) -> str:
    """The restricted key of one machine."""
    return hashlib.sha256(f"{world.account} {machine_id}".encode()).hexdigest()


def may_act(world: World, key: str, endpoint: str, machine_id: str) -> bool:
    """Whether ``key`` is the machine's own, and this is its own affair."""
    return endpoint in OWN_ENDPOINTS and key == own_key(world, machine_id)


def ends_itself_at(body: Mapping[str, Any]) -> datetime | None:
    """When the machine of this order destroys itself, if it runs then; None for never."""
    onstart, env = body.get("onstart"), body.get("env")
    if not isinstance(onstart, str) or not isinstance(env, dict):
        return None
    for text in _scripts(onstart, env):
        first = _FIRST.search(text)
        if first is not None and all(word in text for word in _NEEDS):
            return datetime.fromtimestamp(int(first[1]), UTC)
    return None


def _scripts(onstart: str, env: Mapping[str, Any]) -> Iterator[str]:
    """What the start script takes out of the environment and starts."""
    for name, path in _UNPACKS.findall(onstart):
        if f"sh {path}" not in onstart:
            continue
        try:
            yield base64.b64decode(str(env.get(name, "")), validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            continue
