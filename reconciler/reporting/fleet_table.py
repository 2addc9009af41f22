"""``status`` for a terminal: what runs, what it costs, how long it has left."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from reconciler.model.cost import ZERO, format_rate, format_usd, shared_usd
from reconciler.model.quantity import NEVER, about
from reconciler.reporting.columns import Column, cell, table, wrap
from reconciler.reporting.hours_text import hours_note
from reconciler.reporting.palette import PLAIN
from reconciler.reporting.ssh_text import endpoint_text
from reconciler.reporting.wording import counted, gpu_text, utc

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime
    from decimal import Decimal

    from reconciler.model.status import MachineRow, StatusReport
    from reconciler.reporting.palette import Palette

ROWS_SHOWN = 40
_CALM = frozenset({"placed", "created", "booting", "running"})
_MACHINES = (
    Column("SLOT", shrink_to=16),
    Column("STAGE"),
    Column("GPU", shrink_to=9),
    Column("WHERE", shrink_to=9),
    Column("$/H", right=True),
    Column("SO FAR", right=True),
    Column("LEFT", right=True),
)
_FLEETS = (
    Column("FLEET", shrink_to=12),
    Column("MACHINES", shrink_to=20),
    Column("$/H", right=True),
    Column("SO FAR", right=True),
    Column("NEXT END", right=True),
)


def status_text(report: StatusReport, palette: Palette = PLAIN) -> str:
    """Within 80 columns; more than 40 machines are shown by fleet, and singly only where
    something is wrong. The total stands on the last line.
    """
    title = f"Workspace {cell(report.workspace)}, {utc(report.now)}"
    rows = sorted(report.rows, key=lambda row: (row.slot, row.instance_id))
    many = len(rows) > ROWS_SHOWN
    single = [row for row in rows if row.note or row.stage not in _CALM] if many else rows
    blocks = [
        [palette.strong(line) for line in wrap(title)],
        _fleet_lines(rows, report, palette) if many else [],
        list(_machine_lines(single, report, palette)),
        list(_hours_lines(report)),
        list(_intent_lines(report, palette)),
        list(_finding_lines(report, palette)),
        list(_closing_lines(report, palette)),
    ]
    return "\n\n".join("\n".join(block) for block in blocks if block)


def _adding_up(spent: Sequence[Decimal], report: StatusReport) -> list[Decimal]:
    """To what the last line shows; the rest is for others, and for creates in doubt."""
    rest = report.usd_so_far - sum(spent, ZERO)
    return shared_usd([*spent, rest], report.usd_so_far)


def _machine_lines(
    rows: Sequence[MachineRow], report: StatusReport, palette: Palette
) -> Iterator[str]:
    now = report.now
    shown = rows[:ROWS_SHOWN]
    if not shown:
        return
    money = _adding_up([row.usd_so_far for row in rows], report)
    cells = [_machine_row(row, usd, now) for row, usd in zip(shown, money, strict=False)]
    heading, *lines = table(_MACHINES, cells)
    yield palette.strong(heading)
    for row, line in zip(shown, lines, strict=True):
        yield line if row.stage in _CALM else palette.change(line)
        where = endpoint_text(row.ssh)
        below = "  ".join(part for part in (cell(row.instance_id, 40), where) if part)
        yield from (palette.quiet(text) for text in wrap(below, indent=4))
        if row.note:
            yield from (palette.change(text) for text in wrap(cell(row.note, 200), indent=4))
    if len(rows) > len(shown):
        yield palette.quiet(f"... and {len(rows) - len(shown)} more (gpu-shopper status -json)")


def _machine_row(row: MachineRow, usd_so_far: Decimal, now: datetime) -> list[str]:
    return [
        str(row.slot),
        row.stage,
        gpu_text(row.gpu, row.gpu_count),
        " ".join(cell(part, 24) for part in (row.provider, row.region) if part),
        format_rate(row.usd_per_hour).removesuffix("/h"),
        format_usd(usd_so_far),
        _left(row, now),
    ]


def _left(row: MachineRow, now: datetime) -> str:
    left = row.time_left(now)
    if left is None:
        return "never" if row.ends_at == NEVER else "?"
    return about(left) if left.total_seconds() >= 0 else "overdue"


def _fleet_lines(rows: Sequence[MachineRow], report: StatusReport, palette: Palette) -> list[str]:
    fleets: dict[str, list[MachineRow]] = defaultdict(list)
    for row in rows:
        fleets[row.slot.fleet].append(row)
    shown = list(fleets.items())[:ROWS_SHOWN]
    spent = [sum((row.usd_so_far for row in mine), ZERO) for _, mine in shown]
    cells = [
        _fleet_row(name, mine, usd, report.now)
        for (name, mine), usd in zip(shown, _adding_up(spent, report), strict=False)
    ]
    heading, *lines = table(_FLEETS, cells)
    if len(fleets) > len(shown):
        lines.append(palette.quiet(f"... and {len(fleets) - len(shown)} more fleets"))
    return [palette.strong(heading), *lines]


def _fleet_row(
    name: str, rows: Sequence[MachineRow], usd_so_far: Decimal, now: datetime
) -> list[str]:
    stages = Counter(row.stage for row in rows)
    ends = [row for row in rows if row.ends_at is not None]
    next_end = min(ends, key=lambda row: row.ends_at or now) if ends else None
    return [
        f"fleet.{name}",
        ", ".join(f"{number} {stage}" for stage, number in stages.most_common()),
        format_rate(sum((row.usd_per_hour for row in rows), ZERO)).removesuffix("/h"),
        format_usd(usd_so_far),
        _left(next_end, now) if next_end else "",
    ]


def _intent_lines(report: StatusReport, palette: Palette) -> Iterator[str]:
    for row in report.intents[:ROWS_SHOWN]:
        age, rate = about(report.now - row.begun_at), format_rate(row.usd_per_hour)
        what = cell(row.detail, 120) or "create sent, outcome unknown"
        text = f"? {row.slot}  {what} ({cell(row.provider, 24)}, {age} ago); counts as {rate}"
        yield from (palette.change(line) for line in wrap(text, hang=2))
    if len(report.intents) > ROWS_SHOWN:
        yield palette.quiet(f"... and {len(report.intents) - ROWS_SHOWN} more creates unknown")


def _hours_lines(report: StatusReport) -> Iterator[str]:
    for name, hours in report.hours[:ROWS_SHOWN]:
        yield from wrap(f"fleet.{cell(name, 40)}: {hours_note(hours)}", hang=2)
    if len(report.hours) > ROWS_SHOWN:
        yield f"... and {len(report.hours) - ROWS_SHOWN} more fleets with office hours"


def _finding_lines(report: StatusReport, palette: Palette) -> Iterator[str]:
    for finding in report.findings[:ROWS_SHOWN]:
        yield from (palette.change(line) for line in wrap(cell(finding.message, 400), hang=2))
        if finding.fix:
            yield from wrap(f"fix: {cell(finding.fix, 200)}", indent=2, hang=2)
    if len(report.findings) > ROWS_SHOWN:
        yield palette.quiet(f"... and {len(report.findings) - ROWS_SHOWN} more")


def _closing_lines(report: StatusReport, palette: Palette) -> Iterator[str]:
    if report.strangers:
        seen = ", ".join(f"{number} {cell(kind)}" for kind, number in report.strangers)
        yield from wrap(f"Also in these accounts: {seen} (gpu-shopper orphans)", hang=2)
    if not report.rows and not report.intents:
        yield palette.strong("Nothing runs. $0.000/h")
        return
    unwatched = report.enforced_by.startswith("NOTHING")
    if report.worst_case_usd is None:
        yield palette.alarm("No worst case: a lease has no end.")
    elif report.worst_case_until is not None:
        worst = f"At most {format_usd(report.worst_case_usd)} until {utc(report.worst_case_until)}"
        yield f"{worst} {'only if a loop destroys them' if unwatched else 'if nobody looks again'};"
        yield "disks included, bandwidth excluded."
    paint = palette.alarm if unwatched else palette.quiet
    yield from (paint(line) for line in wrap(f"Enforced by: {report.enforced_by}", hang=2))
    number = len(report.rows) + len(report.intents)
    rate, spent = format_rate(report.usd_per_hour), format_usd(report.usd_so_far)
    yield palette.strong(f"Total: {counted(number, 'machine')}, {rate}, {spent} so far.")
