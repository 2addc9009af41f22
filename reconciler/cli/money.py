"""``costs``, ``budgets``, ``forecast`` and ``ledger``: what was spent, and what is left."""

from __future__ import annotations

import json
import sys
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import anyio
import click

from reconciler.cli.chart_files import chart_file_option, chart_option, drawn
from reconciler.cli.closed_output import put
from reconciler.cli.lazy_group import TerraformCommand, TerraformGroup
from reconciler.cli.parameters import SinceType
from reconciler.cli.running import refuse_no_directory
from reconciler.cli.terminal import palette_for
from reconciler.model.exit_code import ExitCode

if TYPE_CHECKING:
    from reconciler.model.costs import CostKey, CostReport
    from reconciler.operations.money import MoneyView

_MAX_ERROR_PERCENT = "0.1"
since_option = click.option(
    "--since",
    type=SinceType(),
    metavar="WHEN",
    help="From then on: a DURATION ago, or a moment; default: the first of this month, UTC.",
)
until_option = click.option(
    "--until", type=SinceType(), metavar="WHEN", help="Until then; default: now."
)


class _KeysType(click.ParamType[tuple[str, ...]]):
    """``team,gpu``: what to group by, in that order."""

    name = "keys"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        from reconciler.model.costs import COST_KEYS

        if isinstance(value, tuple):
            return value
        keys = tuple(part.strip() for part in str(value).split(",") if part.strip())
        for key in keys:
            if key not in COST_KEYS:
                self.fail(f"{key!r} is none of {', '.join(COST_KEYS)}", param, ctx)
        if not keys or len(set(keys)) < len(keys):
            self.fail("name each key once: team,gpu", param, ctx)
        return keys


def _money(directory: Path) -> MoneyView:
    from reconciler.operations.money import read_money

    refuse_no_directory(directory)
    return anyio.run(read_money, directory)


@click.command(cls=TerraformCommand)
@click.option(
    "--by",
    type=_KeysType(),
    default="fleet",
    metavar="KEYS",
    help="Group by these: team, owner, fleet, provider, gpu, day (default: fleet).",
)
@since_option
@until_option
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.option("--csv", "as_csv", is_flag=True, help="As CSV.")
@chart_option
@chart_file_option
@click.pass_obj
def costs_command(
    directory: Path,
    /,
    by: tuple[str, ...],
    since: timedelta | datetime | None,
    until: timedelta | datetime | None,
    chart_file: Path | None,
    **forms: bool,
) -> int:
    """Show what was spent. Machines that never became ready stand on their own, with their ids."""
    _one_form(forms, chart_file)
    money = _money(directory)
    report = money.costs(since, until, cast("tuple[CostKey, ...]", by))
    if chart_file is not None:
        from reconciler.reporting.cost_chart import cost_drawing

        return drawn(chart_file, cost_drawing(report, money.workspace))
    put(_costs_as(report, money.workspace, forms))
    return ExitCode.DONE


def _costs_as(report: CostReport, workspace: str, forms: dict[str, bool]) -> str:
    from reconciler.reporting.cost_text import cost_csv, cost_json, cost_text

    if forms["as_json"]:
        return json.dumps(cost_json(report, workspace), indent=2)
    if forms["as_csv"]:
        return "\n".join(cost_csv(report))
    if forms["as_chart"]:
        from reconciler.reporting.cost_chart import cost_bars

        return cost_bars(report, workspace, palette_for(sys.stdout))
    return cost_text(report, workspace, palette_for(sys.stdout))


@click.command(cls=TerraformCommand)
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.option("--csv", "as_csv", is_flag=True, help="As CSV.")
@chart_option
@chart_file_option
@click.pass_obj
def budgets_command(directory: Path, /, chart_file: Path | None, **forms: bool) -> int:
    """Show every budget as last applied: spent, reserved until its machines end, and left."""
    from reconciler.reporting.budget_text import budgets_csv, budgets_json, budgets_text

    _one_form(forms, chart_file)
    money = _money(directory)
    workspace, now, palette = money.workspace, money.now, palette_for(sys.stdout)
    if chart_file is not None:
        from reconciler.reporting.budget_chart import budget_drawing

        return drawn(chart_file, budget_drawing(money.curves(), workspace, now))
    if forms["as_chart"]:
        from reconciler.reporting.budget_chart import budget_bars

        put(budget_bars(money.curves(), workspace, now, palette))
    elif forms["as_json"]:
        put(json.dumps(budgets_json(money.budgets(), workspace, now), indent=2))
    elif forms["as_csv"]:
        put("\n".join(budgets_csv(money.budgets())))
    else:
        put(budgets_text(money.budgets(), workspace, now, palette))
    return ExitCode.DONE


def _one_form(forms: dict[str, bool], chart_file: Path | None) -> None:
    if sum(forms.values()) + (chart_file is not None) > 1:
        raise click.UsageError("--json, --csv, --chart or --out: choose one")


@click.command(cls=TerraformCommand)
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.option("--csv", "as_csv", is_flag=True, help="As CSV.")
@click.pass_obj
def forecast_command(directory: Path, as_json: bool, as_csv: bool) -> int:
    """Say when each budget is empty at the present rates, and under the declared office hours."""
    from reconciler.reporting.budget_text import forecast_csv, forecast_json, forecast_text
    from reconciler.reporting.hours_text import hours_forecast_json, hours_forecast_text

    _one_form({"as_json": as_json, "as_csv": as_csv}, None)
    money = _money(directory)
    found, in_hours = money.forecast(), money.forecast_in_hours()
    if as_json:
        told = forecast_json(found, money.workspace)
        put(json.dumps({**told, "office_hours": hours_forecast_json(in_hours)}, indent=2))
    elif as_csv:
        put("\n".join(forecast_csv(found, in_hours)))
    else:
        put(forecast_text(found, money.workspace, palette_for(sys.stdout)))
        if in_hours is not None:
            put("\n" + hours_forecast_text(in_hours))
    return ExitCode.DONE


@click.group(cls=TerraformGroup)
def ledger_group() -> None:
    """Export what was billed, and compare it with a provider's bill."""


@ledger_group.command("export")
@since_option
@until_option
@click.option("--json", "as_json", is_flag=True, help="As JSON instead of CSV.")
@click.pass_obj
def export_command(
    directory: Path,
    since: timedelta | datetime | None,
    until: timedelta | datetime | None,
    as_json: bool,
) -> int:
    """Print every charge with the column names of FOCUS 1.0, which billing tools read."""
    from reconciler.reporting.ledger_export import focus_csv, focus_rows

    money = _money(directory)
    rows = focus_rows(money.charges(since, until), money.workspace)
    put(json.dumps(list(rows), indent=2) if as_json else "\n".join(focus_csv(rows)))
    return ExitCode.DONE


@ledger_group.command("check")
@click.argument("bill", type=click.Path(path_type=Path))
@click.option("--provider", metavar="NAME", help="Whose bill it is: only its machines count.")
@click.option("--id-column", metavar="NAME", help="The column of machine ids, e.g. ResourceId.")
@click.option("--cost-column", metavar="NAME", help="The column of dollars, e.g. BilledCost.")
@click.option(
    "--max-error",
    type=click.FloatRange(min=0),
    default=_MAX_ERROR_PERCENT,
    metavar="PERCENT",
    help=f"How far the sums may differ (default: {_MAX_ERROR_PERCENT}).",
)
@click.option(
    "--until", type=SinceType(), metavar="WHEN", help="When the bill was made; default: now."
)
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.pass_obj
def check_command(directory: Path, /, bill: Path, **options: Any) -> int:
    """Compare a provider's bill, a CSV, with the ledger: exit 3 where they differ.

    The bill has one row or more for each machine, over its whole life.
    """
    from reconciler.operations.money import read_bill
    from reconciler.reporting.ledger_export import bill_json, bill_text

    charged = read_bill(directory / bill, options["id_column"], options["cost_column"])
    check = _money(directory).check(charged, options["provider"], options["until"])
    if options["as_json"]:
        put(json.dumps(bill_json(check), indent=2))
    else:
        put(bill_text(check, palette_for(sys.stdout)))
    allowed = Decimal(str(options["max_error"]))
    agree = not check.unknown and not check.missing and check.error_percent <= allowed
    return ExitCode.DONE if agree else ExitCode.PARTIAL
