"""Where a provider's API is: https anywhere, http only to this machine (SPEC.md section 12, 14)."""

from __future__ import annotations

from urllib.parse import quote

from reconciler.model.value import dataclass
from reconciler.model.webhook_url import parse_webhook_url


@dataclass(frozen=True, slots=True)
class ApiBase:
    """``origin`` may be shown; ``prefix`` is the path before every path, without its last slash."""

    origin: str
    prefix: str


def parse_api_base(text: str) -> ApiBase:
    """Raises ValueError with a reason that repeats nothing of ``text``."""
    try:
        url = parse_webhook_url(text)
    except ValueError:
        raise ValueError(
            "it must be https://HOST, or http://127.0.0.1:PORT for a server on this machine"
        ) from None
    if "?" in url.target:
        raise ValueError("it must not hold a query")
    return ApiBase(url.origin, url.target.rstrip("/"))


def path_segment(text: str) -> str:
    """``text`` as exactly one segment of a path, whatever it holds (C7.17).

    Raises ValueError for what no percent-encoding keeps from being a step up or nothing at all.
    """
    if text in ("", ".", ".."):
        raise ValueError("an id must not be empty or dots")
    return quote(text, safe="", errors="backslashreplace")
