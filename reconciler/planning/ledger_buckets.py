"""What accounts have spent, by hour, day and month: the part of the ledger that only grows slowly.

Rolled up with age. The sums stay exact, whichever way they are divided.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from reconciler.model.ledger import NOTHING, Amounts, account_of, moment
from reconciler.model.value import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from reconciler.model.budget import Budget
    from reconciler.model.record import RecordedState

HOURS_KEPT = timedelta(days=35)
"""Longer than any month, so that a month's budget is counted by the hour in every time zone."""
DAYS_KEPT = timedelta(days=400)
ACCOUNTS_MAX = 1000
"""Beyond it those that cost nothing for ``HOURS_KEPT`` are added up without fleet and labels, but
for those that a budget names."""
HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Bucket:
    """What an account spent from ``since`` to ``until``: an hour, a day or a month, UTC."""

    since: datetime
    until: datetime
    amounts: Amounts


def buckets_of(row: str) -> Iterator[Bucket]:
    """The buckets of one account, months before days before hours. Raises ValueError."""
    for entry in row.split(";"):
        key, _, text = entry.partition(":")
        numbers = [int(part or 0) for part in text.split(",")]
        yield Bucket(*_span(key[:1], int(key[1:])), Amounts(*numbers))


def _span(unit: str, number: int) -> tuple[datetime, datetime]:
    if unit == "h":
        start = moment(0) + number * HOUR
        return start, start + HOUR
    if unit == "d":
        start = moment(0) + number * _DAY
        return start, start + _DAY
    if unit == "m":
        return _month(number), _month(number + 1)
    raise ValueError(f"no unit of time {unit!r}")


def _month(number: int) -> datetime:
    return moment(0).replace(year=number // 12, month=number % 12 + 1)


def spent_row(buckets: Mapping[str, Amounts]) -> str:
    """How they are stored: months, days, hours, the oldest of each first."""
    keys = sorted(buckets, key=lambda key: ("mdh".index(key[0]), int(key[1:])))
    return ";".join(f"{key}:{_amounts_text(buckets[key])}" for key in keys)


def _amounts_text(amounts: Amounts) -> str:
    numbers = (amounts.gpu, amounts.disk, amounts.stopped, amounts.failed, amounts.unknown)
    return ",".join(str(one or "") for one in (*numbers, amounts.seconds))


def _parsed(row: str) -> dict[str, Amounts]:
    found = {}
    for entry in row.split(";"):
        key, _, text = entry.partition(":")
        found[key] = Amounts(*(int(part or 0) for part in text.split(",")))
    return found


def merged_buckets(row: str | None, added: Mapping[str, Amounts]) -> dict[str, Amounts]:
    """Those of a stored ``row``, None for none, and ``added``, by their keys."""
    merged = _parsed(row) if row else {}
    for key, amounts in added.items():
        merged[key] = merged.get(key, NOTHING) + amounts
    return merged


def rolled_up(now: datetime) -> Callable[[RecordedState], RecordedState]:
    """Old hours become days and old days months, so that the state stays small. Exact: no sum
    changes. A state that has nothing old stays as it is.
    """
    oldest_hour = (now - HOURS_KEPT - moment(0)) // _DAY * 24
    oldest_day = (now - DAYS_KEPT - moment(0)) // _DAY

    def change(state: RecordedState) -> RecordedState:
        spent = state.ledger.spent
        stale = {text: row for text, row in spent.items() if _is_old(row, oldest_hour, oldest_day)}
        crowded = len(spent) > ACCOUNTS_MAX
        if not stale and not crowded:
            return state
        rolled = {
            text: spent_row(_rolled(row, oldest_hour, oldest_day)) for text, row in stale.items()
        }
        new = {**spent, **rolled}
        if crowded:
            new = _without_small_print(new, [one.budget for one in state.budgets.values()])
        if new == spent:
            return state
        return state.with_(ledger=state.ledger.model_copy(update={"spent": new}))

    return change


def _is_old(row: str, oldest_hour: int, oldest_day: int) -> bool:
    """By the first hour and the first day in it."""
    for unit, oldest in (("h", oldest_hour), ("d", oldest_day)):
        at = row.find(unit)
        if at >= 0 and int(row[at + 1 : row.index(":", at)]) < oldest:
            return True
    return False


def _rolled(row: str, oldest_hour: int, oldest_day: int) -> dict[str, Amounts]:
    rolled: dict[str, Amounts] = defaultdict(lambda: NOTHING)
    for key, amounts in _parsed(row).items():
        unit, number = key[0], int(key[1:])
        if unit == "h" and number < oldest_hour:
            unit, number = "d", number // 24
        if unit == "d" and number < oldest_day:
            day = moment(0) + number * _DAY
            unit, number = "m", day.year * 12 + day.month - 1
        rolled[f"{unit}{number}"] += amounts
    return rolled


def _without_small_print(spent: Mapping[str, str], budgets: Iterable[Budget]) -> dict[str, str]:
    """Accounts without a recent hour are added up by team, owner, provider and GPU, and by the
    fleets and labels that a budget goes by: it must go on counting what they spent.
    """
    fleets, labels = _told_apart(budgets)
    kept: dict[str, str] = {}
    folded: dict[str, dict[str, Amounts]] = {}
    for text, row in spent.items():
        account = account_of(text)
        if "h" not in row:
            account = replace(
                account,
                fleet=account.fleet if account.fleet in fleets else "",
                labels=tuple(pair for pair in account.labels if pair in labels),
            )
        if account.text == text:
            kept[text] = row
        else:
            folded[account.text] = merged_buckets(row, folded.get(account.text, {}))
    for text, buckets in folded.items():
        kept[text] = spent_row(merged_buckets(kept.get(text), buckets))
    return kept


def _told_apart(budgets: Iterable[Budget]) -> tuple[set[str], set[tuple[str, str]]]:
    """Names of fleets, and labels, by which a budget knows what it pays for."""
    fleets: set[str] = set()
    labels: set[tuple[str, str]] = set()
    for budget in budgets:
        fleets.update(budget.fleets)
        if budget.match is not None:
            fleets.update(budget.match.fleets)
            labels.update(budget.match.labels.items())
    return fleets, labels
