"""How command-line values are written: durations and addresses."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
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


class SinceType(click.ParamType[timedelta | datetime]):
    """``2h`` ago, or a moment: ``2026-07-01``, ``2026-07-01T12:00Z``; UTC where it says nothing."""

    name = "since"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> timedelta | datetime:
        if isinstance(value, timedelta | datetime):
            return value
        with suppress(ValueError):
            return parse_duration(value)
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r}: write a duration like 2h, or a moment like 2026-07-01T12:00Z")
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


lock_timeout_option = click.option(
    "--lock-timeout",
    type=DurationType(allow_zero=True),
    default="0s",
    metavar="DURATION",
    help="How long to wait for another run on the same state (default: not at all).",
)
take_over_option = click.option(
    "--take-over",
    is_flag=True,
    help="Work with a state that another host made: nothing runs there any more.",
)
trust_clock_option = click.option(
    "--trust-clock",
    is_flag=True,
    help="This machine's clock is right, although other clocks disagree.",
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
