"""What was spent, by whom and on what: the ledger added up. Exact, whichever way it is divided."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from reconciler.model.cost import ZERO
from reconciler.model.costs import BilledMachine, Charge, CostKey, CostReport, CostRow
from reconciler.model.ledger import (
    NOTHING,
    Account,
    Amounts,
    Segment,
    account_of,
    closed_machine_of,
)
from reconciler.planning.ledger import cost_between, running_segments
from reconciler.planning.ledger_buckets import buckets_of
from reconciler.planning.ledger_closing import account_for

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from reconciler.model.ledger import Ledger
    from reconciler.model.record import InstanceRecord, RecordedState

_DAY = timedelta(days=1)


def billed_machines_of(state: RecordedState) -> Iterator[BilledMachine]:
    """Everything that may be billed now: recorded, let go, or in doubt (I13), by mark."""
    records = {**{mark: one.record for mark, one in state.let_go.items()}, **state.instances}
    for mark in sorted(records):
        yield _machine(records[mark], state)
    for mark, intent in sorted(state.intents.items()):
        if intent.blocks_slot:
            lease = state.leases.get(intent.fleet)
            account = Account(
                intent.fleet,
                lease.team if lease else None,
                lease.owner if lease else None,
                tuple(sorted(lease.labels.items())) if lease else (),
                intent.provider,
                intent.specification.gpu,
            )
            doubt = Segment(
                intent.begun_at, None, intent.usd_per_hour, intent.disk_usd_per_hour, unknown=True
            )
            yield BilledMachine(
                intent.provider, "", str(intent.slot), mark, account, intent.usd_per_hour,
                (doubt,), ready=False,
            )  # fmt: skip


def _machine(record: InstanceRecord, state: RecordedState) -> BilledMachine:
    return BilledMachine(
        provider=record.provider,
        instance_id=record.instance_id,
        slot=str(record.slot),
        mark=record.mark,
        account=account_for(record, state.leases.get(record.fleet)),
        usd_per_hour=record.usd_per_hour,
        segments=_seen(running_segments(record, state.ledger), record, state.ledger),
        ready=record.ready_at is not None,
    )


def _seen(
    segments: tuple[Segment, ...], record: InstanceRecord, ledger: Ledger
) -> tuple[Segment, ...]:
    """The time since its provider went dark is unknown, and so is the time since it may be gone:
    since it was missed, since a destroy of it was accepted, or since one that nobody answered.
    """
    doubts = [
        ledger.unseen.get(record.provider),
        (record.absence.billed_at or record.absence.last_seen_at) if record.absence else None,
        (record.doom.accepted_at or record.doom.since) if record.doom else None,
    ]
    known = [one for one in doubts if one is not None]
    if not known:
        return segments
    return tuple(part for one in segments for part in _marked_from(min(known), one))


def _marked_from(dark: datetime, segment: Segment) -> tuple[Segment, ...]:
    if dark <= segment.since:
        return (replace(segment, unknown=True),)
    if segment.until is not None and segment.until <= dark:
        return (segment,)
    return (replace(segment, until=dark), replace(segment, since=dark, unknown=True))


def charges(
    state: RecordedState, since: datetime, until: datetime, *, daily: bool = False
) -> Iterator[Charge]:
    """Everything spent from ``since`` to ``until``. Of machines that are gone, whole hours count
    (days after five weeks), those that the stretch touches. ``daily``: no charge spans two days.
    """
    for text, row in sorted(state.ledger.spent.items()):
        account = account_of(text)
        for bucket in buckets_of(row):
            if bucket.since < until and bucket.until > since:
                yield Charge(account, bucket.since, bucket.until, bucket.amounts)
    for machine in billed_machines_of(state):
        for segment in machine.segments:
            start, end = max(since, segment.since), min(until, segment.until or until)
            while start < end:
                stop = min(end, _next_day(start)) if daily else end
                amounts = cost_between(segment, start, stop)
                yield Charge(machine.account, start, stop, amounts, machine)
                start = stop


def _next_day(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0) + _DAY


def costs_of(
    state: RecordedState, since: datetime, until: datetime, by: Sequence[CostKey] = ("fleet",)
) -> CostReport:
    """The charges grouped ``by`` these keys."""
    groups: dict[tuple[str, ...], Amounts] = defaultdict(lambda: NOTHING)
    total = NOTHING
    for charge in charges(state, since, until, daily="day" in by):
        keys = tuple(_key(charge, name) for name in by)
        groups[keys] += charge.amounts
        total += charge.amounts
    rows = [CostRow(keys, amounts) for keys, amounts in groups.items() if amounts != NOTHING]
    days = [at for at, name in enumerate(by) if name == "day"]
    rows.sort(key=lambda row: ([row.keys[at] for at in days], -row.amounts.micro_usd, row.keys))
    failed = (closed_machine_of(row) for row in state.ledger.failed)
    return CostReport(
        since=since,
        until=until,
        by=tuple(by),
        rows=tuple(rows),
        total=total,
        failed=tuple(one for one in failed if since < one.until and one.since < until),
        usd_per_hour=sum((one.usd_per_hour for one in billed_machines_of(state)), ZERO),
    )


def _key(charge: Charge, name: CostKey) -> str:
    if name == "day":
        return f"{charge.since:%Y-%m-%d}"
    return str(getattr(charge.account, name) or "")
