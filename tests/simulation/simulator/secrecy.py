"""I10 in a simulated run: the secrets that its machines are given stand nowhere but there."""

from __future__ import annotations

import stat
from collections.abc import Iterable
from pathlib import Path

from tests.canaries import found_in
from tests.simulation.simulator.judge import Judge


def nothing_is_given_away(judge: Judge, log: Iterable[str]) -> None:
    """Neither the log nor a file of the disk, its history and its audit trail, holds one."""
    texts = {"the log": "\n".join(log).encode(errors="backslashreplace")}
    texts |= {name: judge.memory.content(Path(name)) or b"" for name in _files(judge)}
    for name, data in texts.items():
        found = found_in(data)
        judge.require("I10", not found, f"{name}: {found}")


def _files(judge: Judge) -> list[str]:
    every = judge.memory.every().items()
    return [name for name, inode in every if stat.S_ISREG(inode.mode)]
