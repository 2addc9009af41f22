"""Provider types by name, and how each is opened. The only module that knows concrete providers."""

from __future__ import annotations

import os
from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING

from reconciler.clock import Clock, SystemClock
from reconciler.model.errors import CredentialsMissing, UsageRefused
from reconciler.model.provider_types import PROVIDER_ENTRY_POINTS, PROVIDER_TYPES, SIMULATED
from reconciler.model.text import printable
from reconciler.model.value import dataclass
from reconciler.providers.credentials import checked_key
from reconciler.providers.provider_type import Opening, ProviderType

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from reconciler.model.fleet import ProviderSettings
    from reconciler.providers.base import Provider, ProviderCapabilities
    from reconciler.providers.credentials import FoundKey

    ResolveKey = Callable[[str], str]

URL_VARIABLES = {
    "vastai": ("VAST_URL",),
    "runpod": ("RUNPOD_API_URL", "RUNPOD_GRAPHQL_URL"),
    "lambda": ("LAMBDA_API_URL",),
    "tensordock": ("TENSORDOCK_API_URL",),
}
"""Where each type's API is, for a rehearsal."""
DEFAULT_MARKET = "state/simulated-market.sqlite"
_FOLDERS = {
    "lambda": "lambda_cloud",
    "runpod": "runpod",
    "tensordock": "tensordock",
    "vastai": "vastai",
}
"""Where each type's adapter lies; its module ``opening`` holds ``PROVIDER_TYPE``."""


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
    resolve: ResolveKey | None = None,
) -> OpenedProviders:
    """Open every entry. Paths in ``settings`` are relative to ``directory``.

    ``resolve`` reads what an entry's ``key`` refers to, or raises ``CredentialsMissing``.

    A workspace of ``simulated`` alone runs on the market's clock (SPEC.md section 5). A provider
    whose key cannot be used is opened all the same: each of its calls says so, and the others are
    served. Raises ``MarketError`` when a market file cannot be used, ``UsageRefused`` for an
    unknown type or a base URL that cannot be used.
    """
    opened: dict[str, Provider] = {}
    clock: Clock = SystemClock()
    surroundings = os.environ if environ is None else environ
    for name, entry in sorted(settings.items()):
        if entry.type == SIMULATED:
            from reconciler.providers.simulated.provider import SimulatedProvider, open_market

            world = open_market(market_path(entry, directory))
            clock = world.clock()
            opened[name] = SimulatedProvider(name, world, clock, closes_world=True)
        else:
            opening = Opening(name, surroundings, clock, _key_reference(entry, resolve))
            opened[name] = provider_type(entry.type).open(opening)
            _mark_rehearsal(opened[name], entry.type, surroundings)
    return OpenedProviders(opened, clock)


def _mark_rehearsal(provider: Provider, kind: str, environ: Mapping[str, str]) -> None:
    """Plain http is taken for a server on this machine alone (``parse_api_base``)."""
    urls = (environ.get(variable, "") for variable in URL_VARIABLES.get(kind, ()))
    if any(url.startswith("http:") for url in urls):
        provider.capabilities = replace(provider.capabilities, rehearsal=True)


def _key_reference(
    entry: ProviderSettings, resolve: ResolveKey | None
) -> Callable[[], FoundKey] | None:
    reference = entry.key
    if reference is None:
        return None

    def found() -> FoundKey:
        if resolve is None:
            raise CredentialsMissing(f"{printable(reference)} cannot be resolved here")
        return checked_key(resolve(reference), printable(reference))

    return found


def capabilities_of(name: str) -> ProviderCapabilities:
    """The truth table of a type; of ``simulated`` that of a market with the default settings."""
    if name == SIMULATED:
        from reconciler.providers.simulated.provider import DEFAULT_CAPABILITIES

        return DEFAULT_CAPABILITIES
    return provider_type(name).capabilities


def known_types() -> tuple[str, ...]:
    """Every type that can be configured: ours, then those of installed packages, by name."""
    from importlib.metadata import entry_points

    found = entry_points(group=PROVIDER_ENTRY_POINTS).names
    return (*PROVIDER_TYPES, *sorted(found - set(PROVIDER_TYPES)))


def provider_type(name: str) -> ProviderType:
    """One of ours, else what an installed package brings: ours cannot be replaced.

    Raises ``UsageRefused`` (64) where there is none of that name, or it cannot be loaded.
    """
    folder = _FOLDERS.get(name)
    if folder is not None:
        ours = import_module(f"reconciler.providers.{folder}.opening").PROVIDER_TYPE
        assert isinstance(ours, ProviderType)
        return ours
    return _from_package(name)


def _from_package(name: str) -> ProviderType:
    from importlib.metadata import entry_points

    points = tuple(entry_points(group=PROVIDER_ENTRY_POINTS, name=name))
    shown = printable(name, 60)
    if not points:
        known = " or ".join(known_types())
        fix = f"use {known}, or install the package that brings {shown}"
        raise UsageRefused(f"there is no provider type {shown}", fix=fix)
    if len({point.value for point in points}) > 1:
        packages = " and ".join(sorted(_package_of(point) for point in points))
        raise UsageRefused(
            f"several packages bring the provider type {shown}: {packages}",
            fix="uninstall all but one",
        )
    try:
        found = points[0].load()
    except Exception as error:  # a package of somebody else: whatever happens there is theirs
        raise UsageRefused(
            f"the provider type {shown} cannot be loaded",
            why=f"{_package_of(points[0])} fails with {type(error).__name__}",
            fix="mend or uninstall that package",
        ) from error
    if not isinstance(found, ProviderType):
        raise UsageRefused(
            f"the provider type {shown} cannot be used",
            why=f"{_package_of(points[0])} gives no ProviderType",
            fix="mend or uninstall that package",
        )
    return found


def _package_of(point: object) -> str:
    distribution = getattr(point, "dist", None)
    return printable(getattr(distribution, "name", "") or "a package", 60)


def market_path(entry: ProviderSettings, directory: Path) -> Path:
    """Where the simulated market of ``entry`` lives."""
    return directory / (entry.market or DEFAULT_MARKET)
