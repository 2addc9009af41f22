"""One thing that is wrong in a document, and where."""

from __future__ import annotations

from reconciler.model.text import printable
from reconciler.model.value import dataclass

_PATH_SHOWN = 400


@dataclass(frozen=True, slots=True)
class Problem:
    """What was found, at a place the reader can jump to.

    ``file`` is the name as the user would write it (``<stdin>`` for standard input). ``line`` and
    ``column`` count from 1; ``line`` is 0 when the problem has no place in the text. ``message``
    and ``fix`` are plain English and already escaped for a terminal; they never hold a value that
    looks like a secret.
    """

    file: str
    line: int
    column: int
    message: str
    fix: str = ""

    def __str__(self) -> str:
        place = printable(self.file, _PATH_SHOWN)
        if self.line > 0:
            place = f"{place}:{self.line}:{self.column}"
        return f"{place}: {self.message} ({self.fix})" if self.fix else f"{place}: {self.message}"
