"""Budgets for people: a line each in a plan, and the table of ``budgets``."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from reconciler.model.cost import format_rate, format_usd, shared_usd
from reconciler.model.text import printable
from reconciler.reporting.columns import Column, cell, table, wrap
from reconciler.reporting.csv_text import csv_lines
from reconciler.reporting.wording import iso, local_text, utc

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from reconciler.model.budget import BudgetSummary, Forecast, Runway
    from reconciler.model.office_windows import HoursForecast
    from reconciler.reporting.palette import Palette

PLAN_LINES = 12


def plan_budget_lines(budgets: Sequence[BudgetSummary], palette: Palette) -> Iterator[str]:
    """What each budget has left once the plan is carried out; the tightest first."""
    ranked = sorted(budgets, key=lambda one: (not one.changes, _share_left(one), one.name))
    for one in ranked[:PLAN_LINES]:
        paint = palette.change if one.changes else palette.quiet
        for line in wrap(f"Budget {cell(one.name)}: {_figures(one)}", hang=2):
            yield paint(line)
        for change in one.changes:
            yield from (palette.change(line) for line in wrap(f"~ {change}", indent=2, hang=2))
    if len(ranked) > PLAN_LINES:
        yield palette.quiet(f"... and {len(ranked) - PLAN_LINES} more (gpu-shopper budgets)")


def _figures(one: BudgetSummary) -> str:
    parts = []
    if one.limit_usd is not None and one.left_usd is not None:
        span = "in total" if one.period == "total" else f"this {one.period}"
        spent, reserved, left = map(format_usd, _shares(one, one.limit_usd, one.left_usd))
        parts.append(
            f"{spent} spent {span}, {reserved} reserved, {left} left of {format_usd(one.limit_usd)}"
        )
    if one.max_hourly_usd is not None:
        now, most = format_rate(one.usd_per_hour), format_rate(one.max_hourly_usd)
        parts.append(f"{now} of {most}")
    return "; ".join(parts)


def _shares(one: BudgetSummary, limit: Decimal, left: Decimal) -> list[Decimal]:
    """What is spent, reserved and left, so that it adds up to the limit as it is shown."""
    return shared_usd((one.spent_usd, one.committed_usd, left), limit)


def _share_left(one: BudgetSummary) -> float:
    if one.limit_usd is None or one.left_usd is None:
        return 1.0
    return float(one.left_usd / one.limit_usd)


_BUDGETS = (
    Column("BUDGET", shrink_to=10),
    Column("PERIOD"),
    Column("SPENT", right=True),
    Column("RESERVED", right=True),
    Column("LEFT", right=True),
    Column("LIMIT", right=True),
    Column("USED"),
)
_RUNWAYS = (
    Column("BUDGET", shrink_to=10),
    Column("UNSPENT", right=True),
    Column("BURN", right=True),
    Column("RUNWAY", shrink_to=30),
)
_BAR = 12
_LEGEND = "[#] spent, [+] reserved until machines end, [.] left: neither spent nor reserved"


def budgets_text(
    budgets: Sequence[BudgetSummary], workspace: str, now: datetime, palette: Palette
) -> str:
    """A table with a bar each, which is explained below it. Within 80 columns."""
    title = palette.strong(wrap(f"Budgets of workspace {cell(workspace)}, {utc(now)}")[0])
    if not budgets:
        return f"{title}\n\nNo budget is applied: write budgets: in the documents, then apply."
    heading, *rows = table(_BUDGETS, [_budget_row(one) for one in budgets])
    lines = [title, "", palette.strong(heading)]
    for one, row in zip(budgets, rows, strict=True):
        over = one.left_usd is not None and one.left_usd < 0
        lines.append(palette.alarm(row) if over else row)
        if one.max_hourly_usd is not None:
            rates = f"{format_rate(one.usd_per_hour)} of {format_rate(one.max_hourly_usd)}"
            lines.append(palette.quiet(f"    {rates} at any moment"))
        if not one.is_wall:
            lines.append(palette.alarm("    NOT A WALL: its on_exceed has no destroy"))
        if one.unproven_usd:
            amount = format_usd(_cents_up(one.unproven_usd))
            told = f"{amount} of it since destroys that are not proven yet; less once they are"
            lines.append(palette.quiet(f"    {told}"))
    lines += ["", palette.quiet(_LEGEND)]
    return "\n".join(lines)


def _budget_row(one: BudgetSummary) -> list[str]:
    if one.limit_usd is None or one.left_usd is None:
        return [one.name, "", "", "", "", "", ""]
    used = f"{_bar(one, one.limit_usd)} {one.spent_usd * 100 / one.limit_usd:.0f} %"
    money = (*_shares(one, one.limit_usd, one.left_usd), one.limit_usd)
    return [one.name, one.period, *(format_usd(part) for part in money), used]


def _bar(one: BudgetSummary, limit: Decimal) -> str:
    spent = min(_BAR, int(one.spent_usd * _BAR / limit))
    reserved = min(_BAR, int((one.spent_usd + one.committed_usd) * _BAR / limit)) - spent
    return "[" + "#" * spent + "+" * reserved + "." * (_BAR - spent - reserved) + "]"


def budgets_json(budgets: Sequence[BudgetSummary], workspace: str, now: datetime) -> dict[str, Any]:
    """Every figure, dollars as text."""
    return {
        "workspace": printable(workspace),
        "now": iso(now),
        "budgets": [_budget_fields(one) for one in budgets],
    }


def _budget_fields(one: BudgetSummary) -> dict[str, Any]:
    return {
        "name": one.name,
        "period": one.period,
        "since": None if one.since is None else iso(one.since),
        "until": None if one.until is None else iso(one.until),
        "limit_usd": _text(one.limit_usd),
        "max_hourly_usd": _text(one.max_hourly_usd),
        "spent_usd": _text(one.spent_usd),
        "unproven_usd": _text(one.unproven_usd),
        "committed_usd": _text(one.committed_usd),
        "left_usd": _text(one.left_usd),
        "usd_per_hour": _text(one.usd_per_hour),
        "is_wall": one.is_wall,
    }


_BUDGET_CELLS = (
    ("budget", "name"),
    ("period", "period"),
    ("since", "since"),
    ("until", "until"),
    ("limit_usd", "limit_usd"),
    ("max_hourly_usd", "max_hourly_usd"),
    ("spent_usd", "spent_usd"),
    ("unproven_usd", "unproven_usd"),
    ("reserved_usd", "committed_usd"),
    ("left_usd", "left_usd"),
    ("usd_per_hour", "usd_per_hour"),
)


def budgets_csv(budgets: Sequence[BudgetSummary]) -> Iterator[str]:
    """One line a budget, with a heading."""
    yield from csv_lines([[heading for heading, _ in _BUDGET_CELLS]])
    for one in budgets:
        fields = _budget_fields(one)
        figures = [_figure(fields[key]) for _, key in _BUDGET_CELLS[1:]]
        yield from csv_lines([[one.name, *figures]])


def forecast_csv(found: Forecast, in_hours: HoursForecast | None) -> Iterator[str]:
    """One line a budget and way of going on, with a heading: at the present rates, and, where
    there are any that are applied, under the declared office hours.
    """
    yield "budget,under,limit_usd,spent_usd,usd_per_hour,empty_at,until,projected_usd"
    for one in found.runways:
        money = (_text(one.limit_usd), _text(one.spent_usd), _text(one.usd_per_hour))
        yield from _forecast_row(
            one.name, "present rates", money, one.empty_at, one.lasts_until, one.projected_usd
        )
    for hours in in_hours.runways if in_hours is not None else ():
        money = (_text(hours.limit_usd), None, None)
        yield from _forecast_row(
            hours.name, "office hours", money, hours.empty_at, hours.until, hours.projected_usd
        )


def _forecast_row(
    name: str,
    under: str,
    money: Sequence[str | None],
    empty_at: datetime | None,
    until: datetime | None,
    projected: Decimal,
) -> Iterator[str]:
    moments = [None if one is None else iso(one) for one in (empty_at, until)]
    figures = [_figure(one) for one in (*money, *moments, _text(projected))]
    return csv_lines([[name, under, *figures]])


def _figure(value: str | None) -> object:
    """A figure of ours is no text: a sign before it makes no formula."""
    try:
        return "" if value is None else Decimal(value)
    except ArithmeticError:
        return value


def forecast_text(found: Forecast, workspace: str, palette: Palette) -> str:
    """One line a budget; ``empty on Thursday 26 Nov 14:20``, by the clocks of its time zone."""
    title = f"Forecast for workspace {cell(workspace)}, {utc(found.now)}"
    lines = [palette.strong(wrap(title)[0]), ""]
    rows = [
        [
            one.name,
            format_usd(one.limit_usd - one.spent_usd),
            format_rate(one.usd_per_hour),
            _runway_text(one),
        ]
        for one in found.runways
    ]
    if rows:
        heading, *told = table(_RUNWAYS, rows)
        lines.append(palette.strong(heading))
        for one, row in zip(found.runways, told, strict=True):
            lines.append(palette.alarm(row) if one.empty_at else row)
        lines.append("")
    spans = {24: "day", 168: "week", 720: "30 days"}
    coming = ", ".join(f"{format_usd(usd)} in a {spans[hours]}" for hours, usd in found.coming)
    lines += wrap(f"While nothing changes: {coming.replace('a 30', '30')}.", hang=2)
    lines.append(palette.strong(f"Burn rate: {format_rate(found.usd_per_hour)}."))
    return "\n".join(lines)


def _runway_text(one: Runway) -> str:
    if one.empty_at is not None:
        return f"empty on {local_text(one.empty_at, one.time_zone)}"
    if not one.usd_per_hour:
        return "nothing runs"
    if one.lasts_until is None:
        return "lasts"
    return f"lasts until {local_text(one.lasts_until, one.time_zone)}"


def forecast_json(found: Forecast, workspace: str) -> dict[str, Any]:
    """Every figure, dollars as text, moments in UTC."""
    return {
        "workspace": printable(workspace),
        "now": iso(found.now),
        "usd_per_hour": _text(found.usd_per_hour),
        "budgets": [
            {
                "name": one.name,
                "limit_usd": _text(one.limit_usd),
                "spent_usd": _text(one.spent_usd),
                "usd_per_hour": _text(one.usd_per_hour),
                "empty_at": None if one.empty_at is None else iso(one.empty_at),
                "lasts_until": None if one.lasts_until is None else iso(one.lasts_until),
                "projected_usd": _text(one.projected_usd),
            }
            for one in found.runways
        ],
        "coming": [{"hours": hours, "usd": _text(usd)} for hours, usd in found.coming],
    }


def _cents_up(usd: Decimal) -> Decimal:
    """At least a cent: nothing that is there is shown as nothing."""
    return max(usd, Decimal("0.01"))


def _text(usd: Decimal | None) -> str | None:
    return None if usd is None else f"{usd:f}"
