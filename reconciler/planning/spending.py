"""What runs now costs, and the most it can still cost if nobody ever looks again."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from reconciler.model.cost import ZERO, projected_cost
from reconciler.model.quantity import LONGEST_DURATION, NEVER, about

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime
    from decimal import Decimal

    from reconciler.model.instance import Instance
    from reconciler.model.plan import Create
    from reconciler.model.record import InstanceRecord, RecordedState

DESTROY_TIME = timedelta(seconds=60)
"""Counted after a lease's end, on top of one tick (SPEC.md section 1, worst case)."""
_LOOP_LATE_AFTER_TICKS = 4
_NO_TIME = timedelta(0)


class Running(NamedTuple):
    """One machine that is billed, known or in doubt, and when it ends: maybe ``NEVER``. Rate in
    dollars an hour. A named tuple, because every plan makes one for each machine.
    """

    fleet: str
    usd_per_hour: Decimal
    ends_at: datetime


def live_rate(record: InstanceRecord, instance: Instance | None) -> Decimal:
    """What it is billed now; the last known rate where it was not read (I13)."""
    billed = instance.usd_per_hour if instance else None
    return record.usd_per_hour if billed is None else billed


def hourly_burn_rate(machines: Iterable[Running]) -> Decimal:
    """The sum of the rates."""
    return sum([machine.usd_per_hour for machine in machines], ZERO)


def worst_case(machines: Sequence[Running], now: datetime, tick: timedelta) -> Decimal | None:
    """Rate x (remaining lease + tick + destroy time) over all machines, bandwidth excluded.

    None when one of them has no end.
    """
    margin = tick + DESTROY_TIME
    if len(machines) == 1:  # as in each of ten thousand fleets
        _, rate, ends_at = machines[0]
        if ends_at == NEVER:
            return None
        return projected_cost(rate, max(_NO_TIME, ends_at - now) + margin)
    alike = Counter((one.usd_per_hour, one.ends_at) for one in machines)
    if any(ends_at == NEVER for _, ends_at in alike):
        return None
    return sum(
        (
            number * projected_cost(rate, max(_NO_TIME, ends_at - now) + margin)
            for (rate, ends_at), number in alike.items()
        ),
        ZERO,
    )


def lease_cost(
    usd_per_hour: Decimal,
    ends_at: datetime,
    now: datetime,
    tick: timedelta,
    until: datetime = NEVER,
) -> Decimal:
    """What a machine can cost from now to its end, or to ``until``, at most."""
    margin = tick + DESTROY_TIME
    end = min(ends_at if ends_at == NEVER else ends_at + margin, until)
    left = LONGEST_DURATION if end == NEVER else end - now
    return projected_cost(usd_per_hour, max(left, margin))


def leaving_cost(usd_per_hour: Decimal, tick: timedelta) -> Decimal:
    """What a machine on its way out can still cost."""
    return projected_cost(usd_per_hour, tick + DESTROY_TIME)


def loop_is_expected(recorded: RecordedState, now: datetime, tick: timedelta) -> bool:
    """A loop counts until it is four ticks late for the pass that it announced."""
    due_at = recorded.loop_due_at
    return due_at is not None and now <= due_at + tick * _LOOP_LATE_AFTER_TICKS


def enforced_by(
    recorded: RecordedState,
    now: datetime,
    tick: timedelta,
    creates: Sequence[Create] = (),
    node_timer: timedelta | None = None,
) -> str:
    """Who would destroy the machines at their end (SPEC.md section 12, 8): a loop, or, where
    there is none, each machine by itself, if all of them can.

    ``creates`` are to be bought, with a timer of their own where ``node_timer`` is set.
    """
    seen = recorded.loop_last_seen
    if seen is not None and loop_is_expected(recorded, now, tick):
        ago = about(now - seen) if now - seen >= timedelta(minutes=2) else f"{_whole(now - seen)} s"
        return f"loop seen {ago} ago"
    nothing = "NOTHING: run gpu-shopper reconcile --install cron"
    if not recorded.node_timers and node_timer is None:
        return nothing
    from reconciler.planning.node_timers import in_words, who_relies  # few machines have timers

    return in_words(who_relies(recorded, creates, node_timer), nothing)


def _whole(duration: timedelta) -> int:
    return max(0, int(duration.total_seconds()))
