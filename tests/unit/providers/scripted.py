"""A provider's server that says what it is told."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import httpx

Said = tuple[int, Any]


class Script(httpx.AsyncBaseTransport):
    """Says what it is told, the last thing for ever. ``always``: answers by path, never counted."""

    def __init__(self, *said: Said, always: Mapping[str, Any] | None = None) -> None:
        self.said = list(said)
        self.always = dict(always or {})
        self.asked: list[httpx.Request] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.method == "GET" and request.url.path in self.always:
            return _response(200, self.always[request.url.path])
        self.asked.append(request)
        status, body = self.said[min(len(self.asked), len(self.said)) - 1]
        return _response(status, body)


def _response(status: int, body: Any) -> httpx.Response:
    text = body if isinstance(body, str) else json.dumps(body)
    return httpx.Response(status, stream=httpx.ByteStream(text.encode(errors="replace")))
