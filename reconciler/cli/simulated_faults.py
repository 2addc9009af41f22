"""``simulate fault``, and the same while the market is served: rehearse what goes wrong."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import timedelta

    from reconciler.market.fault_words import WantedFault
    from reconciler.market.world import World


class FaultType(click.ParamType["WantedFault"]):
    """``list=500``, ``vastai:create=429``, ``C2.4``."""

    name = "fault"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> WantedFault:
        from reconciler.market.fault_words import WantedFault, parse_fault

        if isinstance(value, WantedFault):
            return value
        try:
            wanted = parse_fault(value)
        except ValueError as error:
            self.fail(f"{value!r}: {error}", param, ctx)
        if wanted.served_as and wanted.served_as not in (faces := _faces()):
            self.fail(f"{value!r}: only these are served: {', '.join(faces)}", param, ctx)
        return wanted


def _faces() -> list[str]:
    """The providers that a fault may name: one for nobody would be accepted and do nothing."""
    from reconciler.market.faces import lambda_cloud, runpod, tensordock, vast

    return [vast.FACE, lambda_cloud.FACE, runpod.FACE, tensordock.FACE]


fault_option = click.option(
    "--fault",
    "faults",
    type=FaultType(),
    multiple=True,
    metavar="FAULT",
    help="Let calls go wrong while it serves, e.g. vastai:list=500. May be repeated.",
)


@contextmanager
def faults_while(open_world: Callable[[], World], faults: Sequence[WantedFault]) -> Iterator[None]:
    """The faults are met inside of the block, by every process, and no longer."""
    numbers: set[int] = set()
    with open_world() as world:
        now = world.clock().now()
        before = {script.number for script in world.faults(now)}
        for one in faults:
            world.script_fault(one.fault, one.operation, served_as=one.served_as)
        numbers = {script.number for script in world.faults(now)} - before
    try:
        yield
    finally:
        if numbers:
            with open_world() as world:
                for number in numbers:
                    world.end_fault(number)


def fault_verb(
    open_world: Callable[[], World],
    faults: Sequence[WantedFault],
    times: int | None,
    within: timedelta | None,
    clear: bool,
) -> int:
    """Add the faults, or end all of them, or say which are in force."""
    from reconciler.market.fault_words import fault_text

    if clear and faults:
        raise click.UsageError("choose one of FAULT and -clear")
    if not faults and (times is not None or within is not None):
        raise click.UsageError("name a FAULT: without one, those in force are listed")
    with open_world() as world:
        now = world.clock().now()
        if clear:
            world.clear_faults()
        for one in faults:
            world.script_fault(
                one.fault,
                one.operation,
                times=times,
                until=None if within is None else now + within,
                served_as=one.served_as,
            )
        left = world.faults(now)
    for script in left:
        times_left = "" if script.times_left is None else f", {script.times_left} time(s)"
        until = "" if script.until is None else f", until {script.until:%H:%M:%S} UTC"
        click.echo(f"{fault_text(script.where, script.fault)}{times_left}{until}")
    if not left:
        click.echo("Every call goes as it should.")
    return 0
