"""What runs costs now, and the most it can still cost."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from reconciler.planning.spending import (
    Running,
    enforced_by,
    hourly_burn_rate,
    live_rate,
    worst_case,
)
from tests.builders import HOUR, instance, record, recorded_state
from tests.markets import START

TICK = timedelta(seconds=60)


def test_I13_a_machine_that_was_not_read_counts_at_its_last_known_rate() -> None:
    assert live_rate(record(), None) == Decimal("0.40")
    assert live_rate(record(), instance(usd_per_hour=None)) == Decimal("0.40")
    assert live_rate(record(), instance(usd_per_hour=Decimal("0.55"))) == Decimal("0.55")
    assert live_rate(record(), instance(usd_per_hour=Decimal(0))) == 0


@pytest.mark.parametrize(
    ("ends_at", "seconds"),
    [(START + HOUR, 3721), (START, 121), (START - HOUR, 121)],
)
def test_the_worst_case_counts_lease_tick_and_destroy_time(ends_at: datetime, seconds: int) -> None:
    machines = [Running("a", Decimal("3.6"), ends_at), Running("b", Decimal("0"), ends_at)]
    assert worst_case(machines, START, TICK) == Decimal(seconds) / 1000
    assert hourly_burn_rate(machines) == Decimal("3.6")


def test_nothing_costs_nothing() -> None:
    assert worst_case([], START, TICK) == hourly_burn_rate([]) == 0


def test_nobody_enforces_what_no_loop_ever_visited() -> None:
    assert enforced_by(recorded_state(), START, TICK).startswith("NOTHING")
