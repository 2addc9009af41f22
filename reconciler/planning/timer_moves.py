"""What is known of a timer on a machine while it is moved, by several at once maybe."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.planning.transitions import timer_set

if TYPE_CHECKING:
    from datetime import datetime

    from reconciler.model.record import NodeTimer, RecordedState
    from reconciler.planning.transitions import Change


def timer_asked(mark: str, until: datetime) -> Change:
    """The timer is about to be moved to ``until``: durable before the machine is told, so that
    none that is counted on ends later than the state knows.
    """

    def change(state: RecordedState) -> RecordedState:
        known = state.node_timers.get(mark)
        if known is None:
            return state
        return timer_set(mark, known.with_(asked=max(until, known.asked or until)))(state)

    return change


def timer_told(
    mark: str, timer: NodeTimer, answer: datetime, *, asked: datetime | None, now: datetime
) -> Change:
    """The machine said at ``now`` that it goes by ``answer``. What was told it later counts more;
    ``asked``: the last that was known to be asked when this question was put.
    """

    def change(state: RecordedState) -> RecordedState:
        known = state.node_timers.get(mark, timer)
        open_still = known.asked if known.asked != asked else None
        if known.told_at is not None and known.told_at > now:
            return timer_set(mark, known.with_(asked=open_still))(state)
        told = known.with_(ends_at=answer, told_at=now, asked=open_still, runs=True)
        return timer_set(mark, told)(state)

    return change


def timer_not_asked(mark: str, asked: datetime | None, before: datetime | None) -> Change:
    """Surely nothing reached it this time; what may have reached it ``before`` counts on."""

    def change(state: RecordedState) -> RecordedState:
        known = state.node_timers.get(mark)
        if known is None or known.asked != asked:
            return state
        return timer_set(mark, known.with_(asked=before))(state)

    return change


def timer_missing(mark: str, timer: NodeTimer) -> Change:
    """The machine said that no timer runs on it: nobody relies on one any more."""

    def change(state: RecordedState) -> RecordedState:
        known = state.node_timers.get(mark, timer)
        return timer_set(mark, known.with_(runs=False, asked=None))(state)

    return change
