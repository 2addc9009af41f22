"""What money does to the recorded state: rates, budgets, and what they did.

As in ``transitions`` each is a function from state to state, and tolerates a newer one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.planning import ledger as books
from reconciler.planning.budgets import budgets_after_apply, covers_fleet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime
    from decimal import Decimal

    from reconciler.model.budget import BudgetRecord
    from reconciler.model.fleet import DesiredState
    from reconciler.model.plan import RateChange
    from reconciler.model.record import InstanceRecord, RecordedState

    Change = Callable[[RecordedState], RecordedState]


def billed_at(
    mark: str,
    usd_per_hour: Decimal,
    known_until: datetime | None = None,
    seen_at: datetime | None = None,
) -> Change:
    """The rate that the provider really bills, as ``books.rate_changed`` counts it; with neither
    moment since its create.
    """

    def change(state: RecordedState) -> RecordedState:
        record = state.instances.get(mark)
        if record is None:
            return state
        ledger = books.rate_changed(state.ledger, record, usd_per_hour, known_until, seen_at)
        billed = record.with_(usd_per_hour=usd_per_hour)
        return state.with_(instances={**state.instances, mark: billed}, ledger=ledger)

    return change


def rates_seen(
    changes: Iterable[RateChange], before: RecordedState | None, now: datetime
) -> list[Change]:
    """The rates that a look found (``before``: the state that this one started from). Each counts
    from when its provider says that it began; else it began somewhere after the last look, or since
    its provider went dark.
    """
    seen = []
    for one in changes:
        look = _known_until(one.record, before)
        told = one.since is not None and (look or one.record.created_at) <= one.since <= now
        since, sure = (one.since, None) if told else (look, now)
        seen.append(billed_at(one.record.mark, one.usd_per_hour, since, sure))
    return seen


def _known_until(record: InstanceRecord, before: RecordedState | None) -> datetime | None:
    if before is None:
        return None
    dark = before.ledger.unseen.get(record.provider)
    look = dark or books.last_look(before, record.provider)
    if record.absence is not None and look is not None:
        return min(look, record.absence.last_seen_at)
    return look


def billing_began(mark: str, since: datetime) -> Change:
    """When its provider says that it was created, which is when it began to cost."""

    def change(state: RecordedState) -> RecordedState:
        record = state.instances.get(mark)
        if record is None:
            return state
        return state.with_(ledger=books.began_at(state.ledger, record, since))

    return change


def after_kill(
    state: RecordedState, fleet: str, provider: str, now: datetime
) -> Mapping[str, BudgetRecord]:
    """The budgets that pay for ``fleet`` at ``provider`` remember when they ended a machine of it:
    a loop buys nothing again for it in that period.
    """
    return {
        name: one.model_copy(update={"killed_at": now})
        if covers_fleet(one.budget, fleet, provider, state.leases)
        else one
        for name, one in state.budgets.items()
    }


def budgets_applied(desired: DesiredState) -> Change:
    """The budgets of the documents are in force from now on."""

    def change(state: RecordedState) -> RecordedState:
        after = budgets_after_apply(desired, state)
        return state if after == state.budgets else state.with_(budgets=after)

    return change


def budget_warned(name: str, percent: int, since: datetime) -> Change:
    """People were told that so much of it is used up, in the period that began then."""

    def change(state: RecordedState) -> RecordedState:
        record = state.budgets.get(name)
        if record is None:
            return state
        told = record.model_copy(update={"warned_percent": percent, "warned_since": since})
        return state.with_(budgets={**state.budgets, name: told})

    return change
