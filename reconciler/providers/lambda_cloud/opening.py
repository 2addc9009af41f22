"""Opens the provider `lambda` from the environment: its key, and where its API is."""

from __future__ import annotations

import random
import re
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.model.errors import CredentialsMissing, UsageRefused
from reconciler.providers.keyless import KeylessProvider
from reconciler.providers.lambda_cloud.api import DEFAULT_URL, LambdaApi
from reconciler.providers.lambda_cloud.provider import CAPABILITIES, LambdaProvider
from reconciler.providers.provider_type import ProviderType
from reconciler.transport.api_base import parse_api_base
from reconciler.transport.json_api import JsonApi

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.providers.base import Provider
    from reconciler.providers.provider_type import Opening

KEY_VARIABLES = ("LAMBDA_API_KEY",)
URL_VARIABLE = "LAMBDA_API_URL"
_KEY_LINE = re.compile(r"^[ \t]*api_key[ \t]*=[ \t]*(.*?)[ \t]*$", re.MULTILINE)


def open_lambda(opening: Opening) -> Provider:
    """Sends nothing yet. Raises ``UsageRefused`` (64) for an URL that cannot be used."""
    name, environ, clock = opening.name, opening.environ, opening.clock
    try:
        base = parse_api_base(environ.get(URL_VARIABLE) or DEFAULT_URL)
    except ValueError as error:
        raise UsageRefused(f"{URL_VARIABLE} cannot be used: {error}") from None
    try:
        key = opening.find_key(KEY_VARIABLES, _own_files(environ), key_in=_key_in)
    except CredentialsMissing as error:
        return KeylessProvider(name, CAPABILITIES, error.what)
    turns = opening.shared_turns(base.origin, key)
    door = JsonApi(base, key.value, clock, random.random, turns=turns)
    return LambdaProvider(name, LambdaApi(door), clock, key_source=key.source)


PROVIDER_TYPE = ProviderType(CAPABILITIES, open_lambda)


def _own_files(environ: Mapping[str, str]) -> list[Path]:
    """Where other tools for Lambda keep the key."""
    home = environ.get("HOME", "")
    return [Path(home) / ".lambda_cloud" / "lambda_keys"] if home else []


def _key_in(text: str) -> str:
    """The value of the line ``api_key = ...`` of that file; "" where there is none."""
    found = _KEY_LINE.search(text)
    return found[1] if found else ""
