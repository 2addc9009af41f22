"""When budgets are empty under the declared office hours."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

from reconciler.model.budget import Budget, BudgetMatch, BudgetRecord
from reconciler.model.ledger import ClosedMachine, Ledger
from reconciler.model.office_windows import HoursForecast
from reconciler.model.record import RecordedState
from reconciler.planning.hours_forecast import hours_forecast
from reconciler.reporting.hours_text import hours_forecast_json, hours_forecast_text
from tests.builders import desired, record, recorded_state
from tests.unit.planning.test_window_leases import CLOSES, MONDAY, in_hours, window_lease

DAY = timedelta(days=1)


def budget(limit: str, period: str = "total") -> dict[str, BudgetRecord]:
    made = Budget.model_validate(
        {
            "name": "vision",
            "match": BudgetMatch(),
            "period": period,
            "limit_usd": Decimal(limit),
            "max_hourly_usd": None,
            "time_zone": "Europe/Berlin",
        }
    )
    return {"vision": BudgetRecord(budget=made)}


def found(state: RecordedState, now: datetime, **fleet: object) -> HoursForecast:
    forecast = hours_forecast(desired(in_hours(**fleet)), state, now)
    assert forecast is not None
    return forecast


def closed_state(**changes: object) -> RecordedState:
    return recorded_state(leases={"train": window_lease()}, **changes)


def test_a_budget_is_empty_in_the_hour_in_which_a_window_uses_it_up() -> None:
    """A dollar an hour, from Monday evening: 12 on Tuesday, and the 18th on Wednesday noon."""
    state = closed_state(budgets=budget("18"))
    forecast = found(state, CLOSES, max_node_hour_usd=Decimal(1))
    (runway,) = forecast.runways
    assert runway.empty_at == MONDAY + 2 * DAY + timedelta(hours=6)
    assert forecast.week_usd == 12 * 5
    text = hours_forecast_text(forecast)
    assert "budget vision: empty on Wednesday 08 Jul 14:00 CEST" in text
    assert max(map(len, text.splitlines())) <= 80


def test_a_budget_that_starts_anew_each_month_lasts_when_its_windows_fit_in() -> None:
    """19 windows of July are left from Monday the 6th in the evening on."""
    state = closed_state(budgets=budget("300", "month"))
    forecast = found(state, CLOSES, max_node_hour_usd=Decimal(1))
    (runway,) = forecast.runways
    assert runway.empty_at is None
    assert runway.projected_usd == 19 * 12
    told = hours_forecast_json(forecast)
    assert told is not None
    assert told["budgets"][0]["projected_usd"] == "228.000000"


def test_what_runs_is_billed_to_the_end_of_its_window_and_not_twice() -> None:
    mine = record(created_at=MONDAY, usd_per_hour=Decimal("0.5"))
    state = recorded_state(mine, leases={"train": window_lease()}, budgets=budget("6.5"))
    (runway,) = found(state, MONDAY).runways
    assert runway.empty_at == MONDAY + DAY + timedelta(hours=1)


def test_the_last_machine_tells_the_rate_where_none_runs_and_no_cap_is_written() -> None:
    gone = ClosedMachine(
        "simulated", "i-1", "fleet.train[0]", "RTX4090", MONDAY, CLOSES, Decimal(6), "closed"
    )
    state = closed_state(ledger=Ledger(closed=[gone.row]))
    (fleet,) = found(state, CLOSES).fleets
    assert fleet.usd_per_hour == Decimal("0.5")
    (unknown,) = found(closed_state(), CLOSES).fleets
    assert unknown.usd_per_hour is None
    assert "at no known price" in hours_forecast_text(found(closed_state(), CLOSES))


def test_hours_that_nobody_applied_are_in_no_forecast() -> None:
    assert hours_forecast(desired(in_hours()), recorded_state(), MONDAY) is None
