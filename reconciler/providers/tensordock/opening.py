"""Opens the provider `tensordock` from the environment: its token, and where its API is."""

from __future__ import annotations

import hashlib
import random
from typing import TYPE_CHECKING

from reconciler.model.errors import CredentialsMissing, UsageRefused
from reconciler.providers.keyless import KeylessProvider
from reconciler.providers.provider_type import ProviderType
from reconciler.providers.tensordock.api import DEFAULT_URL, TensorDockApi
from reconciler.providers.tensordock.provider import CAPABILITIES, TensorDockProvider
from reconciler.transport.api_base import parse_api_base
from reconciler.transport.json_api import JsonApi

if TYPE_CHECKING:
    from reconciler.providers.base import Provider
    from reconciler.providers.provider_type import Opening

KEY_VARIABLES = ("TENSORDOCK_API_TOKEN", "TENSORDOCK_API_KEY")
URL_VARIABLE = "TENSORDOCK_API_URL"


def open_tensordock(opening: Opening) -> Provider:
    """Sends nothing yet. Raises ``UsageRefused`` (64) for an URL that cannot be used."""
    name, environ, clock = opening.name, opening.environ, opening.clock
    try:
        base = parse_api_base(environ.get(URL_VARIABLE) or DEFAULT_URL)
    except ValueError as error:
        raise UsageRefused(f"{URL_VARIABLE} cannot be used: {error}") from None
    try:
        key = opening.find_key(KEY_VARIABLES)
    except CredentialsMissing as error:
        return KeylessProvider(name, CAPABILITIES, error.what)
    turns = opening.shared_turns(base.origin, key)
    api = TensorDockApi(JsonApi(base, key.value, clock, random.random, turns=turns))
    account = account_of(key.value)
    return TensorDockProvider(name, api, clock, account, key_source=key.source)


PROVIDER_TYPE = ProviderType(CAPABILITIES, open_tensordock)


def account_of(key: str) -> str:
    """Nothing in their API names the organization, so the token stands for it: another token is
    another account, as far as anybody can tell. The token cannot be found from this.
    """
    return f"token-{hashlib.sha256(f'tensordock account of {key}'.encode()).hexdigest()[:12]}"
