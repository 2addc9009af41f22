"""How command-line values are written: durations and addresses."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import click

from reconciler.model.address import Address, parse_address
from reconciler.model.quantity import parse_duration


class DurationType(click.ParamType[timedelta]):
    """``90m``, ``4h``, ``1d12h``; ``0`` and ``0s`` where ``allow_zero``."""

    name = "duration"

    def __init__(self, *, allow_zero: bool = False) -> None:
        self._allow_zero = allow_zero

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> timedelta:
        if isinstance(value, timedelta):
            return value
        if self._allow_zero and value in ("0", "0s"):
            return timedelta(0)
        try:
            return parse_duration(value)
        except ValueError as error:
            self.fail(f"{value!r}: {error}", param, ctx)


class AddressType(click.ParamType[Address]):
    """``fleet.NAME`` or ``fleet.NAME[0]``."""

    name = "address"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Address:
        if isinstance(value, Address):
            return value
        try:
            return parse_address(value)
        except ValueError as error:
            self.fail(f"{value!r}: {error}", param, ctx)


lock_timeout_option = click.option(
    "--lock-timeout",
    type=DurationType(allow_zero=True),
    default="0s",
    metavar="DURATION",
    help="How long to wait for another run on the same state (default: not at all).",
)
target_option = click.option(
    "--target",
    "targets",
    type=AddressType(),
    multiple=True,
    metavar="ADDRESS",
    help="Only this fleet or slot: fleet.NAME, fleet.NAME[0]. May be repeated.",
)
record_option = click.option(
    "--record",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Keep the decision and all that it was made from in FILE, for gpu-shopper replay.",
)
max_destroy_option = click.option(
    "--max-destroy",
    type=click.IntRange(min=0),
    metavar="N",
    help="Allow N destroys that may be a slip, instead of the fuse.",
)
json_events_option = click.option(
    "--json", "as_json", is_flag=True, help="One JSON event a line, and nothing else on stdout."
)
