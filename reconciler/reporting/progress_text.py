"""One line for one slot on its way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.cost import format_rate
from reconciler.model.quantity import about
from reconciler.reporting.columns import WIDTH, cell, cut

if TYPE_CHECKING:
    from reconciler.model.progress import SlotProgress


def progress_line(progress: SlotProgress) -> str:
    """Slot, stage, elapsed time, rate and detail, at most 80 columns, safe to print."""
    rate = "" if progress.usd_per_hour is None else format_rate(progress.usd_per_hour)
    line = (
        f"{progress.slot!s:<18} {progress.stage:<10} {about(progress.elapsed):>6}  "
        f"{rate:>9}  {cell(progress.detail, 120)}"
    )
    return cut(line.rstrip(), WIDTH)
