"""``offers``, ``explain``, ``orphans``: reads of the market and of the accounts."""

from __future__ import annotations

import json
import shutil
import sys
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click

from reconciler.cli.chart_files import chart_file_option, chart_option, drawn
from reconciler.cli.lazy_group import TerraformCommand
from reconciler.cli.parameters import AddressType
from reconciler.cli.running import on_workspace
from reconciler.cli.terminal import palette_for
from reconciler.model.offer_view import OfferGroupKey, OfferSortKey

if TYPE_CHECKING:
    from reconciler.execution.interruption import Interruption
    from reconciler.model.address import Address
    from reconciler.model.explanation import Explanation
    from reconciler.model.offer import OfferBook
    from reconciler.model.price_history import PriceSeries
    from reconciler.operations.market_view import StrangerReport
    from reconciler.operations.workspace import Workspace
    from reconciler.planning.offer_view import OfferFilter
    from reconciler.providers.base import OfferQuery


# Where there is no terminal to measure, every column fits.
_PIPED_COLUMNS = 120


class _UsdType(click.ParamType[Decimal]):
    """A finite amount of dollars above zero."""

    name = "dollars"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Decimal:
        try:
            amount = Decimal(str(value))
        except InvalidOperation:
            amount = Decimal("NaN")
        if not amount.is_finite() or amount <= 0:
            self.fail(f"{value!r} is not an amount of dollars above 0", param, ctx)
        return amount


@click.command(cls=TerraformCommand)
@click.option("--gpu", metavar="GPU", help="Only this GPU: H100, H100:8, A100:80GB, 24GB..")
@click.option(
    "--provider", multiple=True, metavar="NAME", help="Only this provider. May be repeated."
)
@click.option("--region", multiple=True, metavar="NAME", help="Only this region. May be repeated.")
@click.option(
    "--country", multiple=True, metavar="CC", help="Only this country, e.g. NL. May be repeated."
)
@click.option("--spot/--on-demand", default=None, help="Only spot, or only on-demand.")
@click.option("--hosting", type=click.Choice(["datacenter", "community"]), help="Only this kind.")
@click.option("--verified", is_flag=True, help="Only verified hosts.")
@click.option("--max-gpu-hour", type=_UsdType(), metavar="USD", help="At most, per GPU and hour.")
@click.option("--disk", default="50GB", metavar="SIZE", help="Disk in the price (default: 50GB).")
@click.option(
    "--sort",
    type=click.Choice(get_args(OfferSortKey)),
    default="gpu-price",
    help="Order (default: gpu-price).",
)
@click.option("--group", type=click.Choice(get_args(OfferGroupKey)), help="Group by this.")
@click.option(
    "--limit", type=click.IntRange(min=1), default=40, metavar="N", help="Rows (default: 40)."
)
@click.option("--fresh", is_flag=True, help="Search again, also within a minute of the last time.")
@click.option(
    "--history",
    is_flag=True,
    help="What each GPU cost whenever `offers` looked: table, --chart, --out.",
)
@click.option("--json", "as_json", is_flag=True, help="Every matching offer as JSON.")
@chart_option
@chart_file_option
@click.pass_obj
def offers_command(directory: Path, /, **options: Any) -> int:
    """List what can be rented now, cheapest per GPU first; prices include the disk."""
    from reconciler.model.exit_code import ExitCode
    from reconciler.operations.market_view import list_market, remembered_prices
    from reconciler.planning.offer_view import view_offers

    _refuse_forms(options)
    wanted, disk_bytes = _filter(options), _disk_bytes(options["disk"])

    async def verb(
        workspace: Workspace, _: Interruption
    ) -> tuple[OfferBook, str, tuple[PriceSeries, ...]]:
        book = await list_market(workspace, _query(wanted, fresh=options["fresh"]))
        prices = remembered_prices(workspace) if options["history"] else ()
        return book, workspace.name, prices

    book, name, prices = on_workspace(directory, verb)
    as_json = bool(options["as_json"])
    if options["history"]:
        code = _show_history([one for one in prices if _fits(one, wanted)], name, options)
        return ExitCode.PROVIDER_FAILURE if book.failures else code
    view = view_offers(
        book.listings,
        wanted,
        disk_bytes=disk_bytes,
        sort=options["sort"],
        group_by=None if as_json else options["group"],
        limit=None if as_json else options["limit"],
    )
    if as_json:
        from reconciler.reporting.offer_json import offers_json

        click.echo(json.dumps(offers_json(view), indent=2))
    else:
        from reconciler.reporting.offer_table import offer_table

        width = shutil.get_terminal_size((_PIPED_COLUMNS, 24)).columns
        click.echo(offer_table(view, palette_for(sys.stdout), width=max(80, width)))
    if book.failures:
        return ExitCode.PROVIDER_FAILURE
    return ExitCode.DONE if view.matching else ExitCode.NO_OFFER


def _refuse_forms(options: dict[str, Any]) -> None:
    drawings = options["as_chart"] + (options["chart_file"] is not None)
    if drawings and not options["history"]:
        raise click.UsageError("--chart and --out show what GPUs have cost: add --history")
    if drawings + options["as_json"] > 1:
        raise click.UsageError("--json, --chart or --out: choose one")


def _show_history(prices: list[PriceSeries], workspace: str, options: dict[str, Any]) -> int:
    from reconciler.model.exit_code import ExitCode
    from reconciler.reporting.price_table import price_table, prices_json

    palette = palette_for(sys.stdout)
    if options["chart_file"] is not None:
        from reconciler.reporting.price_chart import price_drawing

        return drawn(options["chart_file"], price_drawing(prices, workspace))
    if options["as_chart"]:
        from reconciler.reporting.price_chart import price_bars

        click.echo(price_bars(prices, workspace, palette))
    elif options["as_json"]:
        click.echo(json.dumps(prices_json(prices), indent=2))
    else:
        width = shutil.get_terminal_size((_PIPED_COLUMNS, 24)).columns
        click.echo(price_table(prices, palette, width=max(80, width)))
    return ExitCode.DONE


def _fits(series: PriceSeries, wanted: OfferFilter) -> bool:
    """By what a history knows: GPU, number, provider, and spot or on-demand."""
    return (
        (not wanted.models or series.gpu in wanted.models)
        and wanted.gpu_count in (None, series.gpu_count)
        and (not wanted.providers or series.provider in wanted.providers)
        and wanted.spot in (None, series.spot)
    )


def _query(wanted: OfferFilter, *, fresh: bool) -> OfferQuery:
    """What the providers are asked for: as little as the filter leaves."""
    from reconciler.providers.base import OfferQuery

    return OfferQuery(
        models=wanted.models,
        kinds=frozenset({False, True}) if wanted.spot is None else frozenset({wanted.spot}),
        gpu_counts=frozenset() if wanted.gpu_count is None else frozenset({wanted.gpu_count}),
        fresh=fresh,
    )


def _filter(options: dict[str, Any]) -> OfferFilter:
    from reconciler.model.gpu_syntax import parse_gpu
    from reconciler.model.quantity import ANYTHING
    from reconciler.planning.offer_view import OfferFilter

    text = options["gpu"]
    try:
        gpu = parse_gpu(text) if text else None
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--gpu") from None
    counted = gpu is not None and text.rpartition(":")[2].isdigit()
    return OfferFilter(
        models=frozenset(gpu.models) if gpu else frozenset(),
        gpu_count=gpu.count if gpu and counted else None,
        gpu_memory=gpu.memory_bytes if gpu else ANYTHING,
        providers=frozenset(options["provider"]),
        regions=frozenset(options["region"]),
        countries=frozenset(code.upper() for code in options["country"]),
        spot=options["spot"],
        hosting=options["hosting"],
        verified=True if options["verified"] else None,
        max_gpu_hour_usd=options["max_gpu_hour"],
    )


def _disk_bytes(text: str) -> int:
    from reconciler.model.quantity import parse_size

    try:
        return parse_size(text)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--disk") from None


@click.command(cls=TerraformCommand)
@click.argument("address", type=AddressType())
@click.option("--json", "as_json", is_flag=True, help="The same as JSON.")
@click.pass_obj
def explain_command(directory: Path, address: Address, as_json: bool) -> int:
    """Say which offers a fleet may take, why not the others, and which change would save most."""
    from reconciler.model.exit_code import ExitCode
    from reconciler.operations.market_view import explain_fleet

    async def verb(workspace: Workspace, _: Interruption) -> Explanation:
        return await explain_fleet(workspace, address.fleet)

    explanation = on_workspace(directory, verb)
    if as_json:
        from reconciler.reporting.explain_json import explain_json

        click.echo(json.dumps(explain_json(explanation), indent=2))
    else:
        from reconciler.reporting.explain_text import explain_text

        columns = shutil.get_terminal_size((80, 24)).columns
        click.echo(explain_text(explanation, palette_for(sys.stdout), width=max(80, columns)))
    if explanation.failures:
        return ExitCode.PROVIDER_FAILURE
    return ExitCode.DONE if explanation.matching else ExitCode.NO_OFFER


@click.command(cls=TerraformCommand)
@click.pass_obj
def orphans_command(directory: Path) -> int:
    """List the machines of the accounts that no record covers, and volumes. Destroys nothing."""
    from reconciler.operations.market_view import find_strangers
    from reconciler.reporting.stranger_table import stranger_table

    async def verb(workspace: Workspace, _: Interruption) -> StrangerReport:
        return await find_strangers(workspace)

    report = on_workspace(directory, verb)
    palette = palette_for(sys.stdout)
    click.echo(stranger_table(report.strangers, report.now, report.doubts, palette, report.volumes))
    return int(report.code)
