"""A piece of a long run: some seeds of one kind, and what they came to, as it is printed."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from time import process_time
from typing import Any

from tests.end_to_end.runners import kills, races
from tests.fuzz.fuzzing import fuzz
from tests.fuzz.targets import TARGETS
from tests.simulation.simulator.campaign import Campaign, Verdict, commit, judged, uncollected
from tests.simulation.simulator.schedule import draw

Piece = dict[str, Any]
"""``kind``, ``commit``, ``first_seed``, ``next_seed``, ``runs``, ``cpu_seconds``, ``broken`` with
seed and words, and what is counted of that kind."""


def _piece(kind: str, first: int, following: int, runs: int, begun: float, **rest: Any) -> Piece:
    return {
        "kind": kind,
        "commit": commit(),
        "first_seed": first,
        "next_seed": following,
        "runs": runs,
        "cpu_seconds": round(process_time() - begun, 1),
        **rest,
    }


def _broken(seed: int, said: object) -> dict[str, Any]:
    return {"seed": seed, "said": str(said)[:2000]}


# --- schedules -----------------------------------------------------------------------------------


def _schedules(kind: str, first: int, verdicts: Iterable[Verdict], begun: float) -> Piece:
    found = Campaign()
    with uncollected() as collect:
        for verdict in verdicts:
            found.add(verdict)
            collect()
    met: dict[str, dict[str, int]] = {}
    for (number, word), count in sorted(found.met.items()):
        met.setdefault(number, {})[word] = count
    return _piece(
        kind,
        first,
        first + found.runs,
        found.runs,
        begun,
        commands=found.commands,
        slowest_kill_seconds=round(found.slowest_kill, 1),
        checked=dict(found.checked),
        met=met,
        broken=[_broken(one.schedule.seed, one.broken) for one in found.failed],
    )


def schedules(_: Path, first: int, count: int) -> Piece:
    """On the disk in memory."""
    begun = process_time()
    seeds = range(first, first + count)
    return _schedules("schedules", first, (judged(draw(seed)) for seed in seeds), begun)


def schedules_on_files(place: Path, first: int, count: int) -> Piece:
    """On files of this machine, with the kernel's own locks."""

    def on_files(seed: int) -> Verdict:
        root = place / "run"
        root.mkdir(mode=0o700)
        try:
            return judged(draw(seed), root)
        finally:
            shutil.rmtree(root)

    begun = process_time()
    seeds = range(first, first + count)
    return _schedules("schedules-on-files", first, map(on_files, seeds), begun)


# --- the command itself --------------------------------------------------------------------------


def _commands(
    kind: str, do: Callable[[Path, int, int], int], place: Path, seed: int, count: int
) -> Piece:
    root, broken, of_them, begun = place / str(seed), [], 0, process_time()
    root.mkdir()
    try:
        of_them = do(root, seed, count)
    except AssertionError as error:
        broken.append(_broken(seed, error))
    finally:
        shutil.rmtree(root, ignore_errors=True)
    return _piece(kind, seed, seed + 1, count, begun, of_them=of_them, broken=broken)


def killed_commands(place: Path, seed: int, count: int) -> Piece:
    """One workplace; ``of_them``: how many died amid their changes."""
    return _commands("kills", kills, place, seed, count)


def raced_commands(place: Path, seed: int, count: int) -> Piece:
    """One workplace; ``of_them``: how many commands took part."""
    return _commands("races", races, place, seed, count)


# --- broken files --------------------------------------------------------------------------------


def fuzzed(_: Path, seed: int, count: int) -> Piece:
    """``count`` inputs for each of the targets."""
    begun, broken, inputs = process_time(), [], {}
    for target in TARGETS:
        found = fuzz(target, count, seed)
        inputs[target.name] = found.inputs
        if found.escaped:
            broken.append(_broken(seed, found.escaped))
    return _piece("fuzz", seed, seed + 1, count, begun, inputs=inputs, broken=broken)


PIECES: dict[str, tuple[Callable[[Path, int, int], Piece], int]] = {
    "schedules": (schedules, 100),
    "schedules-on-files": (schedules_on_files, 50),
    "kills": (killed_commands, 50),
    "races": (raced_commands, 13),
    "fuzz": (fuzzed, 20_000),
}
"""By kind: what makes a piece in a directory, from a seed on, of so many runs at most."""
