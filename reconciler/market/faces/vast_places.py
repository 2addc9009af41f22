"""Where machines stand, as Vast.ai writes it: ``Texas, US``."""

from __future__ import annotations


def geolocation(region: str, country: str | None) -> str | None:
    """``us-texas`` and ``US`` become ``Texas, US``; None where nothing is known."""
    first, _, rest = region.partition("-")
    inside = country is not None and first.upper() == country and bool(rest)
    place = (rest if inside else region).replace("-", " ").title()
    return f"{place}, {country}" if country else place or None
