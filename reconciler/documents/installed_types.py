"""Which types of providers documents may name: ours, and those that installed packages bring."""

from __future__ import annotations

from reconciler.model.provider_types import PROVIDER_ENTRY_POINTS, PROVIDER_TYPES


def is_known_type(name: str) -> bool:
    """Looks at the installed packages only for a name that is none of ours; loads none of them."""
    if name in PROVIDER_TYPES:
        return True
    from importlib.metadata import entry_points

    return bool(entry_points(group=PROVIDER_ENTRY_POINTS, name=name))
