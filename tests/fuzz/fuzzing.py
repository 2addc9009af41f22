"""A series of inputs for one target, with its limits (RELIABILITY.md I23)."""

from __future__ import annotations

import random
import resource
import time
import traceback
from dataclasses import field

from reconciler.model.value import dataclass
from tests.fuzz.targets import Target

SECONDS_MAX = 2.0
MEMORY_BYTES_MAX = 256 * 2**20


@dataclass(slots=True)
class Fuzzed:
    """``escaped``: seed, input and traceback of the first that was neither answered nor refused."""

    inputs: int = 0
    answered: int = 0
    refused: int = 0
    slowest_seconds: float = 0.0
    grown_bytes: int = 0
    escaped: str = ""
    seconds: float = field(default=0.0)


def fuzz(target: Target, inputs: int, seed: int) -> Fuzzed:
    """``inputs`` inputs; the same for the same ``seed``. Ends with the first that escapes."""
    found = Fuzzed()
    chance = random.Random(f"{target.name} {seed}")
    before, begun = _peak_bytes(), time.process_time()
    for number in range(inputs):
        data = target.make(chance)
        _one(target, data, found)
        if found.escaped:
            found.escaped = f"{target.name}, seed {seed}, input {number}: {found.escaped}"
            break
    found.grown_bytes = _peak_bytes() - before
    found.seconds = time.process_time() - begun
    return found


def _one(target: Target, data: bytes, found: Fuzzed) -> None:
    found.inputs += 1
    begun = time.process_time()
    try:
        target.read(data)
        found.answered += 1
    except target.refusals:
        found.refused += 1
    except Exception:
        found.escaped = f"{data!r}\n{traceback.format_exc()}"
    found.slowest_seconds = max(found.slowest_seconds, time.process_time() - begun)


def _peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
