"""TensorDock's endpoints (version 2): which calls there are, how often, what their errors say.

Figures: a hundred calls a minute for an organization, and the vendor's wish for one a second.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from reconciler.model.text import printable
from reconciler.model.value import dataclass
from reconciler.providers.base import CallPace
from reconciler.transport.json_api import ApiAnswer, CallFailed, Endpoint, JsonApi
from reconciler.transport.pacing import Pace
from reconciler.transport.retrying import NEVER_AGAIN, Patience

__all__ = ["ApiAnswer", "CallFailed", "Refusal", "TensorDockApi", "refusal_of"]

DEFAULT_URL = "https://dashboard.tensordock.com/api/v2"
# Answers of 30 to 60 seconds are reported often.
CREATE_DEADLINE_SECONDS = 90.0
CALL_DEADLINE_SECONDS = 60.0
_ALL_CALLS = Pace(1, 1.0)
_AT_WILL = Pace(1, 0.0)
_PATIENCE = Patience(tries=4, base_seconds=2.0, least_seconds=1.0)


def _endpoint(method: str, path: str) -> Endpoint:
    return Endpoint(
        method,
        path,
        _AT_WILL,
        _PATIENCE,
        deadline_seconds=CALL_DEADLINE_SECONDS,
        shared=_ALL_CALLS,
    )


HOSTS = _endpoint("GET", "/hostnodes")
SECRETS = _endpoint("GET", "/secrets")
LIST = _endpoint("GET", "/instances")
READ = _endpoint("GET", "/instances/{}")
DELETE = _endpoint("DELETE", "/instances/{}")
CREATE = Endpoint(
    "POST",
    "/instances",
    _AT_WILL,
    NEVER_AGAIN,
    deadline_seconds=CREATE_DEADLINE_SECONDS,
    shared=_ALL_CALLS,
)

PACES = (CallPace("all together", _ALL_CALLS.calls, _ALL_CALLS.seconds),)
"""For the truth table."""

_MESSAGE_LENGTH = 160
_AUTH = re.compile(r"invalid api credentials|access denied|unauthori[sz]ed", re.IGNORECASE)
_GONE = re.compile(r"instance not found\.?", re.IGNORECASE)
_TOO_OFTEN = re.compile(r"rate limit exceeded", re.IGNORECASE)
_NO_CAPACITY = re.compile(
    r"no available nodes|insufficient capacity|out of stock|resource unavailable"
    r"|no available public ips|hostnode unavailable",
    re.IGNORECASE,
)
# "Load balancer timed out" speaks of no credit, and may have made a machine.
_NO_CREDIT = re.compile(
    r"need at least|\bbalance\b|insufficient (?:funds|credits?|balance)", re.IGNORECASE
)
_INVALID = re.compile(
    r"must be forwarded|exactly one of|storage must be|\bssh_key(?:_id)?\b.{0,20} (?:is )?required"
    r"|invalid (?:image|location|hostnode)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Refusal:
    """What an error answer says. They have no codes: known texts decide, in answers of theirs.

    ``status``: of the body where the answer itself is a 200, which is usual. ``is_error`` is False
    for an answer that holds no error of theirs at all. ``is_validation``: a list of what is wrong
    with the request.
    """

    http_status: int
    status: int
    text: str
    is_error: bool
    is_validation: bool = False
    asked_seconds: float | None = None

    @property
    def is_about_the_key(self) -> bool:
        return self.http_status == 401 or (self.is_error and bool(_AUTH.search(self.text)))

    @property
    def denies_the_machine(self) -> bool:
        return self.is_error and self.status == 404 and bool(_GONE.fullmatch(self.text.strip()))

    @property
    def is_about_pace(self) -> bool:
        return self.http_status == 429 or (self.is_error and bool(_TOO_OFTEN.search(self.text)))

    @property
    def is_no_capacity(self) -> bool:
        return self.is_error and bool(_NO_CAPACITY.search(self.text))

    @property
    def made_nothing(self) -> bool:
        """Words of theirs that surely refuse an order, beside those about capacity."""
        known = any(one.search(self.text) for one in (_NO_CREDIT, _INVALID, _TOO_OFTEN))
        return self.is_validation or (self.is_error and known)

    def __str__(self) -> str:
        return f"{self.status} ({self.text})" if self.text else str(self.status)


def refusal_of(answer: ApiAnswer) -> Refusal:
    """The error in ``answer``, in one of its four forms; else the beginning of its text."""
    value, status = answer.value, answer.status
    text, validation = _said(value)
    if isinstance(value, dict) and status == 200 and text is not None:
        inside = value.get("status")
        if isinstance(inside, int) and not isinstance(inside, bool):
            status = inside
    beginning = answer.page if answer.status < 400 else answer.excerpt
    shown = beginning if text is None else text
    return Refusal(
        answer.status,
        status,
        printable(shown, _MESSAGE_LENGTH),
        text is not None,
        validation,
        answer.asked_seconds,
    )


def _said(value: object) -> tuple[str | None, bool]:
    """The text of an error and whether it is about the request's form; None: it is no error."""
    match value:
        case {"error": str(text)}:
            return text, False
        case {"errors": [{"detail": str(text)}, *_]} | {"errors": [{"title": str(text)}, *_]}:
            return text, False
        case [{"code": str(code), "message": str(text)}, *_]:
            return f"{code}: {text}", True
        case {"error": found} | {"errors": found} if found:
            return "", False
    return None, False


class TensorDockApi:
    """The calls. Each gives the answer with its status, or raises ``CallFailed``."""

    def __init__(self, door: JsonApi) -> None:
        self._door = door

    @property
    def origin(self) -> str:
        return self._door.origin

    async def close(self) -> None:
        await self._door.close()

    async def hosts(self) -> ApiAnswer:
        """What is free on which host: the list by place shows what is not there."""
        return await self._door.call(HOSTS)

    async def secrets(self) -> ApiAnswer:
        return await self._door.call(SECRETS)

    async def instances(self) -> ApiAnswer:
        """All of them: there are no pages."""
        return await self._door.call(LIST)

    async def instance(self, instance_id: str) -> ApiAnswer:
        return await self._door.call(READ, instance_id)

    async def create(self, order: Mapping[str, Any], secrets: Sequence[str]) -> ApiAnswer:
        """Sent once, whatever happens."""
        return await self._door.call(CREATE, body=dict(order), secrets=secrets)

    async def delete(self, instance_id: str) -> ApiAnswer:
        return await self._door.call(DELETE, instance_id)
