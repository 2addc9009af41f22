"""Vast.ai's endpoints: which calls there are, how often, and what their errors say.

Figures: the published rate limits (seconds between two calls of one endpoint by one address), each
with a little more, because an interval that is kept here may arrive shortened there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from reconciler.model.text import printable
from reconciler.model.value import dataclass
from reconciler.providers.base import CallPace
from reconciler.transport.json_api import ApiAnswer, CallFailed, Endpoint, JsonApi
from reconciler.transport.pace import Pace
from reconciler.transport.retrying import NEVER_AGAIN, Patience

__all__ = ["ApiAnswer", "CallFailed", "Refusal", "VastApi", "refusal_of"]

DEFAULT_URL = "https://console.vast.ai"
INSTANCES_PER_PAGE = 25
CREATE_DEADLINE_SECONDS = 90.0

SEARCH = Endpoint(
    "POST",
    "/api/v0/bundles/",
    # 10 requests a minute
    Pace(10, 62.0),
    Patience(tries=8, base_seconds=4.0, least_seconds=6.5),
)
CURRENT_USER = Endpoint("GET", "/api/v0/users/current/", Pace(1, 1.0))
LIST = Endpoint("GET", "/api/v1/instances/", Pace(1, 1.1), Patience(tries=5, least_seconds=1.1))
READ = Endpoint("GET", "/api/v0/instances/{}/", Pace(1, 2.2), Patience(tries=4, least_seconds=2.2))
VOLUMES = Endpoint("GET", "/api/v0/volumes/", Pace(1, 6.0), Patience(tries=3, least_seconds=6.0))
CREATE = Endpoint(
    "PUT", "/api/v0/asks/{}/", Pace(1, 5.0), NEVER_AGAIN, deadline_seconds=CREATE_DEADLINE_SECONDS
)
DESTROY = Endpoint(
    "DELETE", "/api/v0/instances/{}/", Pace(1, 3.3), Patience(tries=5, least_seconds=3.3)
)
PACES = tuple(
    CallPace(what, endpoint.pace.calls, endpoint.pace.seconds)
    for what, endpoint in {
        "search": SEARCH,
        "account": CURRENT_USER,
        "list": LIST,
        "read": READ,
        "volumes": VOLUMES,
        "create": CREATE,
        "destroy": DESTROY,
    }.items()
)
"""For the truth table."""

_WORDS = re.compile(r"[a-z][a-z0-9_]{0,60}")
_AUTH = re.compile(
    r"invalid user key|requires login|session expired|please log in again", re.IGNORECASE
)
_TOO_OFTEN = re.compile(r"requests too frequent|too many requests", re.IGNORECASE)
_MESSAGE_LENGTH = 160


@dataclass(frozen=True, slots=True)
class Refusal:
    """What an error answer says. ``code`` is their word, "" where there is none; both printable."""

    status: int
    code: str
    message: str
    asked_seconds: float | None = None

    @property
    def is_about_the_key(self) -> bool:
        """Their 404 for an unknown key is not a 404 for a machine."""
        if self.code == "auth_error" or _AUTH.search(self.message):
            return True
        return self.status == 401 or (self.status == 403 and self.code in ("", "forbidden"))

    @property
    def is_about_pace(self) -> bool:
        """One of their five ways to say "too often"."""
        return self.code == "rate_limit_exceeded" or bool(_TOO_OFTEN.search(self.message))

    @property
    def is_quota(self) -> bool:
        """The day's searches are used up: no pause helps."""
        return self.code == "search_quota_exceeded"

    @property
    def is_pace_or_quota(self) -> bool:
        return self.status == 429 or self.is_about_pace or self.is_quota

    def __str__(self) -> str:
        said = f"{self.code}: {self.message}" if self.code else self.message
        return f"{self.status} ({said})" if said else str(self.status)


def refusal_of(answer: ApiAnswer) -> Refusal:
    """The error in ``answer``: `error`, `msg`, `message`, `detail`, else the text itself."""
    value = answer.value if isinstance(answer.value, dict) else {}
    code = value.get("error")
    known = code if isinstance(code, str) and _WORDS.fullmatch(code) else ""
    texts = [value.get(name) for name in ("msg", "message", "detail")]
    if not known:
        texts.insert(0, code)
    said = next((text for text in texts if isinstance(text, str) and text), "")
    if not said and not known:
        said = answer.page if answer.status < 400 else answer.excerpt
    return Refusal(answer.status, known, printable(said, _MESSAGE_LENGTH), answer.asked_seconds)


def _again(answer: ApiAnswer) -> bool:
    if answer.status == 429:
        return not refusal_of(answer).is_quota
    return answer.status in (500, 502, 503, 504)


class VastApi:
    """The calls. Each gives the answer with its status, or raises ``CallFailed``."""

    def __init__(self, door: JsonApi) -> None:
        self._door = door

    @property
    def origin(self) -> str:
        return self._door.origin

    async def close(self) -> None:
        await self._door.close()

    async def search(self, query: Mapping[str, Any]) -> ApiAnswer:
        return await self._door.call(SEARCH, body=dict(query), again=_again)

    async def current_user(self) -> ApiAnswer:
        return await self._door.call(CURRENT_USER, again=_again)

    async def instances(self, after_token: str | None) -> ApiAnswer:
        """One page, by id."""
        query = {
            "limit": str(INSTANCES_PER_PAGE),
            "order_by": json.dumps([{"col": "id", "dir": "asc"}]),
        }
        if after_token is not None:
            query["after_token"] = after_token
        return await self._door.call(LIST, query=query, again=_again)

    async def instance(self, instance_id: str) -> ApiAnswer:
        return await self._door.call(READ, instance_id, again=_again)

    async def volumes(self) -> ApiAnswer:
        return await self._door.call(VOLUMES, again=_again)

    async def create(
        self, ask_id: str, order: Mapping[str, Any], secrets: Sequence[str]
    ) -> ApiAnswer:
        """Sent once, whatever happens."""
        return await self._door.call(CREATE, ask_id, body=dict(order), secrets=secrets)

    async def destroy(self, instance_id: str) -> ApiAnswer:
        return await self._door.call(DESTROY, instance_id, body={}, again=_again)
