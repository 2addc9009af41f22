"""Where a node stands, as far as offers and records tell."""

from __future__ import annotations

HostKey = tuple[str, str]
"""Provider and physical host; an offer that names no host stands for one of its own."""


def host_of(provider: str, host: str | None, capacity_key: str) -> HostKey:
    """Where a node stands, as far as `placement: spread` can tell."""
    return (provider, f"host {host}" if host is not None else f"capacity {capacity_key}")
