"""Writes the audit trail: what a save of the state will tell, durable before the save.

First the trail, then the state, then whatever depends on it. A run that dies in between leaves
entries of a state that was never saved; the next run sees that and says so in the trail. Nothing
here ever raises or stops anybody: what could not be written is counted in the state, and told in
the trail as soon as it can be written again.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from reconciler import __version__
from reconciler.model.audit import Actor
from reconciler.model.errors import GpuShopperError
from reconciler.model.pins import TrailAnchor
from reconciler.model.text import printable
from reconciler.planning.audit_effects import effects
from reconciler.statefile.audit_batch import Batch
from reconciler.statefile.audit_chain import GENESIS, START, Head
from reconciler.statefile.audit_files import Tail, TrailFiles, readable
from reconciler.statefile.private_files import open_private, sync_directory, write_all
from reconciler.statefile.process_identity import ci_run, this_process, user_name

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from reconciler.model.audit import Effect
    from reconciler.model.record import RecordedState
    from reconciler.statefile.files import Files

FILE_BYTES_MAX = 4 * 2**20
FILES_KEPT = 50
"""Older files; the oldest is removed when there are more."""
_APPEND = os.O_RDWR | os.O_APPEND | os.O_CREAT


class AuditTrail:
    """The trail of the state at ``state``. The caller holds the lock of that state."""

    def __init__(
        self,
        state: Path,
        files: Files,
        warnings: list[str],
        *,
        file_bytes_max: int = FILE_BYTES_MAX,
        files_kept: int = FILES_KEPT,
    ) -> None:
        self._places = TrailFiles(state, files, warnings)
        self._files = files
        self._warnings = warnings
        self._file_bytes_max = file_bytes_max
        self._files_kept = files_kept
        self._known: Head | None = None
        """The head that this process wrote; None before, and after a failure."""
        self._size = 0
        self._unsaved: list[Effect] = []
        """Told already, by a save that then failed and is tried again."""

    def tell(
        self, before: RecordedState | None, after: RecordedState, actor: Actor, now: datetime
    ) -> TrailAnchor | None:
        """Append what turns ``before``, as stored, into ``after``; the anchor to save with it.

        Durable on return. Never raises: a failure is a warning, and is counted in the anchor.
        Nothing to tell opens no file.
        """
        anchor = before.trail if before else None
        new: list[Effect] = []
        try:
            told = effects(before, after, now, by_hand=actor.operation.startswith("state "))
            new = self._not_told_yet(told)
            if not new and not (anchor and anchor.missed):
                return _anchor(self._known) if told and self._known else anchor
            self._known = self._append(Batch(after, actor, now), new, anchor)
        # Whatever it is that fails here, a destroy must go out (I20).
        except Exception as error:
            self._known = None
            return self._failed(anchor, max(1, len(new)), error, now)
        self._unsaved += new
        return _anchor(self._known)

    def _not_told_yet(self, told: list[Effect]) -> list[Effect]:
        """The sum that a machine has cost grows from one try to the next."""
        if not self._unsaved:
            return told
        before = {replace(one, usd=None) for one in self._unsaved}
        return [one for one in told if replace(one, usd=None) not in before]

    def saved(self) -> None:
        """What was told is stored: the same may happen, and be told, again."""
        self._unsaved.clear()

    def _failed(
        self, anchor: TrailAnchor | None, count: int, error: Exception, now: datetime
    ) -> TrailAnchor:
        if isinstance(error, GpuShopperError | OSError):
            why = readable(error)
        else:
            why = f"unexpected {type(error).__name__}: {error}"
        why = printable(why, 200)
        warning = f"the audit trail could not be written, its gap is told later: {why}"
        if warning not in self._warnings:
            self._warnings.append(warning)
        known = anchor or TrailAnchor(entries=0, digest=GENESIS)
        return known.with_(
            missed=known.missed + count,
            missed_since=known.missed_since or now,
            missed_why=known.missed_why or why,
        )

    def _append(self, batch: Batch, told: list[Effect], anchor: TrailAnchor | None) -> Head:
        places, files = self._places, self._files
        self._close_full_file()
        descriptor = open_private(files, places.current, _APPEND, self._warnings)
        too_old: list[Path] = []
        try:
            tail = self._tail(descriptor)
            self._take_up(batch, tail, anchor)
            if not tail.size:
                older = places.older()
                too_old = older[: max(0, len(older) - self._files_kept)]
                batch.checkpoint(places.kept_from(older, too_old))
            for effect in told:
                batch.tell(effect)
            self._write(descriptor, batch.data, tail.size)
            self._size = tail.size + len(batch.data)
        finally:
            files.close(descriptor)
        if not tail.size:
            sync_directory(files, places.current.parent)
        self._warnings += [f"the audit trail has a gap: {detail}" for detail in batch.gaps]
        self._remove(too_old)
        return batch.head

    def _write(self, descriptor: int, data: bytes, size: int) -> None:
        """After the first ``size`` bytes. What fails is tried again and again while a disk is sick,
        with more to tell each time: nothing is left of it.
        """
        try:
            write_all(self._files, descriptor, data)
        except OSError:
            with suppress(OSError):
                self._files.cut(descriptor, size)
            raise

    def _tail(self, descriptor: int) -> Tail:
        """Not read again where nothing was added to what this process wrote."""
        size = self._files.status_of_open(descriptor).st_size
        if self._known is not None and size == self._size:
            return Tail(self._known, 0, b"", size)
        return self._places.tail(descriptor)

    def _close_full_file(self) -> None:
        """Give a file that is long enough the name under which it is kept."""
        places, files = self._places, self._files
        try:
            if files.status(places.current).st_size < self._file_bytes_max:
                return
        except FileNotFoundError:
            return
        tail = places.tail_of(places.current)
        if tail.head is not None and not tail.torn:
            files.replace(places.current, places.older_name(tail.head.n))
            sync_directory(files, places.current.parent)

    def _remove(self, too_old: list[Path]) -> None:
        for path in too_old:
            with suppress(OSError):  # it is tried again when the next file is full
                self._files.remove(path)

    def _take_up(self, batch: Batch, tail: Tail, anchor: TrailAnchor | None) -> None:
        """Find where to go on, and say in the trail what is wrong with that place."""
        if self._known is not None and tail.head == self._known and not tail.torn:
            batch.head = self._known
        else:
            self._compare(batch, tail, anchor)
        if anchor and anchor.missed:
            since = f"{anchor.missed_since:%Y-%m-%d %H:%M:%S}" if anchor.missed_since else "?"
            detail = f"{anchor.missed} entries could not be written since {since} UTC"
            batch.gap("unwritten", f"{detail}: {anchor.missed_why}")

    def _compare(self, batch: Batch, tail: Tail, anchor: TrailAnchor | None) -> None:
        end = tail if tail.head else self._places.end_of_older()
        found = end.head or START
        known = Head(anchor.entries, anchor.digest) if anchor else START
        batch.head = found if found.n > known.n else known
        if tail.unended:
            batch.end_line()
        elif tail.torn:
            batch.end_torn_line(tail.torn)
        if found.n > known.n and end.serial > batch.serial:
            detail = f"the trail had reached serial {end.serial}, an older state was put back"
            batch.gap("older-state", detail)
        elif found.n > known.n:
            detail = f"entries {known.n + 1} to {found.n} tell of a state that was never saved"
            batch.gap("unsaved", detail)
        elif found.n < known.n:
            batch.gap("lost", f"entries {found.n + 1} to {known.n} are gone")
        elif found.digest != known.digest:
            batch.gap("lost", f"entry {known.n} is not the one that the state was saved with")


def this_actor(operation: str) -> Actor:
    """This process, on behalf of whoever started it."""
    process = this_process()
    who = f"{user_name()}@{process.host}"
    return Actor(operation, who, process.pid, ci_run(os.environ), __version__)


def _anchor(head: Head) -> TrailAnchor:
    return TrailAnchor.model_construct(entries=head.n, digest=head.digest)
