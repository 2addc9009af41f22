"""What else is wrong with the disk of a host: which files cannot be opened, and why."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from tests.simulation.simulator.process import Disk

_WRITES = os.O_WRONLY | os.O_RDWR
_TRAIL = ".audit.jsonl"


class SickDisk(Disk):
    """Asked before each open."""

    out_of_descriptors = False
    trail_full = False
    """The directory of the audit trail takes nothing more; the state lies elsewhere."""
    full_below = ""
    """Below this directory nothing new can be made, elsewhere it can."""

    @property
    def takes_nothing(self) -> bool:
        """Without a descriptor a pass can neither lock nor ask anybody."""
        return super().takes_nothing and not self.out_of_descriptors

    def heal(self) -> None:
        super().heal()
        self.out_of_descriptors = self.trail_full = False
        self.full_below = ""

    @property
    def opens_badly(self) -> bool:
        return bool(self.out_of_descriptors or self.trail_full or self.full_below)

    def refuse_open(self, path: Path, flags: int) -> None:
        if self.out_of_descriptors:
            self._fail("open", errno.EMFILE)
        if self.trail_full and flags & _WRITES and path.name.endswith(_TRAIL):
            self._fail("trail", errno.ENOSPC)
        below = self.full_below and str(path).startswith(self.full_below)
        if below and flags & os.O_CREAT and (flags & os.O_EXCL or not self.has(path)):
            self._fail("open", errno.ENOSPC)
