"""``python -m tests.long_run KIND --first-seed N --runs M``: what tests do for minutes, for hours.

Each range of seeds is a process of its own, at whatever priority it is started with. A line of JSON
is printed after each piece, so that one which is stopped loses nothing; ``sum FILE...`` adds the
lines of all processes up. Exit 1 when a promise was broken, which the line tells with its seed.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from reconciler.clock import process_seconds
from tests.long_run.pieces import PIECES, Piece
from tests.long_run.sums import summed


def _run(made: Callable[[int, int], Piece], size: int, first: int, runs: int) -> Iterator[Piece]:
    """Pieces of ``size`` runs, each with the next seeds."""
    seed = first
    while runs > 0:
        piece = made(seed, min(size, runs))
        yield piece
        seed, runs = piece["next_seed"], runs - piece["runs"]


def _told(kind: str, asked: argparse.Namespace, place: Path) -> int:
    kept, begun, broken = True, process_seconds(), 0
    make, size = PIECES[kind]
    done = 0
    for piece in _run(partial(make, place), size, asked.first_seed, asked.runs):
        sys.stdout.write(json.dumps(piece, sort_keys=True) + "\n")
        sys.stdout.flush()
        done, broken = done + piece["runs"], broken + len(piece["broken"])
        hours = (process_seconds() - begun) / done * (asked.runs - done) / 3600
        sys.stderr.write(
            f"{kind}: {done} of {asked.runs}, {broken} broken; about {hours:.1f} h to go; goes on "
            f"with --first-seed {piece['next_seed']} --runs {asked.runs - done}\n"
        )
        kept = kept and not piece["broken"]
    return 0 if kept else 1


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.long_run", description=__doc__)
    kinds = parser.add_subparsers(dest="kind", required=True)
    for kind in PIECES:
        one = kinds.add_parser(kind)
        one.add_argument("--first-seed", type=int, required=True)
        one.add_argument("--runs", type=int, required=True)
    kinds.add_parser("sum").add_argument("files", type=Path, nargs="+")
    asked = parser.parse_args()
    if asked.kind == "sum":
        lines: list[Any] = [
            json.loads(line) for path in asked.files for line in path.read_text().splitlines()
        ]
        sys.stdout.write(summed(lines) + "\n")
        return 1 if any(one["broken"] for one in lines) else 0
    with TemporaryDirectory() as place:
        try:
            return _told(asked.kind, asked, Path(place))
        except KeyboardInterrupt:
            return 130


if __name__ == "__main__":
    sys.exit(main())
