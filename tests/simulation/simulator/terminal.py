"""Where one command prints, by the printers of the command line; what was said can be searched."""

from __future__ import annotations

import os
import sys
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from reconciler.cli import closed_output
from reconciler.cli.closed_output import say
from reconciler.cli.voice import TextVoice

if TYPE_CHECKING:
    from reconciler.model.errors import GpuShopperError
    from reconciler.model.plan import Plan
    from reconciler.model.progress import SlotProgress
    from reconciler.operations.run import RunResult

LONGEST_LINE = 4000
_HARMLESS = "\n"
_UNSAFE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


class Terminal:
    """The standard output and error of one command. ``refuses``: what a write fails with, 0 for
    one that works.
    """

    def __init__(self) -> None:
        self.refuses = 0
        self.parts: list[str] = []
        self._voice = TextVoice()
        with self._at_hand():
            self._progress = self._voice.progress(live=False)

    # --- as a stream ------------------------------------------------------------------------

    encoding = "utf-8"

    def write(self, text: str) -> int:
        if self.refuses:
            raise OSError(self.refuses, os.strerror(self.refuses))
        self.parts.append(text)
        return len(text)

    def flush(self) -> None:
        return None

    def isatty(self) -> bool:
        return False

    # --- as a reporter ----------------------------------------------------------------------

    def plan(self, plan: Plan) -> None:
        with self._at_hand():
            self._voice.plan(plan)

    def progress(self, progress: SlotProgress) -> None:
        with self._at_hand():
            self._progress.show(progress)

    def result(self, result: RunResult) -> None:
        with self._at_hand():
            self._voice.result(result)

    def error(self, error: GpuShopperError) -> None:
        with self._at_hand():
            for line in error.lines():
                say(line)

    @property
    def said(self) -> str:
        return "".join(self.parts)

    @contextmanager
    def _at_hand(self) -> Iterator[None]:
        """No other command runs meanwhile: nothing is waited for in here."""
        kept: Any = sys.stdout, sys.stderr
        forsake: Callable[[int], None] = closed_output.forsake
        vars(closed_output)["forsake"] = lambda _: None  # descriptors of the test run stay
        sys.stdout = sys.stderr = self
        try:
            yield
        finally:
            sys.stdout, sys.stderr = kept
            vars(closed_output)["forsake"] = forsake


def unsafe_in(text: str) -> str:
    """The first line of ``text`` that would do something to a terminal; "" where none does."""
    for line in text.split(_HARMLESS):
        if len(line) > LONGEST_LINE:
            return f"a line of {len(line)} characters"
        if not line.isprintable() and any(unicodedata.category(one) in _UNSAFE for one in line):
            return ascii(line[:200])
    return ""
