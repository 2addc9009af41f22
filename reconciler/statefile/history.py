"""Older versions of a state, beside it: ``<state>.backup-<serial>-<five characters of lineage>``.

A backup is a second name of the file that the next version replaces, so it costs no copy. What
was damaged is kept too, as ``<state>.damaged-...``. Nothing here is touched by a read.
"""

from __future__ import annotations

import errno
import hashlib
import re
import secrets
from contextlib import suppress
from typing import TYPE_CHECKING

from reconciler.model.errors import GpuShopperError, StateError
from reconciler.model.mark import workspace_part
from reconciler.model.state_change import Backup
from reconciler.statefile.format import decode
from reconciler.statefile.private_files import directory_of, read_private, shown, write_private

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from reconciler.model.record import RecordedState
    from reconciler.statefile.files import Files

BACKUPS_KEPT = 20
_NO_HARD_LINKS = frozenset(
    {errno.EPERM, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK}
)
_DIGEST_DIGITS = 8


class History:
    """The backups of the state at ``path``. Whoever changes anything holds the lock."""

    def __init__(self, path: Path, files: Files) -> None:
        self._path = path
        self._files = files
        name = re.escape(path.name)
        self._backup_name = re.compile(rf"{name}\.backup-(\d+)-([0-9a-z]{{5}})(?:-[0-9a-f]+)?")
        self._damaged_name = re.compile(rf"{name}\.damaged-[0-9a-f]+")

    def keep(self, data: bytes, state: RecordedState) -> None:
        """Keep ``state``, whose bytes are ``data`` and stand at the path now. Raises ``OSError``.

        Keeping the same version again changes nothing.
        """
        self._keep(data, f"backup-{state.serial:09}-{_tag(state)}")
        self._prune(self._backup_name)

    def keep_damaged(self, data: bytes) -> Path:
        """Keep what stands at the path and is no good state; where it is. Raises ``OSError``."""
        digest = hashlib.sha256(data).hexdigest()[:_DIGEST_DIGITS]
        kept = self._keep(data, f"damaged-{digest}")
        self._prune(self._damaged_name)
        return kept

    def newest_serial(self, state: RecordedState) -> int:
        """The largest serial of a backup of the same lineage; 0 when there is none.

        From the names alone. Raises ``OSError``.
        """
        tag = _tag(state)
        found = (self._backup_name.fullmatch(name) for name in self._names())
        return max((int(one[1]) for one in found if one and one[2] == tag), default=0)

    def backups(self) -> Iterator[Backup]:
        """Every backup, the newest first: by the serial, then by the name; each is read when it is
        asked for. Raises ``OSError``.
        """
        matches = [self._backup_name.fullmatch(name) for name in self._names()]
        found = sorted(((int(one[1]), one[0]) for one in matches if one), reverse=True)
        return (self._read(self._path.with_name(name)) for _, name in found)

    def _read(self, path: Path) -> Backup:
        try:
            data = read_private(self._files, path, [])
            if data is None:
                return Backup(shown(path), None, "it has gone")
            return Backup(shown(path), decode(data, shown(path)))
        except GpuShopperError as error:
            return Backup(shown(path), None, error.why or error.what)

    def _names(self) -> list[str]:
        try:
            return self._files.names(directory_of(self._path))
        except FileNotFoundError:
            return []

    def _keep(self, data: bytes, ending: str) -> Path:
        target = self._path.with_name(f"{self._path.name}.{ending}")
        try:
            self._files.link(self._path, target)
        except FileExistsError:
            if read_private(self._files, target, []) == data:
                return target
            # Another version of this serial: somebody put a file there by hand. Keep both.
            target = target.with_name(f"{target.name}-{secrets.token_hex(2)}")
            write_private(self._files, target, data)
        except OSError as error:
            if error.errno not in _NO_HARD_LINKS:
                raise
            write_private(self._files, target, data)
        return target

    def _prune(self, pattern: re.Pattern[str]) -> None:
        names = [name for name in self._names() if pattern.fullmatch(name)]
        if len(names) <= BACKUPS_KEPT:
            return
        with suppress(OSError):  # one too many does no harm
            for path in self._oldest_first(names)[:-BACKUPS_KEPT]:
                self._files.remove(path)

    def _oldest_first(self, names: list[str]) -> list[Path]:
        return [path for _, path in sorted(self._by_age(names))]

    def _by_age(self, names: list[str]) -> Iterator[tuple[int, Path]]:
        for name in names:
            path = self._path.with_name(name)
            yield self._files.status(path).st_mtime_ns, path


def refuse_older(
    location: str, serial: int, newest: int, told: int, newest_good: Callable[[], int]
) -> None:
    """Raise ``StateError`` where a state with ``serial`` is older than one that was at ``location``
    before: ``newest`` is the newest backup's serial, ``told`` the last one in the audit trail, and
    ``newest_good`` finds the serial of the newest backup that can be read; 0 for none.
    """
    if newest > serial:
        but = f"serial {newest} was here before"
        fix = _brought_back(newest, serial, newest_good())
    elif told > serial + 1:  # the next one may have been told by a run that died before it saved
        but = f"the audit trail tells of serial {told}"
        fix = "bring back the newest copy that you have: gpu-shopper state restore FILE"
    else:
        return
    raise StateError(
        f"{location}: the state has serial {serial}, but {but}",
        why="an older copy was put in its place, so machines bought since may be unknown",
        fix=f"{fix}; to go on from this one: gpu-shopper state restore {location}",
    )


def _brought_back(newest: int, serial: int, good: int) -> str:
    if good == newest:
        return f"gpu-shopper state restore {newest} brings the newest version back"
    damaged = f"the backup with serial {newest} is damaged"
    if good > serial:
        return f"{damaged}: gpu-shopper state restore {good} brings the newest good one back"
    return f"{damaged}: bring back the newest copy that you have: gpu-shopper state restore FILE"


def another_state(
    location: str, serial: int, told: int, backup: RecordedState | None
) -> StateError:
    """The refusal of a state of another lineage than the one whose audit trail lies beside it.
    ``backup``: the newest good one of that lineage.
    """
    again = f"gpu-shopper state restore {backup.serial}" if backup else "bring that one back"
    return StateError(
        f"{location}: the state, serial {serial}, is another one than its audit trail tells of, "
        f"up to serial {told}",
        why="another state was put in its place, and machines that the right one knows would be "
        "bought again",
        fix=f"{again}; where that is lost: move {location} away, then gpu-shopper state rebuild",
    )


def _tag(state: RecordedState) -> str:
    return workspace_part(state.workspace, state.lineage)[5:]
