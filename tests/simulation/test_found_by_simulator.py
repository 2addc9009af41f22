"""Schedules that once broke a promise, as they were cut down, with the seed that found them.

Seeds mean other schedules when the catalogue grows; these stay as they are.
"""

from __future__ import annotations

import pytest

from tests.simulation.simulator.campaign import judged
from tests.simulation.simulator.schedule import Schedule, Step

_APPLY = (("detach", True), ("documents", 0), ("max_destroy", 10), ("renew", False))
READ_ONLY_DISK = Schedule(
    291,
    300,
    (
        Step(1, "apply", (*_APPLY, ("who", "laptop"))),
        Step(14, "disk_read_only", (("ticks", 4),), "C10.6"),
        Step(15, "reconcile", (("heal", False), ("who", "cron"))),
    ),
)
"""A loop that could not write its lock destroyed nothing: what had ended was billed on."""


@pytest.mark.parametrize("schedule", [READ_ONLY_DISK], ids=lambda one: f"seed-{one.seed}")
def test_what_was_found_once_stays_mended(schedule: Schedule) -> None:
    verdict = judged(schedule)
    assert verdict.broken is None, verdict.broken
    assert any("destroy_instance" in line for line in verdict.log)
