"""Office hours on the simulated market: machines are there in the windows, and only then."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from reconciler.model.exit_code import ExitCode
from reconciler.model.plan import Plan
from reconciler.model.reason import CreateReason, DestroyReason
from tests.simulation.shop import Shop, story

OFFICE = """
version: 1
workspace: demo
providers: {simulated: {}}
fleets:
  dev:
    resources: {gpu: RTX4090}
    max_gpu_hour_usd: 1
    active: {hours: HOURS, timezone: Europe/Berlin}
    expires_at: 2026-12-31T00:00:00Z
"""
WEEKDAYS = OFFICE.replace("HOURS", "Mon-Fri 08:00-20:00")
MINUTE = timedelta(minutes=1)


def at(day: int, hour: int, minute: int = 0, month: int = 7) -> datetime:
    """A moment of 2026 in UTC; Berlin is two hours ahead in summer."""
    return datetime(2026, month, day, hour, minute, tzinfo=UTC)


async def until(shop: Shop, moment: datetime) -> None:
    await shop.wait(moment - shop.now)


async def settle(shop: Shop, **request: bool) -> None:
    """Passes of a loop, a minute apart, until what goes is proven gone."""
    for _ in range(6):
        await shop.reconcile(schedule=True, **request)
        await shop.wait(MINUTE)


def hours_of(plan: Plan):
    (fleet,) = plan.fleets
    assert fleet.hours is not None
    return fleet.hours


def test_a_week_of_office_hours_has_a_machine_in_each_window_and_none_outside(
    tmp_path: Path,
) -> None:
    """From Wednesday noon: the loop alone opens and closes every window (I9, section 2)."""

    async def tell(shop: Shop) -> list[tuple[str, int]]:
        await shop.apply(WEEKDAYS)
        seen = []
        for hour in range(0, 7 * 24):
            await until(shop, at(1, 12, 30) + timedelta(hours=hour))
            await settle(shop)
            seen.append((f"{shop.now:%a %H}", len(shop.alive())))
        return seen

    # Berlin 08:00-20:00 is 06:00-18:00 UTC.
    for moment, count in story(tmp_path, tell):
        day, hour = moment.split()
        inside = day not in ("Sat", "Sun") and 6 <= int(hour) < 18
        assert count == (1 if inside else 0), moment
