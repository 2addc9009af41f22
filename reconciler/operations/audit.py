"""``audit verify`` and ``events``: reads the audit trail beside the state. Writes nothing."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from pydantic import ValidationError

from reconciler.clock import SystemClock
from reconciler.model.audit_entry import AuditEntry
from reconciler.model.errors import GpuShopperError
from reconciler.operations.state_place import find_state, workspace_now
from reconciler.statefile.audit_files import TrailFiles
from reconciler.statefile.audit_verification import verified
from reconciler.statefile.files import Files

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from reconciler.execution.interruption import Interruption
    from reconciler.model.audit import TrailVerdict
    from reconciler.model.pins import TrailAnchor
    from reconciler.operations.state_place import StatePlace

_LOOK_EVERY_SECONDS = 0.5
_READINGS_MAX = 5


def verify_trail(place: StatePlace, warnings: list[str]) -> TrailVerdict:
    """The verdict on every line there is, and on the end against what the state knows of it.

    ``warnings`` gets what a person should be told beside it. Raises ``GpuShopperError`` when a
    file cannot be read.
    """
    anchor = _anchor(place, warnings)
    trail = TrailFiles(place.path, Files(), warnings)
    found = trail.all()
    for _ in range(_READINGS_MAX):
        contents = [(place.shown(path), trail.bytes_of(path)) for path in found]
        again = trail.all()
        if again == found:
            break
        found = again  # a run closed a full file meanwhile
    return verified(contents, anchor)


def _anchor(place: StatePlace, warnings: list[str]) -> TrailAnchor | None:
    """Read before the trail, which only grows: so it is never ahead of it."""
    try:
        state = place.backend().read()
    except GpuShopperError as error:
        warnings.append(
            f"whether the end is missing cannot be told without the state: {error.what}"
        )
        return None
    return state.trail if state else None


async def read_events(
    directory: Path,
    since: timedelta | datetime | None,
    tell: Callable[[AuditEntry], None],
    interruption: Interruption,
    *,
    follow: bool,
) -> int:
    """Tell every entry from ``since`` on, oldest first; with ``follow`` also those to come, until
    somebody asks to stop. How many lines could not be read.
    """
    place = find_state(directory)
    first = since
    if isinstance(first, timedelta):
        first = await workspace_now(place) - first
    reader = _Reader(TrailFiles(place.path, Files(), []))
    while True:
        for entry in reader.more():
            if first is None or entry.at >= first:
                tell(entry)
        if not follow or interruption.requested:
            return reader.unreadable
        await interruption.sleep(SystemClock(), _LOOK_EVERY_SECONDS)


class _Reader:
    """Remembers how far each file was read; a file that is renamed stays the same file."""

    def __init__(self, trail: TrailFiles) -> None:
        self._trail = trail
        self._read_to: dict[int, int] = {}
        self.unreadable = 0

    def more(self) -> list[AuditEntry]:
        """Entries that have come since the last call, whole lines only."""
        entries = []
        for path in self._trail.all():
            try:
                number = self._trail.files.status(path).st_ino
            except FileNotFoundError:
                continue  # it got another name meanwhile: seen next time
            start = self._read_to.get(number, 0)
            whole, end, _ = self._trail.bytes_of(path, start).rpartition(b"\n")
            self._read_to[number] = start + len(whole) + len(end)
            lines = whole.split(b"\n") if end else []
            entries += [entry for line in lines if (entry := self._entry(line))]
        return entries

    def _entry(self, line: bytes) -> AuditEntry | None:
        try:
            return AuditEntry.model_validate_json(line)
        except ValidationError:
            return self._strange_entry(line)

    def _strange_entry(self, line: bytes) -> AuditEntry | None:
        """One that holds a lone surrogate, which only this parser takes; None for what is none."""
        try:
            return AuditEntry.model_validate(json.loads(line))
        except (ValueError, RecursionError):
            self.unreadable += 1
            return None
