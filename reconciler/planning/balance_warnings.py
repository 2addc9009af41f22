"""Which accounts people have to be warned of, before a provider ends machines at zero."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from reconciler.model.balance import BalanceWarning
from reconciler.model.value import dataclass
from reconciler.planning.balance_guard import balance_message

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime

    from reconciler.model.balance import BalanceSummary
    from reconciler.model.plan import Plan
    from reconciler.model.record import RecordedState

SHORT, BELOW, NEARLY_EMPTY = 1, 2, 3
"""It does not last until the leases end; it is below what is to be kept; it is empty soon."""
SOON = timedelta(hours=1)
AGAIN_AFTER = timedelta(hours=24)
"""How long people are left alone with what they know."""
_CALM_AFTER = timedelta(hours=1)
"""A balance that hovers about a limit is told of once in so long."""


@dataclass(frozen=True, slots=True)
class BalanceAlert:
    """What to tell about one account."""

    provider: str
    level: int
    message: str


def alerts_due(plan: Plan, recorded: RecordedState) -> Iterator[BalanceAlert]:
    """Accounts that are worse than people know, or still bad after a day."""
    for one in plan.balances:
        level = level_of(one, plan.now)
        told = recorded.ledger.low_balances.get(one.provider)
        again = told is not None and plan.now - told.told_at >= AGAIN_AFTER
        if level and (told is None or level > told.level or again):
            yield BalanceAlert(one.provider, level, balance_message(one))


def level_of(one: BalanceSummary, now: datetime) -> int:
    """How bad it is, 0 for well or not known."""
    if one.balance_usd is None or not one.short_usd:
        return 0
    if one.empty_at is not None and one.empty_at - now <= SOON:
        return NEARLY_EMPTY
    below = one.min_balance_usd is not None and one.balance_usd < one.min_balance_usd
    return BELOW if below else SHORT


def told_of(alerts: Sequence[BalanceAlert], plan: Plan) -> Callable[[RecordedState], RecordedState]:
    """People were told of these; accounts that have been well for a while are forgotten."""

    def change(state: RecordedState) -> RecordedState:
        before = state.ledger.low_balances
        after = dict(_not_well(before, plan))
        for one in alerts:
            after[one.provider] = BalanceWarning(level=one.level, told_at=plan.now)
        if after == before:
            return state
        return state.with_(ledger=state.ledger.model_copy(update={"low_balances": after}))

    return change


def _not_well(
    known: Mapping[str, BalanceWarning], plan: Plan
) -> Iterator[tuple[str, BalanceWarning]]:
    well = {
        one.provider
        for one in plan.balances
        if one.balance_usd is not None and not level_of(one, plan.now)
    }
    for provider, warning in known.items():
        if provider not in well or plan.now - warning.told_at < _CALM_AFTER:
            yield provider, warning
