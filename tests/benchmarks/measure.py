"""Runs commands and says what each cost: processor time, wall time, peak memory."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from reconciler.model.value import dataclass

if TYPE_CHECKING:
    from collections.abc import Sequence


_LAUNCHER = str(Path(__file__).with_name("launcher.py"))


@dataclass(frozen=True, slots=True)
class Cost:
    """Medians over ``runs`` runs; seconds, and mebibytes at the peak. None: not measured."""

    cpu: float
    wall: float | None
    mebibytes: float | None
    runs: int


def cost_of(
    arguments: Sequence[str | Path], directory: Path, *, runs: int, expected: int = 0
) -> Cost:
    """What ``arguments`` cost in ``directory``; a first run, not counted, writes the bytecode.

    Raises ``RuntimeError`` when a run ends with another code than ``expected``.
    """
    if runs > 1:
        _one(arguments, directory, expected)
    costs = [_one(arguments, directory, expected) for _ in range(runs)]
    cpu, wall, mebibytes = (median(column) for column in zip(*costs, strict=True))
    return Cost(cpu, wall, mebibytes, runs)


def _one(
    arguments: Sequence[str | Path], directory: Path, expected: int
) -> tuple[float, float, float]:
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    told = subprocess.run(
        [sys.executable, "-S", "-E", _LAUNCHER, *(str(one) for one in arguments)],
        cwd=directory,
        env=environment,
        stdout=subprocess.PIPE,
        check=True,
    )
    code, *costs = told.stdout.split()
    if int(code) != expected:
        raise RuntimeError(f"{arguments} ended with {int(code)}, not {expected}")
    cpu, wall, mebibytes = map(float, costs)
    return cpu, wall, mebibytes
