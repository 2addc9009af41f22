"""What the state says about money: asks no provider, writes nothing."""

from __future__ import annotations

import csv
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

from reconciler.model.errors import GpuShopperError, UsageRefused
from reconciler.model.fleet import DEFAULT_TICK
from reconciler.model.text import printable
from reconciler.model.value import dataclass
from reconciler.operations.state_place import find_state, workspace_now
from reconciler.planning.bill_check import check_bill
from reconciler.planning.costs import charges, costs_of
from reconciler.planning.forecast import budget_summaries, forecast

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from reconciler.model.budget import BudgetCurve, BudgetSummary, Forecast
    from reconciler.model.costs import BillCheck, Charge, CostKey, CostReport
    from reconciler.model.fleet import DesiredState
    from reconciler.model.office_windows import HoursForecast
    from reconciler.model.record import RecordedState

_BILL_MAX_BYTES = 64 * 2**20
_BILLED_USD_MAX = 10**12  # in one line: beyond it an amount is a mistake
_ID_COLUMNS = ("resourceid", "instanceid", "instance_id", "machine", "id")
_COST_COLUMNS = ("billedcost", "cost", "amount", "charge", "usd", "total")


@dataclass(frozen=True, slots=True)
class MoneyView:
    """A workspace's state and the moment on its clock."""

    workspace: str
    state: RecordedState
    now: datetime
    tick: timedelta
    desired: DesiredState | None = None
    """None where the documents cannot be used."""

    def start(self, since: timedelta | datetime | None) -> datetime:
        """``since`` as a moment; None is the first of this month, UTC."""
        if since is None:
            return self.now.astimezone(UTC).replace(
                day=1, hour=0, minute=0, second=0, microsecond=0
            )
        return self.now - since if isinstance(since, timedelta) else since

    def end(self, until: timedelta | datetime | None) -> datetime:
        """``until`` as a moment, not after now: nothing is billed in advance."""
        if until is None:
            return self.now
        return min(self.now, self.now - until if isinstance(until, timedelta) else until)

    def costs(
        self,
        since: timedelta | datetime | None,
        until: timedelta | datetime | None,
        by: Sequence[CostKey],
    ) -> CostReport:
        return costs_of(self.state, self.start(since), self.end(until), by)

    def charges(
        self, since: timedelta | datetime | None, until: timedelta | datetime | None
    ) -> list[Charge]:
        return list(charges(self.state, self.start(since), self.end(until), daily=True))

    def check(
        self, bill: dict[str, Decimal], provider: str | None, until: timedelta | datetime | None
    ) -> BillCheck:
        return check_bill(bill, self.state, self.end(until), provider)

    def budgets(self) -> tuple[BudgetSummary, ...]:
        """Each budget as it stands."""
        return budget_summaries(self.state, self.now, self.tick)

    def curves(self) -> tuple[BudgetCurve, ...]:
        """Each budget over its period, as far as it has a limit."""
        from reconciler.planning.budget_curves import budget_curves  # few ask for a chart

        return budget_curves(self.state, self.now)

    def forecast(self) -> Forecast:
        return forecast(self.state, self.now)

    def forecast_in_hours(self) -> HoursForecast | None:
        """None where no fleet has office hours."""
        from reconciler.planning.hours_forecast import hours_forecast  # most fleets have none

        return hours_forecast(self.desired, self.state, self.now)


async def read_money(directory: Path) -> MoneyView:
    """The state as it is stored. Raises ``UsageRefused`` where there is none."""
    place = find_state(directory)
    state = place.backend().read()
    if state is None:
        raise UsageRefused(
            f"there is no state at {printable(place.shown(place.path))}, so nothing was spent yet",
            fix="gpu-shopper apply",
        )
    tick = place.desired.safety.tick if place.desired else DEFAULT_TICK
    return MoneyView(place.workspace, state, await workspace_now(place), tick, place.desired)


def read_bill(path: Path, id_column: str | None, cost_column: str | None) -> dict[str, Decimal]:
    """Dollars by machine id, rows of one machine added up; a row without an id is left out.

    Raises ``UsageRefused`` for a file that is no such CSV, naming the line.
    """
    rows = csv.DictReader(_text_of(path).splitlines())
    try:
        return _charged(rows, id_column, cost_column)
    except csv.Error as error:
        what = f"line {rows.reader.line_num} of the bill is no line of a CSV"
        raise UsageRefused(what, why=printable(str(error), 200)) from None


def _charged(
    rows: csv.DictReader[str], id_column: str | None, cost_column: str | None
) -> dict[str, Decimal]:
    names = {name.strip().lower(): name for name in rows.fieldnames or [] if name}
    ids = _column(names, id_column, _ID_COLUMNS, "--id-column")
    costs = _column(names, cost_column, _COST_COLUMNS, "--cost-column")
    bill: dict[str, Decimal] = {}
    for row in rows:
        known = (row.get(ids) or "").strip()
        if known:
            bill[known] = bill.get(known, Decimal(0)) + _usd(row.get(costs), rows.line_num)
    return bill


def _text_of(path: Path) -> str:
    try:
        if not path.is_file():
            raise UsageRefused(f"{printable(str(path))} is no file")
        if path.stat().st_size > _BILL_MAX_BYTES:
            raise UsageRefused(f"{printable(str(path))} is larger than 64 MiB")
        return path.read_bytes().decode("utf-8-sig")
    except (OSError, ValueError) as error:
        what = f"{printable(str(path))} cannot be read"
        raise GpuShopperError(what, why=printable(str(error), 200)) from error


def _column(names: dict[str, str], wanted: str | None, usual: Sequence[str], option: str) -> str:
    tried = (wanted.strip().lower(),) if wanted else usual
    for name in tried:
        if name in names:
            return names[name]
    raise UsageRefused(
        f"the bill has no column {printable(' or '.join(tried), 120)}",
        why=f"its columns: {printable(', '.join(names) or 'none', 200)}",
        fix=f"name it with {option}",
    )


def _usd(text: str | None, line: int) -> Decimal:
    written = (text or "").strip().removeprefix("$").replace(",", "")
    try:
        amount = Decimal(written)
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite() or abs(amount) > _BILLED_USD_MAX:
        raise UsageRefused(
            f"line {line} of the bill: {printable(text or '(nothing)', 40)} is no amount of dollars"
        )
    return amount
