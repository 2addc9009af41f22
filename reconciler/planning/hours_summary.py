"""Where a fleet with office hours stands, and what the windows to come can cost at most."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from reconciler.model.cost import ZERO, projected_cost
from reconciler.model.office_windows import HoursSummary, shown_in
from reconciler.planning.office_hours import next_window, window_at, windows_after
from reconciler.planning.spending import DESTROY_TIME
from reconciler.planning.window_leases import is_armed

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from reconciler.model.fleet import Fleet
    from reconciler.model.office_hours import OfficeHours
    from reconciler.model.office_windows import LaterRate
    from reconciler.model.record import LeaseRecord
    from reconciler.planning.spending import Running


def hours_summary(
    fleet: Fleet,
    active: OfficeHours,
    lease: LeaseRecord | None,
    machines: Sequence[Running],
    now: datetime,
    tick: timedelta,
) -> HoursSummary:
    """``lease`` and ``machines`` as they are once the plan is carried out.

    What is to come is counted in real time, with a tick and the time of a destroy after each
    window, as every worst case is (SPEC.md section 1).
    """
    here, coming = window_at(active, now), next_window(active, now)
    number, length = windows_after(active, now)
    usd_per_hour, rate = _rate(fleet, machines)
    later = None
    if usd_per_hour is not None:
        billed = length + number * (tick + DESTROY_TIME)
        later = projected_cost(usd_per_hour, billed)
    return HoursSummary(
        hours=active.text,
        time_zone=active.zone.name,
        until=shown_in(active.zone, active.until),
        opens_at=shown_in(active.zone, here.opens_at) if here else None,
        closes_at=shown_in(active.zone, here.closes_at) if here else None,
        next_opens_at=shown_in(active.zone, coming.opens_at) if coming else None,
        windows_left=number,
        seconds_left=length // timedelta(seconds=1),
        later_usd=later if number else ZERO,
        later_rate=rate,
        armed=is_armed(lease, active),
    )


def _rate(fleet: Fleet, machines: Sequence[Running]) -> tuple[Decimal | None, LaterRate | None]:
    """Dollars an hour of all its nodes: by the caps of the documents, else as what runs costs."""
    nodes = Decimal(fleet.nodes.target)
    caps = [fleet.node_cap_usd(one.count) for one in fleet.resources.gpu]
    known = [cap for cap in caps if cap is not None]
    if known and len(known) == len(caps):
        return max(known) * nodes, "cap"
    if machines:
        return max(one.usd_per_hour for one in machines) * nodes, "today"
    return None, None
