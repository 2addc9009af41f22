"""What of an exchange may stand in a cassette: what is on a list, and nothing else."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

from reconciler.documents.secret_guard import looks_secret

REQUEST_HEADERS = frozenset({"accept", "content-type"})
ANSWER_HEADERS = frozenset({"content-type", "retry-after"})
_STAND_INS: dict[str, Any] = {
    "public_ipaddr": "203.0.113.10",
    "ip": "203.0.113.10",
    "ipAddress": "203.0.113.10",
    "ip_address": "203.0.113.10",
    "credit": 25.0,
    "public_key": "ssh-ed25519 AAAA",
}
"""What is kept by its kind and not by its value."""


_HARMLESS = ("gs1-", "AAAAC3NzaC1lZDI1NTE5AAAAI")
"""Marks, and public keys of SSH."""


class Scrubber:
    """``fields``: the names of what may be kept of a body, at any depth; ``pattern``: those of
    names that the provider makes up. ``account``: in an object that has the first name, the second
    one gets the value, because it says whose account it was.
    """

    def __init__(
        self, fields: Iterable[str], pattern: str = "", account: tuple[str, str, Any] | None = None
    ) -> None:
        self._fields = frozenset(fields)
        self._pattern = re.compile(pattern or "(?!)")
        self._account = account

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
        return json.dumps(self._kept(value), sort_keys=True)

    def _kept(self, value: Any) -> Any:
        if isinstance(value, dict):
            kept = {
                name: _STAND_INS[name] if name in _STAND_INS and one else self._kept(one)
                for name, one in value.items()
                if name in self._fields or self._pattern.fullmatch(name)
            }
            if self._account is not None and self._account[0] in value:
                kept[self._account[1]] = self._account[2]
            return kept
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
            if looks_secret("value", word) and not word.startswith(_HARMLESS):
                found.append(f"line {number}: something that looks like a key")
    return found
