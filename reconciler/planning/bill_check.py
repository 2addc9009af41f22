"""A provider's bill against our ledger, machine by machine."""

from __future__ import annotations

from decimal import Decimal
from itertools import chain
from typing import TYPE_CHECKING

from reconciler.model.cost import ZERO
from reconciler.model.costs import BillCheck, BillRow
from reconciler.model.ledger import closed_machine_of
from reconciler.planning.costs import billed_machines_of
from reconciler.planning.ledger import total_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from reconciler.model.record import RecordedState

_LONG_AGO_YEARS = 50


def check_bill(
    bill: Mapping[str, Decimal], state: RecordedState, now: datetime, provider: str | None
) -> BillCheck:
    """``bill``: dollars by machine id, over the whole life of each machine up to ``now``.

    ``provider``: only machines of that one are expected on it. The ledger remembers single
    machines for as long as it has room; those that it has forgotten count as unknown.
    """
    ours = _known(state, now, provider)
    rows = [
        BillRow(one, ours[one][0] if one in ours else "", *_sides(one, ours, bill))
        for one in sorted(ours.keys() | bill.keys())
    ]
    return BillCheck(
        tuple(one for one in rows if one.ours_usd is not None and one.theirs_usd is not None),
        tuple(one for one in rows if one.ours_usd is None),
        tuple(one for one in rows if one.theirs_usd is None),
    )


def _sides(
    instance_id: str, ours: Mapping[str, tuple[str, Decimal]], bill: Mapping[str, Decimal]
) -> tuple[Decimal | None, Decimal | None]:
    known = ours.get(instance_id)
    return (known[1] if known else None, bill.get(instance_id))


def _known(
    state: RecordedState, now: datetime, provider: str | None
) -> dict[str, tuple[str, Decimal]]:
    """Slot and cost by machine id; what was reopened after a roll-back adds up."""
    found: dict[str, tuple[str, Decimal]] = {}

    def add(of: str, instance_id: str, slot: str, usd: Decimal) -> None:
        if instance_id and provider in (None, of):
            found[instance_id] = (slot, usd + found.get(instance_id, ("", ZERO))[1])

    for row in chain(state.ledger.closed, state.ledger.failed):
        gone = closed_machine_of(row)
        add(gone.provider, gone.instance_id, gone.slot, gone.usd)
    long_ago = now.replace(year=now.year - _LONG_AGO_YEARS, day=1)
    for one in billed_machines_of(state):
        spent = total_of(one.segments, long_ago, now)
        add(one.provider, one.instance_id, one.slot, spent.usd)
    return found
