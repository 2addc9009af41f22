"""Secrets cut out of what comes from outside: a provider may repeat what was sent to it (I10)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.parse import quote

from reconciler.model.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from reconciler.model.errors import ProviderError

REDACTED = "[redacted]"
_SECRET_LENGTH_MIN = 8
"""What is shorter stands in many a text by chance."""


def without_secrets(text: str, secrets: Iterable[str]) -> str:
    """``text`` with ``[redacted]`` for each secret, however it is spelled there."""
    for secret in secrets:
        if len(secret) >= _SECRET_LENGTH_MIN:
            for spelled in _spellings(secret):
                text = text.replace(spelled, REDACTED)
    return text


def cut_out(error: ProviderError, secrets: Iterable[str]) -> None:
    """The same of an error, in place: no adapter has to be trusted with that."""
    known = tuple(secrets)
    error.what, error.why = without_secrets(error.what, known), without_secrets(error.why, known)
    error.args = (error.what,)


def _spellings(secret: str) -> Iterator[str]:
    yield secret
    yield json.dumps(secret)[1:-1]
    yield json.dumps(secret, ensure_ascii=False)[1:-1]
    yield repr(secret)[1:-1]
    yield quote(secret, safe="")
    yield printable(secret, 2 * len(secret) * len("\\U00000000"))
