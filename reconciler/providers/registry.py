"""Provider types by name, and how each is opened. The only module that knows concrete providers."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from reconciler.clock import Clock, SystemClock
from reconciler.model.errors import UsageRefused
from reconciler.model.value import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from reconciler.model.fleet import ProviderSettings
    from reconciler.providers.base import Provider

PROVIDER_TYPES = (
    "simulated",
    "lambda",
    "runpod",
    "vastai",
)
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


def open_providers(
    settings: Mapping[str, ProviderSettings],
    directory: Path,
    environ: Mapping[str, str] | None = None,
) -> OpenedProviders:
    """Open every entry. Paths in ``settings`` are relative to ``directory``.

    A workspace of ``simulated`` alone runs on the market's clock (SPEC.md section 5). A provider
    whose key cannot be used is opened all the same: each of its calls says so, and the others are
    served. Raises ``MarketError`` when a market file cannot be used, ``UsageRefused`` for an
    unknown type or a base URL that cannot be used.
    """
    opened: dict[str, Provider] = {}
    clock: Clock = SystemClock()
    for name, entry in sorted(settings.items()):
        if entry.type == "simulated":
            from reconciler.providers.simulated.provider import SimulatedProvider, open_market

            world = open_market(market_path(entry, directory))
            clock = world.clock()
            opened[name] = SimulatedProvider(name, world, clock, closes_world=True)
        elif entry.type == "lambda":
            from reconciler.providers.lambda_cloud.opening import open_lambda

            opened[name] = open_lambda(name, os.environ if environ is None else environ, clock)
        elif entry.type == "runpod":
            from reconciler.providers.runpod.opening import open_runpod

            opened[name] = open_runpod(name, os.environ if environ is None else environ, clock)
        elif entry.type == "vastai":
            from reconciler.providers.vastai.opening import open_vastai

            opened[name] = open_vastai(name, os.environ if environ is None else environ, clock)
        else:
            known = " or ".join(PROVIDER_TYPES)
            raise UsageRefused(f"there is no provider type {entry.type}", fix=f"use {known}")
    return OpenedProviders(opened, clock)


def market_path(entry: ProviderSettings, directory: Path) -> Path:
    """Where the simulated market of ``entry`` lives."""
    return directory / (entry.market or DEFAULT_MARKET)
