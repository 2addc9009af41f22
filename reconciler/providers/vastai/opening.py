"""Opens the provider `vastai` from the environment: its key, and where its API is."""

from __future__ import annotations

import random
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.model.errors import CredentialsMissing, UsageRefused
from reconciler.providers.keyless import KeylessProvider
from reconciler.providers.provider_type import ProviderType
from reconciler.providers.vastai.api import DEFAULT_URL, VastApi
from reconciler.providers.vastai.provider import CAPABILITIES, VastProvider
from reconciler.transport.api_base import parse_api_base
from reconciler.transport.json_api import JsonApi

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.providers.base import Provider
    from reconciler.providers.provider_type import Opening

KEY_VARIABLES = ("VAST_API_KEY", "VASTAI_API_KEY")
URL_VARIABLE = "VAST_URL"


def open_vastai(opening: Opening) -> Provider:
    """Sends nothing yet. Raises ``UsageRefused`` (64) for a ``VAST_URL`` that cannot be used."""
    name, environ, clock = opening.name, opening.environ, opening.clock
    try:
        base = parse_api_base(environ.get(URL_VARIABLE) or DEFAULT_URL)
    except ValueError as error:
        raise UsageRefused(f"{URL_VARIABLE} cannot be used: {error}") from None
    try:
        key = opening.find_key(KEY_VARIABLES, _own_files(environ))
    except CredentialsMissing as error:
        return KeylessProvider(name, CAPABILITIES, error.what)
    turns = opening.shared_turns(base.origin, key)
    api = VastApi(JsonApi(base, key.value, clock, random.random, turns=turns))
    return VastProvider(name, api, clock, key_source=key.source)


PROVIDER_TYPE = ProviderType(CAPABILITIES, open_vastai)


def _own_files(environ: Mapping[str, str]) -> list[Path]:
    """Where the vendor's own command keeps the key: the new place, then the old one."""
    home = environ.get("HOME", "")
    config = environ.get("XDG_CONFIG_HOME") or (f"{home}/.config" if home else "")
    files = [Path(config) / "vastai" / "vast_api_key"] if config else []
    return [*files, Path(home) / ".vast_api_key"] if home else files
