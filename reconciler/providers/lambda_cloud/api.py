"""Lambda's endpoints: which calls there are, how often, and what their errors say.

Figures: the published limits (one call a second in all, one launch in twelve), each with a little
more, because an interval that is kept here may arrive shortened there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from reconciler.model.text import printable
from reconciler.model.value import dataclass
from reconciler.providers.base import CallPace
from reconciler.transport.json_api import ApiAnswer, CallFailed, Endpoint, JsonApi
from reconciler.transport.pace import Pace
from reconciler.transport.retrying import NEVER_AGAIN, Patience

__all__ = ["ApiAnswer", "CallFailed", "LambdaApi", "Refusal", "refusal_of"]

DEFAULT_URL = "https://cloud.lambda.ai/api/v1"
CREATE_DEADLINE_SECONDS = 60.0
LAUNCH_SECONDS = 12.5
_ALL_CALLS = Pace(1, 1.1)
_AT_WILL = Pace(1, 0.0)
_READS = Patience(tries=5, base_seconds=2.0, least_seconds=1.5)


def _read(path: str) -> Endpoint:
    return Endpoint("GET", path, _AT_WILL, _READS, shared=_ALL_CALLS)


TYPES = _read("/instance-types")
LIST = _read("/instances")
READ = _read("/instances/{}")
AUDIT = _read("/audit-events")
FILE_SYSTEMS = _read("/file-systems")
KEYS = _read("/ssh-keys")
ADD_KEY = Endpoint("POST", "/ssh-keys", _AT_WILL, NEVER_AGAIN, shared=_ALL_CALLS)
LAUNCH = Endpoint(
    "POST",
    "/instance-operations/launch",
    Pace(1, LAUNCH_SECONDS),
    NEVER_AGAIN,
    deadline_seconds=CREATE_DEADLINE_SECONDS,
    shared=_ALL_CALLS,
)
TERMINATE = Endpoint("POST", "/instance-operations/terminate", _AT_WILL, _READS, shared=_ALL_CALLS)
PACES = (
    CallPace("all together", _ALL_CALLS.calls, _ALL_CALLS.seconds),
    CallPace("create", 1, LAUNCH_SECONDS),
)
"""For the truth table."""

_CODE = re.compile(r"[a-z][a-z0-9/_-]{0,99}")
_MESSAGE_LENGTH = 160
_ABOUT_THE_KEY = frozenset(
    {
        "global/invalid-api-key",
        "global/account-inactive",
        "global/invalid-address",
        "global/forbidden",
    }
)


@dataclass(frozen=True, slots=True)
class Refusal:
    """What an error answer says. ``code`` is their word, "" where there is none; both printable.

    Texts change and are for people; only codes decide anything.
    """

    status: int
    code: str
    message: str
    asked_seconds: float | None = None

    @property
    def is_about_the_key(self) -> bool:
        """The key, or what its account may do at all."""
        return self.code in _ABOUT_THE_KEY or (self.status == 401 and not self.code)

    @property
    def is_about_pace(self) -> bool:
        return self.status == 429

    @property
    def is_their_trouble(self) -> bool:
        """Says nothing about what exists: theirs, or of those behind them."""
        return self.status >= 500 or self.code.startswith("provider/")

    def __str__(self) -> str:
        said = f"{self.code}: {self.message}" if self.code else self.message
        return f"{self.status} ({said})" if said else str(self.status)


def refusal_of(answer: ApiAnswer) -> Refusal:
    """The error in ``answer``; the beginning of its text where it is none of theirs."""
    error = answer.value.get("error") if isinstance(answer.value, dict) else None
    fields: dict[str, Any] = error if isinstance(error, dict) else {}
    code, message = fields.get("code"), fields.get("message")
    known = code if isinstance(code, str) and _CODE.fullmatch(code) else ""
    said = message if isinstance(message, str) else ""
    if not said and not known:
        said = answer.page if answer.status < 400 else answer.excerpt
    return Refusal(answer.status, known, printable(said, _MESSAGE_LENGTH), answer.asked_seconds)


class LambdaApi:
    """The calls. Each gives the answer with its status, or raises ``CallFailed``."""

    def __init__(self, door: JsonApi) -> None:
        self._door = door

    @property
    def origin(self) -> str:
        return self._door.origin

    async def close(self) -> None:
        await self._door.close()

    async def instance_types(self) -> ApiAnswer:
        return await self._door.call(TYPES)

    async def instances(self) -> ApiAnswer:
        """All of them: there are no pages."""
        return await self._door.call(LIST)

    async def instance(self, instance_id: str) -> ApiAnswer:
        return await self._door.call(READ, instance_id)

    async def audit_events(self) -> ApiAnswer:
        """The oldest ones."""
        return await self._door.call(AUDIT)

    async def file_systems(self) -> ApiAnswer:
        """All of them: there are no pages."""
        return await self._door.call(FILE_SYSTEMS)

    async def ssh_keys(self) -> ApiAnswer:
        return await self._door.call(KEYS)

    async def add_ssh_key(self, name: str, public_key: str) -> ApiAnswer:
        return await self._door.call(ADD_KEY, body={"name": name, "public_key": public_key})

    async def launch(self, order: Mapping[str, Any], secrets: Sequence[str]) -> ApiAnswer:
        """Sent once, whatever happens."""
        return await self._door.call(LAUNCH, body=dict(order), secrets=secrets)

    async def terminate(self, instance_id: str) -> ApiAnswer:
        """One at a time: of several, one that is unknown may hold up the others."""
        return await self._door.call(TERMINATE, body={"instance_ids": [instance_id]})
