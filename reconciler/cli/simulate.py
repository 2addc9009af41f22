"""``simulate``: the simulated market as its owner sees it, the bill included."""

from __future__ import annotations

import math
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.cli.lazy_group import TerraformGroup
from reconciler.cli.parameters import DurationType
from reconciler.cli.simulated_faults import FaultType, fault_option, fault_verb, faults_while

if TYPE_CHECKING:
    from datetime import timedelta

    from reconciler.market.fault_words import WantedFault
    from reconciler.market.offers_csv import LoadedOffers
    from reconciler.market.world import World

market_option = click.option(
    "--market",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="The market's file (default: the one that the documents here use).",
)


def _finite(_: click.Context, param: click.Parameter, value: float | None) -> float | None:
    """NaN is in no range and passes every check of one."""
    if value is not None and not math.isfinite(value):
        raise click.BadParameter("it must be a finite number", param=param)
    return value


def _address(_: click.Context, param: click.Parameter, value: str | None) -> str | None:
    import ipaddress

    if value is None:
        return None
    host, colon, port = value.rpartition(":")
    try:
        ipaddress.IPv4Address(host)
    except ValueError:
        host = ""
    if (
        not (host and colon)
        or not port.isascii()
        or not port.isdigit()
        or not 0 < int(port) < 65_536
    ):
        raise click.BadParameter("write it like 127.0.0.1:2222", param=param)
    return value


@click.group(cls=TerraformGroup)
def simulate_group() -> None:
    """Make and move the simulated market, and read its bill."""


@simulate_group.command("new")
@market_option
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=1,
    metavar="N",
    help="Same seed, same market (default: 1).",
)
@click.option(
    "--speed",
    type=click.FloatRange(min=0, min_open=True, max=1_000_000),
    callback=_finite,
    default=1.0,
    metavar="N",
    help="Market seconds per real second (default: 1).",
)
@click.option(
    "--offers",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="CSV",
    help="Build it from a CSV of offers instead of the built-in ones.",
)
@click.option(
    "--ssh-at",
    callback=_address,
    metavar="IP:PORT",
    help="Every machine has this address: an SSH server of yours, to rehearse logins.",
)
@click.option(
    "--balance",
    type=click.FloatRange(min=0, max=1_000_000),
    callback=_finite,
    metavar="USD",
    help="What the account has before its first bill (default: it tells no balance).",
)
@click.pass_obj
def new_command(
    directory: Path,
    market: Path | None,
    seed: int,
    speed: float,
    offers: Path | None,
    ssh_at: str | None,
    balance: float | None,
) -> int:
    """Make a market. Refused where one exists."""
    from reconciler.clock import wall_now
    from reconciler.market.offers_csv import load_offers
    from reconciler.market.settings import LIVELY
    from reconciler.market.world import World

    path = _market_path(directory, market)
    loaded = load_offers(directory / offers) if offers is not None else None
    _make_directory(path.parent)
    now = wall_now()
    rows = loaded.offers if loaded else None
    opening = None if balance is None else Decimal(str(balance))
    with World.create(
        path,
        seed=seed,
        started_at=now,
        wall_origin=now,
        speed=speed,
        offers=rows,
        settings=replace(LIVELY, ssh_at=ssh_at, opening_balance_usd=opening),
    ) as world:
        count = len(world.list_offers(now))
    click.echo(f"Made {path}: {count} offers to rent now, {speed:g} market second(s) a second.")
    if loaded is not None:
        _say_left_out(loaded)
    return 0


def _make_directory(directory: Path) -> None:
    from reconciler.model.errors import GpuShopperError
    from reconciler.model.text import printable

    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        what = f"the directory {printable(str(directory))} cannot be made"
        raise GpuShopperError(what, why=error.strerror or "") from error


def _say_left_out(loaded: LoadedOffers) -> None:
    left_out = sum(loaded.left_out.values())
    used, offers = loaded.rows - left_out, len(loaded.offers)
    click.echo(f"Read {loaded.rows} rows: {used} gave {offers} offers (on-demand and spot);")
    click.echo(f"{left_out} were left out:")
    for reason, count in sorted(loaded.left_out.items(), key=lambda item: (-item[1], item[0])):
        click.echo(f"  {count:6}  {reason}")


@simulate_group.command("advance")
@click.argument("by", type=DurationType(), metavar="DURATION")
@market_option
@click.pass_obj
def advance_command(directory: Path, by: timedelta, market: Path | None) -> int:
    """Move the market's clock forward. See a lease end without waiting for it."""
    with _open(directory, market) as world:
        world.advance(by)
        click.echo(f"The market's clock shows {world.clock().now():%Y-%m-%d %H:%M:%S} UTC.")
    return 0


@simulate_group.command("ledger")
@market_option
@click.option(
    "--csv", "as_csv", is_flag=True, help="As a provider sends it: for gpu-shopper ledger check."
)
@click.pass_obj
def ledger_command(directory: Path, market: Path | None, as_csv: bool) -> int:
    """Print the market's bill. The truth, machine by machine, which the tool cannot see."""
    from reconciler.market.ledger import bill, living
    from reconciler.model.cost import ZERO, format_usd, shared_usd
    from reconciler.model.text import printable

    with _open(directory, market) as world:
        now = world.clock().now()
        lines = bill(world, now)
        alive = living(world, now)
    if as_csv:
        from reconciler.reporting.csv_text import csv_lines

        click.echo("ResourceId,ChargePeriodStart,ChargeDescription,BilledCost")
        for row in csv_lines(
            [one.instance_id, one.started_at.isoformat(), one.kind, one.billed_usd] for one in lines
        ):
            click.echo(row)
        return 0
    total = sum((line.billed_usd for line in lines), ZERO)
    shown = shared_usd([line.billed_usd for line in lines], total, 4)
    for line, billed in zip(lines, shown, strict=True):
        end = f"{line.until:%H:%M:%S}" if line.until else "running "
        label = printable(line.label or "(no label)", 60)
        click.echo(
            f"{line.instance_id}  {line.started_at:%Y-%m-%d %H:%M:%S} - {end}  {line.kind:8}"
            f"  {format_usd(billed, 4):>10}  {label}"
        )
    click.echo(f"{len(alive)} machine(s) alive, {format_usd(total, 4)} billed.")
    return 0


@simulate_group.command("serve")
@click.option(
    "--port",
    type=click.IntRange(min=0, max=65_535),
    default=8700,
    metavar="N",
    help="Port on this machine, 0 for any free one (default: 8700).",
)
@fault_option
@market_option
@click.pass_obj
def serve_command(
    directory: Path, port: int, faults: tuple[WantedFault, ...], market: Path | None
) -> int:
    """Serve the market as real providers do, on this machine. Rehearse without an account."""
    from reconciler.market.faces.mounts import MOUNTS, export_lines
    from reconciler.market.faces.server import FaceServer
    from reconciler.model.errors import GpuShopperError
    from reconciler.model.text import printable

    path = _market_path(directory, market)
    with _open(directory, market) as world:
        try:
            server = FaceServer(path, port, lambda line: click.echo(printable(line, 200), err=True))
        except OSError as error:
            what, fix = f"port {port} of this machine cannot be used", "name another: --port"
            raise GpuShopperError(what, why=error.strerror or "", fix=fix) from error
        click.echo("\n".join(export_lines(server.url, world)))
    titles = ", ".join(mount.title for mount in MOUNTS)
    click.echo(f"Serving {path} as {titles}; Ctrl-C ends it.", err=True)
    with server, faults_while(lambda: _open(directory, market), faults):
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            return 0
    return 0


@simulate_group.command("fault")
@click.argument("faults", nargs=-1, type=FaultType(), metavar="[FAULT]...")
@click.option("--times", type=click.IntRange(min=1), metavar="N", help="Only the next N calls.")
@click.option(
    "--for", "within", type=DurationType(), metavar="DURATION", help="Only so long, in its time."
)
@click.option("--clear", is_flag=True, help="Let every call go as it should again.")
@market_option
@click.pass_obj
def fault_command(
    directory: Path,
    faults: tuple[WantedFault, ...],
    times: int | None,
    within: timedelta | None,
    clear: bool,
    market: Path | None,
) -> int:
    """Let calls to the market go wrong, whoever makes them; without FAULT, list what does.

    FAULT is ENDPOINT=WORD, for one provider PROVIDER:ENDPOINT=WORD; the guide lists the words.
    """
    return fault_verb(lambda: _open(directory, market), faults, times, within, clear)


def _open(directory: Path, market: Path | None) -> World:
    from reconciler.market.world import World

    return World.open(_market_path(directory, market))


def _market_path(directory: Path, market: Path | None) -> Path:
    """The file named, else the one of the documents' only simulated provider.

    Documents of real providers have none: theirs is the default one, for a rehearsal.
    """
    from reconciler.documents.loader import load_documents
    from reconciler.providers.registry import DEFAULT_MARKET, market_path

    if market is not None:
        return directory / market
    providers = load_documents(directory).providers.values()
    entries = [one for one in providers if one.type == "simulated"]
    if not entries:
        return directory / DEFAULT_MARKET
    if len(entries) != 1:
        raise click.UsageError("several simulated markets are configured: name one with --market")
    return market_path(entries[0], directory)
