"""Closes the account of a machine that is proven gone: its cost goes to whoever pays for it."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from reconciler.model.ledger import (
    NOTHING,
    Account,
    Amounts,
    ClosedMachine,
    Segment,
    microseconds,
    moment,
)
from reconciler.model.value import dataclass
from reconciler.planning.ledger import cost_between, running_segments, total_of
from reconciler.planning.ledger_buckets import HOUR, merged_buckets, spent_row

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from reconciler.model.ledger import Ledger
    from reconciler.model.record import AbsenceEvidence, Doom, InstanceRecord, LeaseRecord

CLOSED_KEPT = 2000
FAILED_KEPT = 500
"""Machines of which more than their share of a sum is remembered, the newest of each kind."""


@dataclass(frozen=True, slots=True)
class Closing:
    """A machine that is proven gone, and when: billed until ``until``, ``seen_until`` for sure."""

    record: InstanceRecord
    lease: LeaseRecord | None
    seen_until: datetime
    until: datetime


def closing_of(
    record: InstanceRecord,
    lease: LeaseRecord | None,
    destroy_time: timedelta | None,
    now: datetime,
    unseen_since: datetime | None = None,
) -> Closing:
    """When a machine that is proven gone was billed last. ``unseen_since``: when its provider went
    dark, if no whole look has come since; nothing after that is sure but its own word.

    When its provider says so, if it says. Else by us: when its accepted destroy was over, by the
    provider's own ``destroy_time``, and never after the first listing that lacked it; not by us:
    when the first listing lacked it. A destroy that was sent again, after the time that one takes,
    may have been none: the last one counts, and what lies between is marked.
    """
    absence = record.absence
    told = absence.ended_at if absence else None
    if absence is not None and told is not None and _is_likely(told, record, absence, now):
        return Closing(record, lease, told, told)
    seen, until = _by_our_looks(absence, record.doom, destroy_time, now)
    return Closing(record, lease, min(seen, until, unseen_since or until), until)


def _by_our_looks(
    absence: AbsenceEvidence | None,
    doom: Doom | None,
    destroy_time: timedelta | None,
    now: datetime,
) -> tuple[datetime, datetime]:
    """Until when it was billed for sure, and at most."""
    if absence is None:
        return now, now
    if doom is None or doom.last_attempt_at is None:
        return absence.billed_at or absence.last_seen_at, absence.last_seen_at
    until = absence.first_absent_at or now
    sent = doom.accepted_at
    if sent is None:
        return absence.billed_at or doom.last_attempt_at, until
    seen = min(sent, absence.billed_at or sent)
    if seen == sent and destroy_time is not None and sent > doom.since + destroy_time:
        seen = doom.since  # whoever decided it may have sent it, and died before the answer
    if destroy_time is not None:
        if doom.last_attempt_at > sent + destroy_time:
            sent = doom.last_attempt_at
        until = min(until, sent + destroy_time)
    return seen, until


def _is_likely(
    ended_at: datetime, record: InstanceRecord, absence: AbsenceEvidence, now: datetime
) -> bool:
    """Not before it was last seen, and not after it was missed."""
    seen = max(record.created_at, absence.billed_at or record.created_at)
    return seen <= ended_at <= (absence.first_absent_at or now)


def closed(ledger: Ledger, closings: Iterable[Closing]) -> Ledger:
    """The cost of each goes to its account, by the hour; its own row is kept for a while."""
    running = dict(ledger.running)
    added: dict[str, dict[str, Amounts]] = defaultdict(lambda: defaultdict(lambda: NOTHING))
    rows: dict[bool, list[str]] = {False: list(ledger.closed), True: list(ledger.failed)}
    for one in closings:
        segments = _ended(running_segments(one.record, ledger), one)
        running.pop(one.record.mark, None)
        buckets = added[account_for(one.record, one.lease).text]
        never_ready = one.record.ready_at is None
        for number, amounts in _by_hour(segments):
            buckets[f"h{number}"] += amounts.as_failed if never_ready else amounts
        rows[never_ready].append(_closed_machine(one, segments).row)
    spent = dict(ledger.spent)
    for text, buckets in added.items():
        if not buckets:
            continue  # it lived no second
        spent[text] = spent_row(merged_buckets(spent.get(text), buckets))
    return ledger.model_copy(
        update={
            "running": running,
            "spent": spent,
            "closed": rows[False][-CLOSED_KEPT:],
            "failed": rows[True][-FAILED_KEPT:],
        }
    )


def account_for(record: InstanceRecord, lease: LeaseRecord | None) -> Account:
    """Whom it is attributed to: who pays for its fleet, by its lease."""
    return Account(
        record.fleet,
        lease.team if lease else None,
        lease.owner if lease else None,
        tuple(sorted(lease.labels.items())) if lease else (),
        record.provider,
        record.specification.gpu if record.specification else "",
    )


def _ended(segments: tuple[Segment, ...], closing: Closing) -> list[Segment]:
    """What was billed for sure, and the time until it was surely gone, which is marked."""
    ended: list[Segment] = []
    for one in segments:
        end = closing.until if one.until is None else min(one.until, closing.until)
        seen = min(end, closing.seen_until)
        rates = (one.usd_per_hour, one.disk_usd_per_hour)
        ended.append(Segment(one.since, seen, *rates, one.unknown))
        ended.append(Segment(max(seen, one.since), end, *rates, unknown=True))
    return [one for one in ended if one.until is not None and one.until > one.since]


def _by_hour(segments: Iterable[Segment]) -> Iterator[tuple[int, Amounts]]:
    for one in segments:
        assert one.until is not None
        number = microseconds(one.since) // (HOUR // timedelta(microseconds=1))
        start = moment(0) + number * HOUR
        while start < one.until:
            yield number, cost_between(one, start, start + HOUR)
            number, start = number + 1, start + HOUR


def _closed_machine(closing: Closing, segments: list[Segment]) -> ClosedMachine:
    record = closing.record
    since = segments[0].since if segments else record.created_at
    return ClosedMachine(
        provider=record.provider,
        instance_id=record.instance_id,
        slot=str(record.slot),
        gpu=record.specification.gpu if record.specification else "",
        since=since,
        until=closing.until,
        usd=total_of(segments, since, closing.until).usd,
        why=str(record.doom.reason) if record.doom else "gone at the provider, not by us",
    )
