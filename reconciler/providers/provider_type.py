"""What the registry knows of one type of provider: its truth table, and how it is opened.

The adapters that come with the program give one in their module ``opening``, other packages by an
entry point of the group ``gpu_shopper.providers`` (docs/providers/third-party.md).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.value import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from reconciler.clock import Clock
    from reconciler.providers.base import Provider, ProviderCapabilities


@dataclass(frozen=True, slots=True)
class Opening:
    """What an adapter is opened with. ``name`` is what the documents call this account.

    Keys and addresses come from ``environ`` alone, never from the process's own surroundings.
    """

    name: str
    environ: Mapping[str, str]
    clock: Clock


@dataclass(frozen=True, slots=True)
class ProviderType:
    """``open`` sends nothing yet, and does not fail where only the key is missing: it then gives
    a ``KeylessProvider``. It raises ``UsageRefused`` (64) for settings that cannot be used.
    """

    capabilities: ProviderCapabilities
    open: Callable[[Opening], Provider]
