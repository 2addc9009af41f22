"""A destroy is an alert after three failures, or ten minutes after its proof could have come."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from reconciler.model.reason import DestroyReason
from reconciler.model.record import Doom
from reconciler.operations.overdue import overdue_records
from tests.builders import record, recorded_state
from tests.simulation.shop import Shop, story

TEN_MINUTES = timedelta(minutes=10)
MOMENT = timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("failures", "beyond", "late"),
    [(2, -TEN_MINUTES, False), (3, -TEN_MINUTES, True), (0, MOMENT * 0, False), (0, MOMENT, True)],
    ids=["two failures", "three", "to the moment", "one moment more"],
)
@pytest.mark.parametrize("provider", ["simulated", "no-longer-declared"])
def test_I9_a_destroy_is_overdue_at_three_failures_and_past_its_time(
    failures: int, beyond: timedelta, late: bool, provider: str, tmp_path: Path
) -> None:
    async def tell(shop: Shop) -> None:
        workspace = shop.workspace()
        opened = workspace.providers.get(provider)
        window = opened.capabilities.visibility_window if opened else timedelta(seconds=120)
        since = shop.now - 2 * window - TEN_MINUTES - beyond
        doom = Doom(reason=DestroyReason.EXPIRED, since=since, failures=failures)
        state = recorded_state(record(provider=provider, doom=doom))
        assert bool(overdue_records(state, workspace)) == late

    story(tmp_path, tell)
