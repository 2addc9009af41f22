"""The table of ``make bench``: printed as it is measured, stored in ``docs/performance.md``."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.clock import wall_now
from reconciler.model.value import dataclass

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.benchmarks.measure import Cost

PAGE = Path(__file__).parents[2] / "docs/performance.md"
BEGIN, END = "<!-- bench: begin -->", "<!-- bench: end -->"
_HEAD = (
    "| what | CPU s | wall s | MiB | target | Terraform CPU s | Terraform MiB | ratio of CPU |\n"
    "|---|---|---|---|---|---|---|---|\n"
)


@dataclass(frozen=True, slots=True)
class Row:
    """One measurement, and the same for Terraform where there is one."""

    what: str
    ours: Cost
    peer: Cost | None
    target: str

    def line(self) -> str:
        """For a person who waits."""
        cells = [cell for cell in self.cells()[1:] if cell]
        return f"{self.what}: {' | '.join(cells)}"

    def cells(self) -> list[str]:
        ours, peer = self.ours, self.peer
        return [
            self.what,
            _seconds(ours.cpu),
            _seconds(ours.wall),
            _size(ours.mebibytes),
            self.target,
            _seconds(peer.cpu if peer else None),
            _size(peer.mebibytes if peer else None),
            f"{ours.cpu / peer.cpu:.4f}" if peer else "",
        ]


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}" if value < 10 else f"{value:.1f}"


def _size(value: float | None) -> str:
    return "" if value is None else f"{value:.0f}"


def as_markdown(rows: Sequence[Row]) -> str:
    """The table, and where and when it was measured."""
    body = "".join(f"| {' | '.join(row.cells())} |\n" for row in rows)
    return f"{_surroundings()}\n\n{_HEAD}{body}"


def _surroundings() -> str:
    parts = [
        f"Measured on {wall_now():%Y-%m-%d} by `make bench`",
        f"{os.cpu_count()} CPUs ({_processor()})",
        f"Python {platform.python_version()}",
    ]
    if shutil.which("terraform"):
        said = subprocess.run(["terraform", "version"], capture_output=True, text=True, check=True)
        parts.append(said.stdout.splitlines()[0])
    return ", ".join(parts) + "."


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def store(table: str) -> None:
    """Put ``table`` between the marks of the page."""
    before, rest = PAGE.read_text(encoding="utf-8").split(BEGIN)
    _, after = rest.split(END)
    PAGE.write_text(f"{before}{BEGIN}\n{table}{END}{after}", encoding="utf-8")
