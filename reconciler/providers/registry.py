"""Provider types by name, and how each is opened. The only module that knows concrete providers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.clock import Clock, SystemClock
from reconciler.model.errors import UsageRefused
from reconciler.model.value import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from reconciler.model.fleet import ProviderSettings
    from reconciler.providers.base import Provider

PROVIDER_TYPES = ("simulated",)
DEFAULT_MARKET = "state/simulated-market.sqlite"


@dataclass(frozen=True, slots=True)
class OpenedProviders:
    """Adapters by configured name, and the clock that the workspace runs on."""

    providers: Mapping[str, Provider]
    clock: Clock

    async def close(self) -> None:
        """Close every adapter; the clock of a simulated market stops with it."""
        for provider in self.providers.values():
            await provider.close()


def open_providers(settings: Mapping[str, ProviderSettings], directory: Path) -> OpenedProviders:
    """Open every entry. Paths in ``settings`` are relative to ``directory``.

    A workspace of ``simulated`` alone runs on the market's clock (SPEC.md section 5). Raises
    ``MarketError`` when a market file cannot be used, ``UsageRefused`` for an unknown type.
    """
    opened: dict[str, Provider] = {}
    clock: Clock = SystemClock()
    for name, entry in sorted(settings.items()):
        if entry.type != "simulated":
            raise UsageRefused(f"there is no provider type {entry.type}", fix="use simulated")
        from reconciler.providers.simulated.provider import SimulatedProvider, open_market

        world = open_market(market_path(entry, directory))
        clock = world.clock()
        opened[name] = SimulatedProvider(name, world, clock, closes_world=True)
    return OpenedProviders(opened, clock)


def market_path(entry: ProviderSettings, directory: Path) -> Path:
    """Where the simulated market of ``entry`` lives."""
    return directory / (entry.market or DEFAULT_MARKET)
