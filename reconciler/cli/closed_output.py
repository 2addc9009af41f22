"""Outputs whose reader went away (``| head``): the work goes on, and the exit code tells of it."""

from __future__ import annotations

import os
import sys

_closed: set[int] = set()


def put(text: str) -> None:
    """``text`` and a line end on standard output; a reader that is gone is no error."""
    _print(text, 1)


def say(line: str) -> None:
    """One line on standard error; a reader that is gone is no error.

    By ``print``, since a live display puts itself in place of ``sys.stderr`` and click does not
    notice that.
    """
    _print(line, 2)


def forsake(descriptor: int) -> None:
    """Send what is still written to 1 or 2 nowhere: nobody reads it."""
    _closed.add(descriptor)
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), descriptor)


def was_closed() -> bool:
    """Whether anything that this process said was lost."""
    return bool(_closed)


def _print(text: str, descriptor: int) -> None:
    try:
        print(text, file=sys.stdout if descriptor == 1 else sys.stderr, flush=True)
    except BrokenPipeError:
        forsake(descriptor)
