"""Turns at an endpoint, shared by all processes of one user on this machine.

One small file for each endpoint of an account holds when its last calls begin or will begin, on
the machine's boot clock. It is locked only while a turn is noted, never while anybody waits or
calls: whoever dies leaves at most one turn unused, and the kernel frees the lock. A holder that is
stopped in that moment holds up nobody either: after a short while the others go on without it,
and the provider's own limit decides.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import stat
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.clock import process_seconds

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.transport.pace import Pace

LOCK_PATIENCE_SECONDS = 0.25
STUCK_SECONDS = 30.0
"""So long a file is left alone whose holder did not let go."""
LONGEST_WAIT_SECONDS = 300.0
"""Turns further ahead are a damaged file's: destroys never wait for one."""
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_BYTES_MAX = 65_536


class SharedTurns:
    """Of one account at one API. ``account`` tells accounts apart; it may hold a key: only its
    hash is written.
    """

    def __init__(self, folder: Path, account: str) -> None:
        self._prefix = hashlib.sha256(account.encode()).hexdigest()[:16]
        self._folder = folder
        self._boot = _boot_id()
        self._stuck_until: dict[str, float] = {}

    def take(self, name: str, pace: Pace, now: float) -> float | None:
        """The moment of the next free turn at ``name``, taken; None where it cannot be shared.

        ``now`` and the answer are seconds of the boot clock.
        """
        try:
            with self._locked(name) as descriptor:
                begun = self._read(descriptor, now)
                moment = now
                if len(begun) >= pace.calls:
                    moment = max(now, begun[-pace.calls] + pace.seconds)
                if moment - now > LONGEST_WAIT_SECONDS:
                    return None
                self._write(descriptor, [*begun, moment][-pace.calls :])
                return moment
        except OSError:
            return None

    def give_back(self, name: str, moment: float, now: float) -> None:
        """A turn that nobody will use. Those who took later ones keep theirs."""
        with suppress(OSError), self._locked(name) as descriptor:
            begun = self._read(descriptor, now)
            if begun and abs(begun[-1] - moment) < 1e-6:
                self._write(descriptor, begun[:-1])

    @contextmanager
    def _locked(self, name: str) -> Iterator[int]:
        """Raises ``OSError`` where the file is not ours, or its holder does not let go."""
        digest = hashlib.sha256(name.encode()).hexdigest()[:16]
        path = self._folder / f"{self._prefix}-{digest}"
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        descriptor = os.open(path, flags, 0o600)
        try:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid():
                raise OSError("it is not our file")
            self._lock(descriptor, name)
            yield descriptor
        finally:
            os.close(descriptor)  # and with it the lock

    def _lock(self, descriptor: int, name: str) -> None:
        began = process_seconds()
        if began < self._stuck_until.get(name, began):
            raise BlockingIOError("its holder does not let go")
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if process_seconds() - began >= LOCK_PATIENCE_SECONDS:
                    self._stuck_until[name] = process_seconds() + STUCK_SECONDS
                    raise
                os.sched_yield()
            else:
                return

    def _read(self, descriptor: int, now: float) -> list[float]:
        """What is noted; nothing where it is of another boot, or damaged."""
        words = os.pread(descriptor, _BYTES_MAX, 0).decode("ascii", "replace").split()
        if len(words) < 2 or words[0] != self._boot or words[-1] != ".":
            return []
        try:
            moments = sorted(float(word) for word in words[1:-1])
        except ValueError:
            return []
        return [one for one in moments if 0 <= one <= now + LONGEST_WAIT_SECONDS]

    def _write(self, descriptor: int, moments: list[float]) -> None:
        text = " ".join([self._boot, *(f"{one:.6f}" for one in moments), "."]).encode()
        os.pwrite(descriptor, text, 0)
        os.ftruncate(descriptor, len(text))


def _boot_id() -> str:
    try:
        return _BOOT_ID.read_text().strip() or "unknown"
    except OSError:
        return "unknown"
