"""Opens the configured providers with the keys that the documents refer to."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from reconciler.documents.references import resolve_key
from reconciler.providers.registry import open_providers

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from reconciler.model.fleet import ProviderSettings
    from reconciler.providers.registry import OpenedProviders


def open_configured(settings: Mapping[str, ProviderSettings], directory: Path) -> OpenedProviders:
    """As ``open_providers``, in the surroundings of this process."""

    def resolve(reference: str) -> str:
        return resolve_key(reference, environ=os.environ, root=directory)

    return open_providers(settings, directory, os.environ, resolve)
