"""One request to a face and its answer, whatever carries them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import field
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from reconciler.model.value import dataclass


@dataclass(frozen=True, slots=True)
class FaceRequest:
    """``segments`` of the path, decoded one by one; header names in small letters."""

    method: str
    segments: tuple[str, ...]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    @classmethod
    def of(cls, method: str, target: str, headers: Mapping[str, str], body: bytes) -> FaceRequest:
        """``target`` is the path and the query as they stand in the request."""
        parts = urlsplit(target)
        segments = tuple(unquote(one) for one in parts.path.strip("/").split("/"))
        lowered = {name.lower(): value for name, value in headers.items()}
        return cls(method, segments, dict(parse_qsl(parts.query)), lowered, body)


@dataclass(frozen=True, slots=True)
class FaceAnswer:
    """``after``: how long the answer takes, once the request has had its effect."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    after: timedelta = timedelta(0)


def as_json(status: int, value: Any, **headers: str) -> FaceAnswer:
    """NaN is written as such: a face must be able to lie the way servers do."""
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    body = json.dumps(value).encode()
    return FaceAnswer(status, body, {"Content-Type": "application/json", **named})


def as_text(status: int, text: str, content_type: str = "text/plain") -> FaceAnswer:
    return FaceAnswer(status, text.encode(), {"Content-Type": content_type})


_HTML = "<html><head><title>Just a moment...</title></head><body>Checking</body></html>"


def unreadable(turn: int, done: FaceAnswer | None) -> FaceAnswer:
    """A page of HTML with 200, or an answer cut in the middle, in turn."""
    if turn % 2 or done is None:
        return as_text(200, _HTML, "text/html")
    return FaceAnswer(200, done.body[: len(done.body) * 2 // 3], done.headers)
