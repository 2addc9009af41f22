"""The files of one audit trail, beside the state: the current one, and older ones by number.

``demo.json.audit.jsonl`` grows; ``demo.json.audit-000000001234.jsonl`` ended with entry 1234.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from reconciler.model.errors import GpuShopperError
from reconciler.model.value import dataclass
from reconciler.statefile.audit_chain import Head, taken_apart
from reconciler.statefile.private_files import beside, local_failure, open_private

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from reconciler.model.pins import TrailAnchor
    from reconciler.statefile.files import Files

_TAIL_BYTES = 64 * 1024
_OLDER = re.compile(r"\.audit-(\d{12})\.jsonl")
# In JSON no quotation mark stands inside a text without a backslash, so these are keys.
_SERIAL = re.compile(rb',"serial":(\d{1,15}),')
_LINEAGE = re.compile(rb',"lineage":"([0-9a-f]{1,64})"[,}]')
_KEPT_FROM = re.compile(rb',"kept_from":(\d{1,15}),')


@dataclass(frozen=True, slots=True)
class Tail:
    """The end of a file of the trail. ``torn``: what follows the last line end.

    ``head`` is None where no line of ours was found, else ``serial`` is what that line names;
    ``size`` is in bytes.
    """

    head: Head | None
    serial: int
    torn: bytes
    size: int
    whole: bytes = b""
    """Its last whole lines."""
    unended: bool = False
    """``torn`` is a whole line of ours: only its line end is not there."""

    def may_have_held(self, anchor: TrailAnchor | None) -> bool:
        """Whether that entry can have stood where the end is damaged now, which proves nothing."""
        if anchor is None or self.head is None or anchor.entries < self.head.n:
            return False
        torn = bool(self.torn) and not self.unended
        return torn or not taken_apart(self.whole.rpartition(b"\n")[2]).whole

    def holds(self, anchor: TrailAnchor) -> bool:
        """Whether the entry that a state was saved with stands here."""
        for line in reversed(self.whole.split(b"\n")):
            link = taken_apart(line)
            if link.whole and link.n is not None and link.n <= anchor.entries:
                return link.n == anchor.entries and link.digest == anchor.digest
        return False


NO_TAIL = Tail(None, 0, b"", 0)


class TrailFiles:
    """Names and ends of the files that belong to the state at ``state``. Writes nothing."""

    def __init__(self, state: Path, files: Files, warnings: list[str]) -> None:
        self.current = beside(state, state.name + ".audit.jsonl")
        self.files = files
        self.warnings = warnings
        self._prefix = state.name

    def older(self) -> list[Path]:
        """Oldest first. Raises ``OSError``."""
        found = []
        for name in self.files.names(self.current.parent):
            if name.startswith(self._prefix) and _OLDER.fullmatch(name[len(self._prefix) :]):
                found.append(self.current.with_name(name))
        return sorted(found)

    def older_name(self, last: int) -> Path:
        """Where a file goes whose last entry has that number."""
        return self.current.with_name(f"{self._prefix}.audit-{last:012d}.jsonl")

    def tail(self, descriptor: int) -> Tail:
        """How an open file ends. Raises ``OSError``."""
        size = self.files.status_of_open(descriptor).st_size
        data = self.files.read_from(descriptor, max(0, size - _TAIL_BYTES))
        end = max(0, data.rfind(b"\n"))
        torn = data[data.rfind(b"\n") + 1 :]
        if taken_apart(torn).whole:
            head, serial = _head(data, len(data))
            return Tail(head, serial, torn, size, data, unended=True)
        head, serial = _head(data, end)
        return Tail(head, serial, torn, size, data[:end])

    def tail_of(self, path: Path) -> Tail:
        """How the file at ``path`` ends. Raises ``OSError`` and ``StateError``."""
        descriptor = open_private(self.files, path, os.O_RDONLY, self.warnings)
        try:
            return self.tail(descriptor)
        finally:
            self.files.close(descriptor)

    def end_of_older(self) -> Tail:
        """How the newest of the older files ends; without a head where there is none."""
        older = self.older()
        return self.tail_of(older[-1]) if older else NO_TAIL

    def end(self) -> Tail:
        """How the trail ends, in its last file with a line of ours. Raises ``OSError`` and
        ``StateError``.
        """
        try:
            end = self.tail_of(self.current)
        except FileNotFoundError:
            end = NO_TAIL
        return end if end.head else self.end_of_older()

    def lineage(self) -> str:
        """Of the state that the current file was begun for; "" where it does not say. Raises
        ``OSError`` and ``GpuShopperError``.
        """
        named = _LINEAGE.search(self.bytes_of(self.current).partition(b"\n")[0])
        return named[1].decode() if named else ""

    def tells_of(self, anchor: TrailAnchor | None) -> bool:
        """Whether the entry that a state was saved with stands anywhere in the current file, be it
        long ago. Raises ``GpuShopperError``.
        """
        return anchor is not None and anchor.digest.encode() in self.bytes_of(self.current)

    def kept_from(self, older: list[Path], too_old: list[Path]) -> int:
        """The oldest entry that is still there when ``too_old``, of ``older``, is removed."""
        if too_old:
            return _last_of(too_old[-1]) + 1
        first = self.bytes_of(older[-1]).partition(b"\n")[0] if older else b""
        named = _KEPT_FROM.search(first)
        return int(named[1]) if named else 1

    def all(self) -> list[Path]:
        """Every file that is there, oldest first. Raises ``GpuShopperError``."""
        try:
            return [*self.older(), *self._if_there(self.current)]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise local_failure("look into", self.current.parent, error) from error

    def _if_there(self, path: Path) -> Iterator[Path]:
        try:
            self.files.status(path)
        except FileNotFoundError:
            return
        yield path

    def bytes_of(self, path: Path, offset: int = 0) -> bytes:
        """What stands in a file from ``offset`` on. Raises ``GpuShopperError``."""
        try:
            descriptor = open_private(self.files, path, os.O_RDONLY, self.warnings)
            try:
                return self.files.read_from(descriptor, offset)
            finally:
                self.files.close(descriptor)
        except OSError as error:
            raise local_failure("read", path, error) from error


def _head(data: bytes, end: int) -> tuple[Head | None, int]:
    """The last line before ``end`` that can be read, counting the unreadable ones behind it, and
    its serial.
    """
    for skipped, line in enumerate(_last_lines_first(data, end)):
        link = taken_apart(line)
        if link.whole and link.n is not None:
            serial = _SERIAL.search(line)
            return Head(link.n + skipped, link.digest), int(serial[1]) if serial else 0
    return None, 0


def _last_lines_first(data: bytes, end: int) -> Iterator[bytes]:
    """As of ``split``: most often nobody asks for a second one."""
    while end >= 0:
        start = data.rfind(b"\n", 0, end)
        yield data[start + 1 : end]
        end = start


def _last_of(older: Path) -> int:
    found = _OLDER.search(older.name)
    assert found is not None
    return int(found[1])


def readable(error: GpuShopperError | OSError) -> str:
    """Why a file of the trail could not be used, in a few words."""
    if isinstance(error, GpuShopperError):
        return error.what
    return error.strerror or type(error).__name__
