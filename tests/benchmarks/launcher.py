"""Runs one command and prints what it used. A small process of its own, because a child's peak
memory begins at what its parent holds at the fork.

Printed: exit code, processor seconds, wall seconds, mebibytes at the peak.
"""

from __future__ import annotations

import os
import sys
from time import perf_counter


def main(arguments: list[str]) -> None:
    """Run ``arguments``, their output thrown away."""
    silence = os.open(os.devnull, os.O_RDWR)
    begun = perf_counter()
    child = os.posix_spawnp(
        arguments[0],
        arguments,
        os.environ,
        file_actions=[(os.POSIX_SPAWN_DUP2, silence, number) for number in (0, 1, 2)],
    )
    _, status, usage = os.wait4(child, 0)
    wall = perf_counter() - begun
    code = os.waitstatus_to_exitcode(status)
    print(code, usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss / 1024)  # noqa: T201 - it is what is read


if __name__ == "__main__":
    main(sys.argv[1:])
