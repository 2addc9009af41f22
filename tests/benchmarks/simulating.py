"""How many schedules of faults the simulator carries out in a second of a core's time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from time import process_time

from tests.simulation.simulator.campaign import judged, uncollected
from tests.simulation.simulator.schedule import draw

IN_MEMORY = 100
ON_FILES = 40
_FIRST = 1000


def in_memory(_: Path) -> float:
    """Schedules a second, in memory."""
    return _a_second(IN_MEMORY, lambda seed: judged(draw(seed)))


def on_files(root: Path) -> float:
    """Schedules a second, on files of this machine with the kernel's locks."""

    def run(seed: int) -> None:
        place = root / str(seed)
        place.mkdir(mode=0o700)
        judged(draw(seed), place)

    return _a_second(ON_FILES, run)


def _a_second(count: int, run: Callable[[int], object]) -> float:
    run(0)  # what is made once for all of them
    with uncollected() as collect:
        begun = process_time()
        for seed in range(_FIRST, _FIRST + count):
            run(seed)
            collect()
        return count / (process_time() - begun)
