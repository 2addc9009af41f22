"""What the operators of the simulated deployment write, and rewrite."""

from __future__ import annotations

from functools import cache

from reconciler.documents.loader import load_text
from reconciler.model.fleet import DesiredState

_PROVIDERS = """
  alpha: {type: simulated, market: markets/alpha.sqlite}
  beta: {type: simulated, market: markets/beta.sqlite}
"""
_GAMMA = "  gamma: {type: simulated, market: markets/gamma.sqlite}\n"
_HEAD = "version: 1\nworkspace: demo\nproviders:" + _PROVIDERS
_FLEETS = _HEAD + _GAMMA + "fleets:\n"


def _fleet(name: str, *lines: str, gpu: str = "{gpu: RTX4090}") -> str:
    return f"  {name}:\n    resources: {gpu}\n" + "".join(f"    {line}\n" for line in lines)


_DEV = _fleet("dev", "ttl: 1h")
_WALL = (
    "budgets:\n  all: {{match: {{}}, limit_usd: {}, period: {}, on_exceed: [notify, freeze, {}]}}\n"
    "fleets:\n"
)


def _two(*lab: str) -> str:
    """Two fleets, the second as it is said."""
    return _fleet("dev", "ttl: 2h", "nodes: 2") + _fleet("lab", "ttl: 90m", *lab)


def _in_hours(window: str) -> tuple[str, str]:
    """Every day; a run begins at noon in UTC."""
    return (
        f"active: {{hours: Mon-Sun {window}, timezone: UTC}}",
        "expires_at: 2026-12-31T00:00:00Z",
    )


DOCUMENTS = (
    _FLEETS + _DEV,
    _FLEETS + _fleet("dev", "ttl: 2h", "nodes: 3", "placement: spread"),
    _FLEETS + _fleet("dev", "ttl: 20m", "nodes: 2"),
    _FLEETS + _fleet("dev", "ttl: 1h", gpu="{gpu: RTX4090, disk: 200GB}"),
    _FLEETS + _fleet("dev", "ttl: 1h", "image: x", "lifecycle: {create_before_destroy: true}"),
    _FLEETS + _DEV + _fleet("lab", "ttl: 90m", "nodes: 2", "providers: [beta]", "grace: 2m"),
    _FLEETS + _DEV + _fleet("gang", "ttl: 40m", "nodes: 3", "gang: true", "providers: [gamma]"),
    _FLEETS + _fleet("dev", "ttl: 2h", "nodes: 6", "grace: 1m"),
    _FLEETS + _fleet("renamed", "ttl: 1h", "nodes: 2"),
    _HEAD + "fleets:\n" + _DEV,  # a provider's block is gone
    _FLEETS[:-1] + " {}\n",
    "",  # truncated by a checkout: nothing can be read
    _HEAD
    + _GAMMA
    + _WALL.format("3", "total", "destroy")
    + _two("nodes: 3", "budget: {max_total_usd: 1}"),
    _HEAD + _GAMMA + _WALL.format("1.2", "day", "destroy") + _two("nodes: 2"),
    _HEAD + _GAMMA + _WALL.format("2", "hour", "shrink, destroy") + _two("nodes: 4", "weight: 50"),
    _FLEETS
    + _fleet("dev", "ttl: 3h", "nodes: 2", "budget: {max_total_usd: 0.9, max_hourly_usd: 2}"),
    _FLEETS + _fleet("dev", *_in_hours("12:03-12:18"), "nodes: 2"),
    _FLEETS + _DEV + _fleet("lab", *_in_hours("12:10-13:05"), "nodes: 2", "grace: 1m"),
    _FLEETS + _fleet("dev", "ttl: 1h", "nodes: 2", 'env: {TOKEN: "${env:SIM_TOKEN}"}'),
)
SLIPS = {
    DOCUMENTS[8]: {"C14.2"},  # a fleet has another name
    DOCUMENTS[9]: {"C4.12", "C14.4"},
    DOCUMENTS[10]: {"C14.3"},  # from many to none
    DOCUMENTS[11]: {"C14.1"},
}
"""What operators do wrong without a fault anywhere, by their documents."""
FINAL = _FLEETS + _fleet("dev", "ttl: 6h", "nodes: 2") + _fleet("lab", "ttl: 6h")
SOAKED = (
    _HEAD
    + _GAMMA
    + _WALL.format("40", "day", "destroy")
    + _fleet("dev", "ttl: 8h", "nodes: 3", "placement: spread")
    + _fleet("lab", "ttl: 3h", "nodes: 2", "budget: {max_hourly_usd: 3}")
    + _fleet("gang", "ttl: 5h", "nodes: 2", "gang: true")
)
FINAL_SLOTS = {("dev", 0), ("dev", 1), ("lab", 0)}
READABLE = tuple(number for number, text in enumerate(DOCUMENTS) if text)


def named(text: str, workspace: str) -> str:
    """The same documents for another workspace."""
    if workspace == "demo":
        return text
    return text.replace("workspace: demo", f"workspace: {workspace}")


@cache
def desired(text: str) -> DesiredState | None:
    """None for documents that cannot be read."""
    return load_text("fleets.yaml", text.encode()) if text else None
