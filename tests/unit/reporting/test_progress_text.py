from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from reconciler.model.address import Slot
from reconciler.model.progress import SlotProgress
from reconciler.reporting.progress_text import progress_line
from tests.unit.reporting.hostile import HOSTILE, assert_clean


def test_a_slot_on_its_way_is_one_line() -> None:
    progress = SlotProgress(
        Slot("train", 0), "booting", "simulated m-1", timedelta(seconds=75), Decimal("0.40")
    )
    assert progress_line(progress) == (
        "fleet.train[0]     booting     1m15s   $0.400/h  simulated m-1"
    )


def test_a_slot_that_waits_has_no_rate() -> None:
    progress = SlotProgress(Slot("train", 0), "waiting", "", timedelta(0))
    assert progress_line(progress) == "fleet.train[0]     waiting        0s"


def test_I22_details_are_escaped_and_cut() -> None:
    line = progress_line(
        SlotProgress(Slot("a" * 22, 99999), "failed", HOSTILE * 9, timedelta(days=3), Decimal(99))
    )
    assert "\n" not in line
    assert_clean(line)
