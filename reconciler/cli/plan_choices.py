"""Flags that narrow a plan or change what it is about, and which of them contradict each other."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from reconciler.cli.parameters import AddressType
from reconciler.model.address import Slot
from reconciler.model.plan import Mode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.model.address import Address
    from reconciler.model.plan import PlanRequest

exclude_option = click.option(
    "--exclude",
    "excludes",
    type=AddressType(),
    multiple=True,
    metavar="ADDRESS",
    help="Everything but this fleet or slot. May be repeated; not together with --target.",
)
replace_option = click.option(
    "--replace",
    "replaced",
    type=AddressType(),
    multiple=True,
    metavar="ADDRESS",
    help="Replace the machine of this slot: fleet.NAME[0]. May be repeated.",
)
allow_unbounded_option = click.option(
    "--allow-unbounded",
    is_flag=True,
    help="Carry out a plan without a worst case: a fleet has no end (expires_at: never).",
)
refresh_only_option = click.option(
    "--refresh-only",
    is_flag=True,
    help="Only record what is observed: create and destroy nothing.",
)
refresh_option = click.option(
    "--refresh",
    type=click.BOOL,
    default=True,
    metavar="BOOLEAN",
    help="With --refresh=false: plan from the state alone, ask no provider.",
)


def with_choices(request: PlanRequest, choices: Mapping[str, Any]) -> PlanRequest:
    """``request`` with the flags above. Raises ``UsageError`` (64) for what contradicts itself."""
    excludes: tuple[Address, ...] = choices["excludes"]
    if excludes and request.targets:
        raise click.UsageError("--exclude and --target contradict each other: use one of them")
    chosen = replace(
        request,
        excludes=excludes,
        replace=_slots(choices.get("replaced", ())),
        only_record=bool(choices.get("refresh_only")),
        from_state=not choices.get("refresh", True),
        allow_unbounded=bool(choices.get("allow_unbounded")),
    )
    _refuse_contradictions(chosen)
    return chosen


def _slots(addresses: tuple[Address, ...]) -> tuple[Slot, ...]:
    for address in addresses:
        if address.index is None:
            raise click.UsageError(f"--replace needs a slot: write {address}[0]")
    return tuple(sorted({Slot(one.fleet, one.index or 0) for one in addresses}))


def _refuse_contradictions(request: PlanRequest) -> None:
    for slot in request.replace:
        if not request.covers(slot.fleet, slot.index):
            raise click.UsageError(f"--replace names {slot}, which is not targeted or is excluded")
    if request.mode is Mode.DESTROY and (request.replace or request.only_record):
        raise click.UsageError("--destroy goes with neither --replace nor --refresh-only")
    acts = bool(request.replace or request.renew) or request.max_destroy is not None
    if request.only_record and (acts or request.from_state):
        raise click.UsageError(
            "--refresh-only changes no machine: it goes with none of --replace, --renew, "
            "--max-destroy, --refresh=false"
        )
    if request.from_state and request.replace:
        raise click.UsageError("--refresh=false sees no machine: --replace needs to")
