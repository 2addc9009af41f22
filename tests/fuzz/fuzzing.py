"""A series of inputs for one target, with its limits (RELIABILITY.md I23).

Two things guide it. Of every tenth input the lines of ours are traced that it reaches: one that
reaches a line which none did before is kept, and broken further. So is one that is refused at a
place where none was refused before: places are told apart by the lines through which the refusal
came, and by the words of what is wrong with documents.
"""

from __future__ import annotations

import os
import random
import re
import resource
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import field
from pathlib import Path
from types import FrameType

import reconciler
from reconciler.model.value import dataclass
from tests.fuzz.targets import Target
from tests.work import calls_of

_SLOW_SECONDS = 0.5  # from here on an input's work is counted as well
MEMORY_BYTES_MAX = 256 * 2**20
_FROM_WHAT_WAS_FOUND = 0.4
_LONGEST = 4000
_NO_WORD = re.compile(r"\"[^\"]*\"|[^a-z ]")
_TRACED = 10  # one of so many: tracing takes several times as long
_OURS = f"{Path(reconciler.__file__).parent}{os.sep}"
Place = tuple[int | str, ...]
Line = tuple[str, int]


@dataclass(slots=True)
class Fuzzed:
    """``escaped``: seed, input and traceback of the first that was neither answered nor refused."""

    inputs: int = 0
    answered: int = 0
    refused: int = 0
    slowest_seconds: float = 0.0
    most_calls: int = 0
    """Of the inputs that were slow: the work that they took."""
    grown_bytes: int = 0
    escaped: str = ""
    seconds: float = 0.0
    places: dict[Place, bytes] = field(default_factory=dict)
    """Where inputs were refused, each with the first that was."""
    lines: set[Line] = field(default_factory=set)
    """Of the program, that the traced inputs reached."""
    kept: list[bytes] = field(default_factory=list)


def fuzz(target: Target, inputs: int, seed: int) -> Fuzzed:
    """``inputs`` inputs, the same for the same ``seed`` in a new process: what guides them is what
    they reach, and what is done only once is reached only once. Ends with the first that escapes.
    """
    found = Fuzzed()
    chance = random.Random(f"{target.name} {seed}")
    before, begun = _peak_bytes(), time.process_time()
    for number in range(inputs):
        data = _next(target, found, chance)
        _one(target, data, found, traced=not number % _TRACED)
        if found.escaped:
            found.escaped = f"{target.name}, seed {seed}, input {number}: {found.escaped}"
            break
    found.grown_bytes = _peak_bytes() - before
    found.seconds = time.process_time() - begun
    return found


def _next(target: Target, found: Fuzzed, chance: random.Random) -> bytes:
    if not found.kept or chance.random() > _FROM_WHAT_WAS_FOUND:
        return target.make(chance)
    return target.again(chance.choice(found.kept), chance)[:_LONGEST]


def _one(target: Target, data: bytes, found: Fuzzed, *, traced: bool) -> None:
    found.inputs += 1
    begun = time.process_time()
    lines: set[Line] = set()
    try:
        with _lines_reached(lines) if traced else nullcontext():
            target.read(data)
        found.answered += 1
    except target.refusals as refusal:
        found.refused += 1
        place = _place_of(refusal)
        if place not in found.places:
            found.places[place] = data
            found.kept.append(data)
    except Exception:
        found.escaped = f"{data!r}\n{traceback.format_exc()}"
    if not lines <= found.lines:
        found.lines |= lines
        found.kept.append(data)
    spent = time.process_time() - begun
    found.slowest_seconds = max(found.slowest_seconds, spent)
    if spent > _SLOW_SECONDS:
        found.most_calls = max(found.most_calls, calls_of(lambda: _again(target, data)))


@contextmanager
def _lines_reached(lines: set[Line]) -> Iterator[None]:
    """Adds the lines of our own files that are carried out meanwhile."""

    def of_a_call(frame: FrameType, event: str, _: object) -> object:
        return on_a_line if frame.f_code.co_filename.startswith(_OURS) else None

    def on_a_line(frame: FrameType, event: str, _: object) -> object:
        lines.add((frame.f_code.co_filename, frame.f_lineno))
        return on_a_line

    before = sys.gettrace()
    sys.settrace(of_a_call)  # type: ignore[arg-type]
    try:
        yield
    finally:
        sys.settrace(before)


def _again(target: Target, data: bytes) -> None:
    with suppress(Exception):
        target.read(data)


def _place_of(refusal: Exception) -> Place:
    """The line numbers from here to where it was raised, and those of what it was raised for."""
    problems = getattr(refusal, "problems", ())
    lines: list[int | str] = sorted({_NO_WORD.sub("", one.message)[-30:] for one in problems})
    error: BaseException | None = refusal
    while error is not None:
        frame = error.__traceback__
        while frame is not None:
            lines.append(frame.tb_lineno)
            frame = frame.tb_next
        error = error.__cause__ or error.__context__
    return tuple(lines)


def _peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
