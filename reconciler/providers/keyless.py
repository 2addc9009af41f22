"""A configured provider whose key cannot be used: every call says so, and nothing is sent.

The other providers are served meanwhile, and what this one is known to run is still listed from
the state (SPEC.md section 12, 4).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.errors import AuthenticationFailed
from reconciler.providers.base import Provider, ProviderCapabilities

if TYPE_CHECKING:
    from decimal import Decimal

    from reconciler.model.instance import Instance
    from reconciler.model.observation import Complete, Partial
    from reconciler.model.offer import OfferListing
    from reconciler.model.volume import Volume
    from reconciler.providers.base import Created, CreateRequest, OfferQuery


class KeylessProvider(Provider):
    """Raises ``AuthenticationFailed`` (77) from every call; ``why`` holds no value of a key."""

    def __init__(self, name: str, capabilities: ProviderCapabilities, why: str) -> None:
        self.name = name
        self.capabilities = capabilities
        self._why = why

    def _refusal(self) -> AuthenticationFailed:
        return AuthenticationFailed(self.name, self._why)

    async def list_offers(self, query: OfferQuery) -> OfferListing:
        raise self._refusal()

    async def list_instances(self) -> Complete | Partial:
        raise self._refusal()

    async def get_instance(self, instance_id: str) -> Instance:
        raise self._refusal()

    async def create_instance(self, request: CreateRequest) -> Created:
        raise self._refusal()

    async def destroy_instance(self, instance_id: str) -> None:
        raise self._refusal()

    async def balance(self) -> Decimal | None:
        raise self._refusal()

    async def list_volumes(self) -> tuple[Volume, ...]:
        raise self._refusal()
