"""Outputs whose reader went away (``| head``), and those that take nothing, like a log on a full
disk: the work goes on, and the exit code tells of it. What is not read keeps no machine alive.
"""

from __future__ import annotations

import os
import sys

_closed: set[int] = set()


def put(text: str) -> None:
    """``text`` and a line end on standard output; that it cannot be written is no error."""
    _print(text, 1)


def say(line: str) -> None:
    """One line on standard error; that it cannot be written is no error.

    By ``print``, since a live display puts itself in place of ``sys.stderr`` and click does not
    notice that.
    """
    _print(line, 2)


def forsake(descriptor: int) -> None:
    """Send what is still written to 1 or 2 nowhere: nobody reads it."""
    _closed.add(descriptor)
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), descriptor)


def occupy_closed() -> None:
    """Put the null device where 0, 1 or 2 are closed (``>&-``): no file of ours gets that number,
    and who writes there writes nowhere. To be called before anything is opened.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number, which is this one
    if sys.stdout is None:
        sys.stdout = os.fdopen(1, "w", closefd=False)
    if sys.stderr is None:
        sys.stderr = os.fdopen(2, "w", closefd=False)


def was_closed() -> bool:
    """Whether anything that this process said was lost."""
    return bool(_closed)


def _print(text: str, descriptor: int) -> None:
    try:
        # with its end in one go: lines of two processes on one terminal do not mix
        print(f"{text}\n", end="", file=sys.stdout if descriptor == 1 else sys.stderr, flush=True)
    except BrokenPipeError:
        forsake(descriptor)
    except OSError:
        _drop_what_waits(descriptor)


def _drop_what_waits(descriptor: int) -> None:
    """A full disk may have room again later, so only what waits to be written there is given up."""
    kept = os.dup(descriptor)
    try:
        forsake(descriptor)
        (sys.stdout if descriptor == 1 else sys.stderr).flush()
    finally:
        os.dup2(kept, descriptor)
        os.close(kept)
