"""``make mutants``: every mutant in a copy of the tree, and which test killed it."""

from __future__ import annotations

import sys

from tests.mutants.catalogue import MUTANTS
from tests.mutants.killing import Killed, killed


def main() -> int:
    """The table, one line for each; 1 when one lived."""
    wanted = {int(text) for text in sys.argv[1:]}
    lived = 0
    for mutant in MUTANTS:
        if wanted and mutant.number not in wanted:
            continue
        by = killed(mutant)
        lived += not by.tests
        sys.stdout.write(f"{_line(mutant.number, mutant.what, by)}\n")
        sys.stdout.flush()
    sys.stdout.write(f"{lived} lived\n")
    return 1 if lived else 0


def _line(number: int, what: str, by: Killed) -> str:
    verdict = f"killed by {by.tests[0]}" if by.tests else f"LIVES: {by.said}"
    return f"M{number:<3} {what:<52} {verdict}"


if __name__ == "__main__":
    sys.exit(main())
