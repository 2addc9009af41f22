"""What of an exchange may stand in a cassette: what is on a list, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from reconciler.documents.secret_guard import looks_secret

REQUEST_HEADERS = frozenset({"accept", "content-type"})
ANSWER_HEADERS = frozenset({"content-type", "retry-after"})
_STAND_INS: dict[str, Any] = {"public_ipaddr": "203.0.113.10", "credit": 25.0}
"""What is kept by its kind and not by its value."""


class Scrubber:
    """``fields``: the names of what may be kept of a body, at any depth."""

    def __init__(self, fields: Iterable[str]) -> None:
        self._fields = frozenset(fields)

    def request(self, request: Any) -> Any:
        """vcrpy's ``before_record_request``."""
        kept = {
            name: value
            for name, value in request.headers.items()
            if name.lower() in REQUEST_HEADERS
        }
        request.headers = kept
        return request

    def answer(self, answer: Any) -> Any:
        """vcrpy's ``before_record_response``."""
        headers = {
            name: value
            for name, value in answer["headers"].items()
            if name.lower() in ANSWER_HEADERS
        }
        body = answer["body"]["string"]
        text = body if isinstance(body, str) else bytes(body).decode("utf-8", "replace")
        return {**answer, "headers": headers, "body": {"string": self.body(text).encode()}}

    def body(self, text: str) -> str:
        """A body of JSON with what may be kept; any other kind is left out whole."""
        try:
            value = json.loads(text)
        except ValueError:
            return "(a body that is no JSON was left out)"
        kept = self._kept(value)
        if isinstance(kept, dict) and isinstance(value, dict) and "email" in value:
            kept["id"] = 1  # the account's own number
        return json.dumps(kept, sort_keys=True)

    def _kept(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {
                name: _STAND_INS[name] if name in _STAND_INS and one else self._kept(one)
                for name, one in value.items()
                if name in self._fields
            }
        if isinstance(value, list):
            return [self._kept(one) for one in value]
        return value


def secrets_in(text: str, secrets: Iterable[str]) -> list[str]:
    """What must not be there: one of ``secrets``, or whatever looks like one. Names, no values."""
    found = ["a key that was used" for secret in secrets if secret and secret in text]
    for number, line in enumerate(text.splitlines(), 1):
        if "authorization" in line.lower():
            found.append(f"line {number}: an authorization header")
        for word in line.replace('"', " ").replace(",", " ").split():
            if looks_secret("value", word) and not word.startswith("gs1-"):
                found.append(f"line {number}: something that looks like a key")
    return found
