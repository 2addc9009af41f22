"""Where a workspace's state should lie, for commands that work when it cannot be read."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from reconciler.clock import wall_now
from reconciler.documents.loader import load_documents
from reconciler.model.errors import DocumentError, GpuShopperError
from reconciler.model.value import dataclass
from reconciler.operations.open_providers import open_configured
from reconciler.operations.provider_pins import provider_settings, recorded_pins
from reconciler.operations.workspace import STATE_DIRECTORY, recorded_states, state_path
from reconciler.providers.registry import OpenedProviders
from reconciler.statefile.local_file import LocalFile

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from pathlib import Path

    from reconciler.model.fleet import DesiredState, ProviderSettings

_TRAIL = ".audit.jsonl"


@dataclass(frozen=True, slots=True)
class StatePlace:
    """``desired`` is None where the documents cannot be used; ``documents_error`` says why."""

    directory: Path
    path: Path
    workspace: str
    desired: DesiredState | None
    documents_error: DocumentError | None

    def backend(self) -> LocalFile:
        """The state there, dated by the wall clock: for reading."""
        return LocalFile(self.path, self.workspace, wall_now)

    def settings(self) -> Mapping[str, ProviderSettings]:
        """The providers of the documents, and those that the state, if it can be read, needs."""
        try:
            pins = recorded_pins(self.backend().read())
        except GpuShopperError:
            pins = {}
        return provider_settings(self.desired, pins)

    def shown(self, path: Path) -> str:
        """``path`` as a person in the directory would write it."""
        return str(path.relative_to(self.directory))


def find_state(directory: Path) -> StatePlace:
    """By the documents, else the only state, or trail of one, that lies in ``state/``.

    Raises ``DocumentError`` where neither tells.
    """
    try:
        desired = load_documents(directory)
    except DocumentError as error:
        found = set(recorded_states(directory))
        for trail in (directory / STATE_DIRECTORY).glob(f"*{_TRAIL}"):
            found.add(trail.with_name(trail.name.removesuffix(_TRAIL)))
        if len(found) != 1:
            raise
        (path,) = found
        return StatePlace(directory, path, path.stem, None, error)
    return StatePlace(directory, state_path(directory, desired), desired.workspace, desired, None)


async def workspace_now(place: StatePlace) -> datetime:
    """What the clock says on which the workspace runs; the wall clock where that is not known."""
    opened: OpenedProviders | None = None
    with suppress(GpuShopperError):
        if not place.path.exists():
            return wall_now()  # nothing runs here yet, and opening would make a market
        opened = open_configured(place.settings(), place.directory)
    if opened is None:
        return wall_now()
    now = opened.clock.now()
    await opened.close()
    return now
