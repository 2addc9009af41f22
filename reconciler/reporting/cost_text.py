"""``costs``: what was spent, for a terminal, as JSON and as CSV."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from reconciler.model.cost import ZERO, format_rate, format_usd, shared_usd
from reconciler.model.ledger import COST_KINDS, MICRO, Amounts, ClosedMachine
from reconciler.model.text import printable
from reconciler.reporting.columns import Column, cell, table, wrap
from reconciler.reporting.csv_text import csv_lines
from reconciler.reporting.palette import PLAIN
from reconciler.reporting.wording import counted, iso, minute, utc

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from reconciler.model.costs import CostReport, CostRow
    from reconciler.reporting.palette import Palette

ROWS_SHOWN = 60
FAILED_SHOWN = 20
_MONEY = (
    Column("HOURS", right=True),
    Column("GPU", right=True),
    Column("DISK", right=True),
    Column("STOPPED", right=True),
    Column("FAILED BOOT", right=True),
    Column("TOTAL", right=True),
)
_FAILED = (
    Column("SLOT", shrink_to=16),
    Column("MACHINE", shrink_to=12, whole=True),
    Column("FROM (UTC)"),
    Column("TO"),
    Column("COST", right=True),
    Column("ENDED", shrink_to=8),
)


def cost_text(report: CostReport, workspace: str, palette: Palette = PLAIN) -> str:
    """Within 80 columns, the dearest first by what is shown, equals by name; days in their order.

    Cents are shared out so that everything adds up to the total on the last line.
    """
    title = f"Workspace {cell(workspace)}, {utc(report.since)} to {utc(report.until)}"
    blocks = [
        [palette.strong(line) for line in wrap(title)],
        list(_rows(report, palette)),
        list(_failed(report.failed, palette)),
        list(_closing(report, palette)),
    ]
    return "\n\n".join("\n".join(block) for block in blocks if block)


def _rows(report: CostReport, palette: Palette) -> Iterator[str]:
    if not report.rows:
        return
    names = [Column(name.upper(), shrink_to=8) for name in report.by]
    lines = sorted(report.rows, key=lambda row: row.keys)
    shares = _shares(report, lines)
    totals = [sum(parts, ZERO) for parts in zip(*shares, strict=True)]
    days = [at for at, name in enumerate(report.by) if name == "day"]
    order = sorted(
        range(len(lines)), key=lambda at: ([lines[at].keys[day] for day in days], -totals[at], at)
    )
    rows = [
        [key or "(none)" for key in lines[at].keys]
        + [f"{Decimal(lines[at].amounts.seconds) / 3600:.1f}"]
        + [format_usd(share[at]) if share[at] else "" for share in shares]
        + [format_usd(totals[at])]
        for at in order
    ]
    heading, *told = table((*names, *_MONEY), rows[:ROWS_SHOWN])
    yield palette.strong(heading)
    yield from told
    if len(rows) > ROWS_SHOWN:
        rest = format_usd(sum((totals[at] for at in order[ROWS_SHOWN:]), ZERO))
        more = f"... and {len(rows) - ROWS_SHOWN} more, {rest} (gpu-shopper costs -json)"
        yield palette.quiet(more)


def _shares(report: CostReport, lines: Sequence[CostRow]) -> list[list[Decimal]]:
    """What each line shows of each kind: the total is shared out to kinds, and each to lines."""
    kinds = [report.total.of(kind) * MICRO for kind in COST_KINDS]
    return [
        shared_usd([row.amounts.of(kind) * MICRO for row in lines], whole)
        for kind, whole in zip(COST_KINDS, shared_usd(kinds, report.total.usd), strict=True)
    ]


def _failed(failed: Sequence[ClosedMachine], palette: Palette) -> Iterator[str]:
    if not failed:
        return
    spent = [one.usd for one in failed]
    shares = shared_usd(spent, sum(spent, ZERO), 4)
    total = format_usd(sum(shares, ZERO), 4)
    yield palette.strong(f"Never became ready: {counted(len(failed), 'machine')}, {total}")
    rows = [
        [
            one.slot,
            f"{cell(one.provider, 24)} {one.instance_id}",
            minute(one.since),
            minute(one.until),
            format_usd(usd, 4),
            one.why,
        ]
        for one, usd in list(zip(failed, shares, strict=True))[-FAILED_SHOWN:]
    ]
    yield from table(_FAILED, rows)
    if len(failed) > FAILED_SHOWN:
        yield palette.quiet(f"... and {len(failed) - FAILED_SHOWN} before them")


def _closing(report: CostReport, palette: Palette) -> Iterator[str]:
    unknown = report.total.unknown * MICRO
    if unknown:
        text = f"Of it {format_usd(unknown)} for time in which nobody could see the machine."
        yield from wrap(text, hang=2)
    total, rate = format_usd(report.total.usd), format_rate(report.usd_per_hour)
    yield palette.strong(f"Total: {total}, and {rate} now.")


def cost_json(report: CostReport, workspace: str) -> dict[str, Any]:
    """Everything of ``report``, in dollars as text, exact to the micro-dollar."""
    return {
        "workspace": printable(workspace),
        "since": iso(report.since),
        "until": iso(report.until),
        "by": list(report.by),
        "rows": [
            {**dict(zip(report.by, map(_safe, row.keys), strict=True)), **_amounts(row.amounts)}
            for row in report.rows
        ],
        "total": _amounts(report.total),
        "failed_boots": [_failed_json(one) for one in report.failed],
        "usd_per_hour": f"{report.usd_per_hour:f}",
    }


def cost_csv(report: CostReport) -> Iterable[str]:
    """One line a row, with a heading; no line of totals."""
    kinds = [f"{kind.replace('-', '_')}_usd" for kind in COST_KINDS]
    heading = [*report.by, *kinds, "total_usd", "unknown_usd", "hours"]
    rows = [[*row.keys, *_amounts(row.amounts).values()] for row in report.rows]
    return csv_lines([heading, *([*map(_number, row)] for row in rows)])


def _number(value: object) -> object:
    """A figure of ours is no text: nothing about it has to be escaped."""
    if isinstance(value, str) and value.replace(".", "", 1).isdigit():
        return Decimal(value)
    return value


def _amounts(amounts: Amounts) -> dict[str, str]:
    kinds = {
        f"{kind.replace('-', '_')}_usd": f"{amounts.of(kind) * MICRO:f}" for kind in COST_KINDS
    }
    return {
        **kinds,
        "total_usd": f"{amounts.usd:f}",
        "unknown_usd": f"{amounts.unknown * MICRO:f}",
        "hours": f"{Decimal(amounts.seconds) / 3600:.4f}",
    }


def _failed_json(one: ClosedMachine) -> dict[str, Any]:
    return {
        "slot": _safe(one.slot),
        "provider": _safe(one.provider),
        "id": _safe(one.instance_id),
        "gpu": _safe(one.gpu),
        "from": iso(one.since),
        "to": iso(one.until),
        "usd": f"{one.usd:f}",
        "why": _safe(one.why),
    }


def _safe(text: str) -> str:
    return printable(text, 200)
