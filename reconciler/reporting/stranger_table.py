"""``orphans`` for a terminal: machines in the accounts that no record covers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.cost import ZERO, format_rate
from reconciler.model.quantity import NEVER, about, format_size
from reconciler.reporting.columns import Column, cell, table, wrap
from reconciler.reporting.palette import PLAIN
from reconciler.reporting.wording import counted, gpu_text, minute

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from reconciler.model.plan import Stranger
    from reconciler.model.volume import Volume
    from reconciler.reporting.palette import Palette

ROWS_SHOWN = 100
_COLUMNS = (
    Column("KIND"),
    Column("PROVIDER", shrink_to=8),
    Column("ID", shrink_to=10, whole=True),
    Column("GPU", shrink_to=9),
    Column("$/H", right=True),
    Column("END (UTC)"),
    Column("LABEL", shrink_to=12),
)
_VOLUME_COLUMNS = (
    Column("PROVIDER", shrink_to=8),
    Column("VOLUME", shrink_to=10, whole=True),
    Column("SIZE", right=True),
    Column("$/H", right=True),
    Column("MOUNTED ON", shrink_to=10),
    Column("STATUS", shrink_to=8),
)
_TREATMENT = {
    "orphaned": "our mark, no record: noticed, then destroyed by reconcile or apply",
    "other-lineage": "our workspace name, another state: never destroyed by loop or apply",
    "other-id": "the mark of a machine of ours that nobody saw: perhaps it, taken for it later",
    "duplicate": "a second machine under one mark: never destroyed automatically",
    "let-go": "let go by state rm: destroyed at its end, not before",
    "neighbour": "another workspace's mark: never touched",
    "foreign": "no mark of ours: never touched",
}
"""SPEC.md section 4, the table of marks; the most alarming kind first."""


def stranger_table(
    strangers: Sequence[Stranger],
    now: datetime,
    doubts: Sequence[str] = (),
    palette: Palette = PLAIN,
    volumes: Sequence[Volume] = (),
) -> str:
    """One line a machine, what is done with each kind, the volumes, and the total on the last line.

    ``doubts`` name the providers whose listing may miss machines.
    """
    ranks = {kind: rank for rank, kind in enumerate(_TREATMENT)}
    ordered = sorted(
        strangers,
        key=lambda one: (ranks.get(one.kind, 99), one.instance.provider, one.instance.id),
    )
    blocks = [
        _rows(ordered, now, palette),
        list(_treatments(ordered, palette)),
        _volume_rows(volumes, palette),
        [palette.change(line) for doubt in doubts for line in wrap(f"May be more: {doubt}")],
        [palette.strong(_total(ordered))],
    ]
    return "\n\n".join("\n".join(block) for block in blocks if block)


def _rows(ordered: Sequence[Stranger], now: datetime, palette: Palette) -> list[str]:
    lines = table(_COLUMNS, [_row(one, now) for one in ordered[:ROWS_SHOWN]])
    if lines:
        lines[0] = palette.strong(lines[0])
    if len(ordered) > ROWS_SHOWN:
        lines.append(palette.quiet(f"... and {len(ordered) - ROWS_SHOWN} more"))
    return lines


def _row(stranger: Stranger, now: datetime) -> list[str]:
    machine = stranger.instance
    rate = machine.usd_per_hour
    return [
        stranger.kind,
        machine.provider,
        machine.id,
        gpu_text(machine.gpu, machine.gpu_count),
        "?" if rate is None else format_rate(rate).removesuffix("/h"),
        _end(stranger.end, now),
        machine.label or "(none)",
    ]


def _volume_rows(volumes: Sequence[Volume], palette: Palette) -> list[str]:
    """A class of their own: no mark says whose they are, and they are billed without a machine."""
    if not volumes:
        return []
    lines = table(_VOLUME_COLUMNS, [_volume_row(one) for one in volumes[:ROWS_SHOWN]])
    lines[0] = palette.strong(lines[0])
    if len(volumes) > ROWS_SHOWN:
        lines.append(palette.quiet(f"... and {len(volumes) - ROWS_SHOWN} more"))
    rates = [one.usd_per_hour for one in volumes if one.usd_per_hour is not None]
    total = format_rate(sum(rates, ZERO))
    unused = sum(1 for one in volumes if one.used_by == ())
    if len(rates) < len(volumes):
        total = f"{total} and {len(volumes) - len(rates)} of unknown rate"
    text = f"{counted(len(volumes), 'volume')}, {total}, {unused} mounted nowhere: billed until "
    return [*lines, *map(palette.quiet, wrap(f"{text}you delete them there; never touched here"))]


def _volume_row(volume: Volume) -> list[str]:
    rate = volume.usd_per_hour
    return [
        volume.provider,
        volume.id,
        "?" if volume.size_bytes is None else format_size(volume.size_bytes),
        "?" if rate is None else format_rate(rate).removesuffix("/h"),
        "some machine" if volume.used_by is None else ", ".join(volume.used_by) or "nowhere",
        volume.status_text,
    ]


def _end(end: datetime | None, now: datetime) -> str:
    if end is None:
        return ""
    if end == NEVER:
        return "never"
    return minute(end)[5:] if end > now else f"over by {about(now - end)}"


def _treatments(ordered: Sequence[Stranger], palette: Palette) -> Iterator[str]:
    present = {one.kind for one in ordered}
    for kind, treatment in _TREATMENT.items():
        if kind in present:
            yield palette.quiet(f"{kind}: {treatment}")


def _total(ordered: Sequence[Stranger]) -> str:
    if not ordered:
        return "Every machine in these accounts is covered by a record."
    rates = [one.instance.usd_per_hour for one in ordered]
    unpriced = sum(1 for rate in rates if rate is None)
    total = format_rate(sum((rate for rate in rates if rate is not None), ZERO))
    text = f"Total: {counted(len(ordered), 'machine')}, {total}"
    return cell(f"{text}, {unpriced} of unknown rate." if unpriced else f"{text}.")
