"""What the market bills: the truth about money, which the engine cannot import.

A machine is billed from the moment it is rented until it is gone, destroying included, for every
second begun. Stopped, failed and unlisted machines are billed too (I13); a stopped one only for
its disk.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from typing import TYPE_CHECKING, Literal

from reconciler.market.units import usd
from reconciler.model.value import dataclass

if TYPE_CHECKING:
    from reconciler.market.machine import Machine
    from reconciler.market.world import World

LineKind = Literal["gpu", "disk", "stopped"]
_SECOND = timedelta(seconds=1)
_MICRO_USD = Decimal("0.000001")


@dataclass(frozen=True, slots=True)
class LedgerLine:
    """One rate over one stretch of time; ``until`` is None while it is still running.

    ``kind``: "gpu" is the node without its disk, "disk" its disk, "stopped" the disk while the
    machine is stopped. ``billed_usd`` is exact to the micro-dollar, half-even.
    """

    instance_id: str
    label: str | None
    offer: str
    started_at: datetime
    until: datetime | None
    usd_per_hour: Decimal
    billed_usd: Decimal
    kind: LineKind


def bill(world: World, now: datetime) -> tuple[LedgerLine, ...]:
    """Every line up to ``now``, in the order of machines; asking twice gives the same lines."""
    machines = world.all_machines()
    return tuple(line for machine in machines for line in _lines(machine, now))


def billed_total(world: World, now: datetime) -> Decimal:
    """The sum of all lines."""
    return sum((line.billed_usd for line in bill(world, now)), Decimal(0))


def living(world: World, now: datetime) -> tuple[Machine, ...]:
    """The machines that are billed at ``now``, whatever listings say."""
    return tuple(
        machine
        for machine in world.all_machines()
        if machine.created_at <= now and machine.exists_at(now)
    )


def _lines(machine: Machine, now: datetime) -> list[LedgerLine]:
    end = now if machine.gone_at is None else min(now, machine.gone_at)
    stop = end if machine.stopped_at is None else max(machine.created_at, machine.stopped_at)
    stop = min(stop, end)
    stretches: list[tuple[LineKind, int, datetime, datetime]] = [
        ("gpu", machine.gpu_microusd, machine.created_at, stop),
        ("disk", machine.disk_microusd, machine.created_at, stop),
        ("stopped", machine.disk_microusd, stop, end),
    ]
    return [
        _line(machine, kind, rate, start, until, now)
        for kind, rate, start, until in stretches
        if until > start and (rate or kind == "gpu")
    ]


def _line(
    machine: Machine, kind: LineKind, rate: int, start: datetime, until: datetime, now: datetime
) -> LedgerLine:
    seconds = _seconds_begun(machine, until) - _seconds_begun(machine, start)
    exact = usd(rate) * seconds / 3600
    runs_on = until == now and machine.exists_at(now)
    return LedgerLine(
        instance_id=machine.id,
        label=machine.label,
        offer=machine.offer_id,
        started_at=start,
        until=None if runs_on else until,
        usd_per_hour=usd(rate),
        billed_usd=exact.quantize(_MICRO_USD, rounding=ROUND_HALF_EVEN),
        kind=kind,
    )


def _seconds_begun(machine: Machine, until: datetime) -> int:
    """Counted from the machine's start, so that stretches side by side share no second."""
    return -((machine.created_at - until) // _SECOND)
