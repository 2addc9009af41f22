"""The problems of one file while it is read: all of them at once, up to a limit."""

from __future__ import annotations

from typing import Final, NoReturn

from reconciler.documents.yaml_nodes import Position
from reconciler.model.errors import DocumentError
from reconciler.model.problem import Problem

PROBLEMS_MAX: Final = 100
ECHO_LENGTH: Final = 60  # characters of the document that one message may show


class ProblemList:
    """Collects problems of ``file``; a file full of errors ends the reading after 100."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._found: list[Problem] = []

    def report(self, position: Position, message: str, fix: str) -> None:
        """Notes a problem and lets the reading go on. Raises DocumentError after 100 of them."""
        if len(self._found) >= PROBLEMS_MAX:
            self.stop(position, f"more than {PROBLEMS_MAX} problems; the rest is not listed", "")
        self.add(Problem(self._file, position.line, position.column, message, fix))

    def stop(self, position: Position, message: str, fix: str) -> NoReturn:
        """Notes a problem after which reading on is useless or unsafe. Raises DocumentError."""
        self.add(Problem(self._file, position.line, position.column, message, fix))
        raise DocumentError(self._in_reading_order())

    def add(self, problem: Problem) -> None:
        self._found.append(problem)

    def raise_found(self) -> None:
        """Raises DocumentError when there is at least one problem."""
        if self._found:
            raise DocumentError(self._in_reading_order())

    def _in_reading_order(self) -> list[Problem]:
        return sorted(self._found, key=lambda found: (found.line, found.column))
