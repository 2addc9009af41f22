"""Opens the provider `runpod` from the environment: its key, and where its two APIs are."""

from __future__ import annotations

import random
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.model.errors import CredentialsMissing, UsageRefused
from reconciler.providers.keyless import KeylessProvider
from reconciler.providers.provider_type import ProviderType
from reconciler.providers.runpod.api import DEFAULT_URL, GRAPHQL_PATH, RunpodApi
from reconciler.providers.runpod.provider import CAPABILITIES, RunpodProvider
from reconciler.transport.api_base import ApiBase, parse_api_base
from reconciler.transport.json_api import JsonApi

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.providers.base import Provider
    from reconciler.providers.provider_type import Opening

KEY_VARIABLES = ("RUNPOD_API_KEY",)
URL_VARIABLE = "RUNPOD_API_URL"
GRAPHQL_URL_VARIABLE = "RUNPOD_GRAPHQL_URL"


def open_runpod(opening: Opening) -> Provider:
    """Sends nothing yet. Raises ``UsageRefused`` (64) for an address that cannot be used.

    The key goes to both addresses: one that is given for REST moves GraphQL along with it.
    """
    name, environ, clock = opening.name, opening.environ, opening.clock
    rest, graph = environ.get(URL_VARIABLE), environ.get(GRAPHQL_URL_VARIABLE)
    if graph and not rest:
        raise UsageRefused(f"{GRAPHQL_URL_VARIABLE} is set and {URL_VARIABLE} is not: set both")
    rest = rest or DEFAULT_URL
    bases = (
        _base(URL_VARIABLE, rest),
        _base(GRAPHQL_URL_VARIABLE, graph or f"{rest.rstrip('/')}{GRAPHQL_PATH}"),
    )
    try:
        key = opening.find_key(KEY_VARIABLES, _own_files(environ), key_in=_key_in_toml)
    except CredentialsMissing as error:
        return KeylessProvider(name, CAPABILITIES, error.what)
    turns = opening.shared_turns(bases[0].origin, key)
    doors = (JsonApi(base, key.value, clock, random.random, turns=turns) for base in bases)
    return RunpodProvider(name, RunpodApi(*doors), clock, key_source=key.source)


PROVIDER_TYPE = ProviderType(CAPABILITIES, open_runpod)


def _base(variable: str, text: str) -> ApiBase:
    try:
        return parse_api_base(text)
    except ValueError as error:
        raise UsageRefused(f"{variable} cannot be used: {error}") from None


def _own_files(environ: Mapping[str, str]) -> list[Path]:
    """Where the vendor's own commands keep the key."""
    home = environ.get("HOME", "")
    return [Path(home) / ".runpod" / "config.toml"] if home else []


def _key_in_toml(text: str) -> str:
    """``apiKey = "..."`` of one of their commands, ``[default] api_key = "..."`` of the other.

    "" where there is neither: that file holds no key.
    """
    import tomllib

    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return ""
    flat = {name.lower(): value for name, value in values.items()}
    inner = flat.get("default")
    nested = inner.get("api_key") if isinstance(inner, dict) else None
    found = flat.get("apikey", nested)
    return found if isinstance(found, str) else ""
