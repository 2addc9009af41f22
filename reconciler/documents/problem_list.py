"""The problems of one file: all of them at once, up to a limit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import groupby
from operator import attrgetter
from typing import Final, NoReturn

from reconciler.documents.yaml_nodes import Position
from reconciler.model.errors import DocumentError
from reconciler.model.problem import Problem

PROBLEMS_MAX: Final = 100
ECHO_LENGTH: Final = 60  # characters of the document that one message may show
reading_order = attrgetter("file", "line", "column")


class ProblemList:
    """Collects problems of ``file``; a file full of errors ends the reading after 100."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._found: list[Problem] = []

    def report(self, position: Position, message: str, fix: str) -> None:
        """Notes a problem and lets the reading go on. Raises DocumentError after 100 of them."""
        if len(self._found) >= PROBLEMS_MAX:
            self.stop(position, f"more than {PROBLEMS_MAX} problems; the rest is not listed", "")
        self._found.append(self._problem(position, message, fix))

    def stop(self, position: Position, message: str, fix: str) -> NoReturn:
        """Notes a problem after which reading on is useless or unsafe. Raises DocumentError."""
        self.stop_with(self._problem(position, message, fix))

    def stop_with(self, problem: Problem) -> NoReturn:
        """As ``stop``, with a problem that is already worded."""
        self._found.append(problem)
        raise DocumentError(self.found())

    def found(self) -> tuple[Problem, ...]:
        """All problems noted so far, in reading order."""
        return tuple(sorted(self._found, key=reading_order))

    def _problem(self, position: Position, message: str, fix: str) -> Problem:
        return Problem(self._file, position.line, position.column, message, fix)


def capped(problems: Iterable[Problem], unlisted: Mapping[str, int]) -> list[Problem]:
    """The first 100 problems of each file in reading order, each once, and how many more it has.

    ``unlisted`` counts, by file, problems that were found and stand after those in ``problems``.
    """
    listed: list[Problem] = []
    in_order = sorted(dict.fromkeys(problems), key=reading_order)
    for file, group in groupby(in_order, key=attrgetter("file")):
        found = list(group)
        listed += found[:PROBLEMS_MAX]
        more = len(found) - PROBLEMS_MAX + unlisted.get(file, 0)
        if more > 0:
            at = found[: PROBLEMS_MAX + 1][-1]
            words = "1 more problem is" if more == 1 else f"{more} more problems are"
            listed.append(Problem(file, at.line, at.column, f"{words} not listed"))
    return listed
