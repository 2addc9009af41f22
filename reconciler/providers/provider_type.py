"""What the registry knows of one type of provider: its truth table, and how it is opened.

The adapters that come with the program give one in their module ``opening``, other packages by an
entry point of the group ``gpu_shopper.providers`` (docs/providers/third-party.md).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.clock import SystemClock
from reconciler.model.value import dataclass
from reconciler.providers.credentials import find_key
from reconciler.transport.cache_place import cache_place
from reconciler.transport.shared_turns import SharedTurns

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from reconciler.clock import Clock
    from reconciler.providers.base import Provider, ProviderCapabilities
    from reconciler.providers.credentials import FoundKey


@dataclass(frozen=True, slots=True)
class Opening:
    """What an adapter is opened with. ``name`` is what the documents call this account.

    Keys and addresses come from ``environ`` alone, never from the process's own surroundings.
    ``key_reference`` gives what ``providers.NAME.key`` refers to, None where nothing stands there.
    """

    name: str
    environ: Mapping[str, str]
    clock: Clock
    key_reference: Callable[[], FoundKey] | None = None

    def find_key(
        self,
        variables: Sequence[str],
        files: Sequence[Path] = (),
        *,
        key_in: Callable[[str], str] = str,
    ) -> FoundKey:
        """What the documents refer to, else as ``credentials.find_key``, with the keyring last.

        Raises ``CredentialsMissing`` (77). The arguments are those of ``find_key``.
        """
        if self.key_reference is not None:
            return self.key_reference()
        entry = self.name
        return find_key(variables, files, self.environ, key_in=key_in, keyring_entry=entry)

    def shared_turns(self, origin: str, key: FoundKey) -> SharedTurns | None:
        """The turns that all processes of this user take at ``origin`` with ``key``.

        None where they cannot be shared: there is no cache folder, or time is not this machine's.
        """
        place = cache_place(self.environ, "turns") if isinstance(self.clock, SystemClock) else None
        return None if place is None else SharedTurns(place, f"{origin} {key.value}")


@dataclass(frozen=True, slots=True)
class ProviderType:
    """``open`` sends nothing yet, and does not fail where only the key is missing: it then gives
    a ``KeylessProvider``. It raises ``UsageRefused`` (64) for settings that cannot be used.
    """

    capabilities: ProviderCapabilities
    open: Callable[[Opening], Provider]
