"""Office hours on the simulated market: machines are there in the windows, and only then."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from reconciler.market.faults import Fault
from reconciler.market.ledger import billed_total
from reconciler.model.errors import UnsafePlan
from reconciler.model.exit_code import ExitCode
from reconciler.model.office_windows import HoursSummary
from reconciler.model.plan import Mode, Plan, PlanRequest
from reconciler.model.reason import CreateReason, DestroyReason
from reconciler.operations.look import look
from reconciler.operations.recording import decision_of, replay
from reconciler.operations.run import RunResult
from reconciler.statefile.decision_file import decode_decision, encode_decision
from tests.markets import market_offer
from tests.simulation.shop import Shop, story
from tests.simulation.test_spot import MARKET, offers_of, take_away

OFFICE = """
version: 1
workspace: demo
providers: {simulated: {}}
fleets:
  dev:
    resources: {gpu: RTX4090}
    max_gpu_hour_usd: 1
    active: {hours: HOURS, timezone: ZONE}
    expires_at: 2026-12-31T00:00:00Z
"""
EMPTY = "version: 1\nworkspace: demo\nproviders: {simulated: {}}\nfleets: {}\n"
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


def office(hours: str = "Mon-Fri 08:00-20:00", zone: str = "Europe/Berlin", **more: str) -> str:
    written = OFFICE.replace("HOURS", hours).replace("ZONE", zone)
    return written + "".join(f"    {key}: {value}\n" for key, value in more.items())


def at(day: int, hour: int, minute: int = 0, month: int = 7) -> datetime:
    """A moment of 2026 in UTC; Berlin is two hours ahead in summer. 1 July is a Wednesday."""
    return datetime(2026, month, day, hour, minute, tzinfo=UTC)


async def until(shop: Shop, moment: datetime) -> None:
    await shop.wait(moment - shop.now)


async def loop_until(shop: Shop, end: datetime, **request: bool) -> RunResult:
    """As the daemon does with ``--interval 6h --schedule``: it wakes for what is due."""
    wanted: dict[str, Any] = {"schedule": True, **request}
    while True:
        result = await shop.reconcile(**wanted)
        left = end - shop.now
        if left <= timedelta(0):
            return result
        due = result.next_deadline
        wait = timedelta(hours=6) if due is None else due - shop.now
        await shop.wait(min(max(wait, timedelta(seconds=1)), timedelta(hours=6), left))


def stays(shop: Shop) -> list[tuple[datetime, datetime | None]]:
    """When each machine was rented and when it was gone, by the market's own books."""
    machines = sorted(shop.world.all_machines(), key=lambda one: one.created_at)
    return [(one.created_at, one.gone_at) for one in machines]


def hours_of(plan: Plan) -> HoursSummary:
    (fleet,) = plan.fleets
    assert fleet.hours is not None
    return fleet.hours


def test_a_loop_has_a_machine_in_each_window_of_a_week_and_none_outside(tmp_path: Path) -> None:
    """From a Wednesday noon on: every window is a lease of its own (section 2)."""

    async def tell(shop: Shop) -> list[tuple[datetime, datetime | None]]:
        await shop.apply(office())
        await loop_until(shop, at(8, 12))
        return stays(shop)

    found = story(tmp_path, tell)
    # Berlin 08:00-20:00 is 06:00-18:00 UTC; Saturday is the 4th.
    opened = [at(1, 12), at(2, 6), at(3, 6), at(6, 6), at(7, 6), at(8, 6)]
    assert [began.replace(second=0) for began, _ in found] == opened
    for (began, gone), day in zip(found[:-1], (1, 2, 3, 6, 7), strict=True):
        assert gone is not None
        assert at(day, 18) <= gone <= at(day, 18, 2), began
    assert found[-1][1] is None


@pytest.mark.parametrize(
    ("zone", "day", "month", "opens_utc", "hours"),
    [("Europe/Berlin", 24, 10, 20, 9), ("Australia/Sydney", 3, 10, 12, 7)],
    ids=["the clocks go back", "the clocks go forward"],
)
def test_C12_6_a_night_shift_costs_its_real_hours_and_not_more_than_was_shown(
    tmp_path: Path, zone: str, day: int, month: int, opens_utc: int, hours: int
) -> None:
    async def tell(shop: Shop) -> tuple[Decimal, Decimal | None]:
        await until(shop, at(day, opens_utc, 0, month))
        result = await shop.apply(office("Sat 22:00-06:00", zone))
        rented, _ = stays(shop)[0]
        await loop_until(shop, rented + timedelta(hours=20))
        ((_, gone),) = stays(shop)
        assert gone is not None
        assert timedelta(0) <= gone - at(day, opens_utc, 0, month) - hours * 60 * MINUTE <= MINUTE
        return billed_total(shop.world, shop.now), result.plan.worst_case_usd

    billed, shown = story(tmp_path, tell)
    assert shown is not None
    assert hours * Decimal("0.4") <= billed <= shown


def test_apply_outside_of_hours_buys_nothing_and_says_when_the_next_window_opens(
    tmp_path: Path,
) -> None:
    async def tell(shop: Shop) -> None:
        await until(shop, at(3, 20))  # a Friday evening
        result = await shop.apply(office())
        assert result.code is ExitCode.DONE
        assert shop.alive() == ()
        hours = hours_of(result.plan)
        assert hours.opens_at is None
        assert hours.next_opens_at == at(6, 6)
        assert hours.next_opens_at.isoformat() == "2026-07-06T08:00:00+02:00"
        assert result.plan.fleets[0].note == "outside hours"
        assert result.plan.fleets[0].ends_at is None
        again = await shop.plan()
        assert not again.has_changes  # I17
        assert (await shop.reconcile(schedule=True)).next_deadline == at(6, 6)
        await loop_until(shop, at(6, 6, 1))
        assert len(shop.alive()) == 1

    story(tmp_path, tell)


def test_a_loop_without_schedule_closes_windows_and_opens_none(tmp_path: Path) -> None:
    async def tell(shop: Shop) -> None:
        await shop.apply(office())
        await loop_until(shop, at(3, 12), schedule=False, heal=True)
        assert shop.alive() == ()
        assert len(stays(shop)) == 1

    story(tmp_path, tell)


def test_a_window_closes_by_the_state_alone_when_the_documents_are_gone(tmp_path: Path) -> None:
    """Expiry needs no documents (section 5), and the reason says what it is."""

    async def tell(shop: Shop) -> None:
        await shop.apply(office())
        await until(shop, at(1, 18))
        result = await shop.reconcile(EMPTY)
        (destroy,) = result.plan.destroys
        assert destroy.reason is DestroyReason.OUTSIDE_HOURS
        await shop.wait(2 * MINUTE)
        assert shop.alive() == ()

    story(tmp_path, tell)


def test_a_machine_that_a_person_destroyed_is_bought_again_by_heal_and_the_next_window_only(
    tmp_path: Path,
) -> None:
    async def tell(shop: Shop) -> None:
        await shop.apply(office())
        await shop.destroy("fleet.dev[0]")
        await loop_until(shop, at(1, 16))
        assert shop.alive() == ()
        await loop_until(shop, at(1, 16, 10), heal=True)
        assert len(shop.alive()) == 1
        await shop.destroy("fleet.dev[0]")
        await loop_until(shop, at(2, 5))
        assert shop.alive() == ()
        result = await loop_until(shop, at(2, 6))
        assert [one.reason for one in result.plan.creates] == [CreateReason.NEW]
        assert len(shop.alive()) == 1

    story(tmp_path, tell)


def test_a_fleet_that_a_person_destroyed_stays_so_until_the_next_apply(tmp_path: Path) -> None:
    async def tell(shop: Shop) -> None:
        await shop.apply(office())
        await shop.destroy()
        await loop_until(shop, at(2, 20), heal=True)
        assert shop.alive() == ()
        assert len(stays(shop)) == 1
        assert not hours_of(await shop.plan()).armed or (await shop.plan()).has_changes
        await shop.apply()  # in the evening: it buys nothing, and allows the next window
        assert len(stays(shop)) == 1
        await loop_until(shop, at(3, 7))
        assert len(shop.alive()) == 1

    story(tmp_path, tell)


def test_a_released_window_stays_closed_and_the_next_one_opens(tmp_path: Path) -> None:
    async def tell(shop: Shop) -> None:
        await shop.apply(office())
        await shop.release("dev")
        await loop_until(shop, at(2, 5), heal=True)
        assert shop.alive() == ()
        await loop_until(shop, at(2, 7))
        assert len(shop.alive()) == 1

    story(tmp_path, tell)


def test_a_second_destroy_is_a_last_word_too(tmp_path: Path) -> None:
    """The apply of the evening allowed the next window, and then a person destroyed the fleet."""

    async def tell(shop: Shop) -> None:
        await shop.apply(office())
        await shop.destroy()
        await until(shop, at(1, 20))
        await shop.apply()
        await until(shop, at(1, 21))
        await shop.destroy()
        await loop_until(shop, at(2, 7))
        assert len(stays(shop)) == 1

    story(tmp_path, tell)


def test_a_fleet_that_was_released_and_then_destroyed_stays_so(tmp_path: Path) -> None:
    async def tell(shop: Shop) -> None:
        await shop.apply(office())
        await shop.release("dev")
        await shop.destroy()
        await loop_until(shop, at(2, 7))
        assert len(stays(shop)) == 1

    story(tmp_path, tell)


@pytest.mark.parametrize(
    "without",
    [
        EMPTY.replace("fleets: {}", "fleets: {lab: {resources: {gpu: RTX4090}, ttl: 1h}}"),
        office().replace("    active: {hours: Mon-Fri 08:00-20:00, timezone: Europe/Berlin}\n", ""),
    ],
    ids=["the fleet", "its hours"],
)
def test_hours_that_were_taken_out_and_come_back_wait_for_an_apply(
    tmp_path: Path, without: str
) -> None:
    """An apply without them was the last word (section 12, 1); a merged revert is no approval."""

    async def tell(shop: Shop) -> None:
        await shop.apply(office())
        await loop_until(shop, at(1, 19))
        await shop.apply(without)
        assert not (await shop.plan()).has_changes  # I17
        await until(shop, at(2, 7))
        result = await shop.reconcile(office(), schedule=True)
        assert result.plan.creates == ()
        await shop.apply(office())
        assert [one.fleet for one in shop.state().records_of("dev") if not one.doom] == ["dev"]

    story(tmp_path, tell)


def test_a_create_of_the_window_before_does_not_begin_the_lease_of_the_next(
    tmp_path: Path,
) -> None:
    """Its outcome was unknown, and nobody passed before the next window."""

    async def tell(shop: Shop) -> None:
        await until(shop, at(1, 17, 50))
        lost = Fault(error="unavailable", done=True, appears_after=30 * MINUTE)
        shop.world.script_fault(lost, "create_instance", times=1)
        await shop.apply(office())
        await until(shop, at(2, 7))
        await shop.reconcile(schedule=True)
        await loop_until(shop, at(2, 8))
        assert [gone is None for _, gone in stays(shop)] == [False, True]
        assert shop.state().leases["dev"].ends_at == at(2, 18)

    story(tmp_path, tell)


def test_a_loop_does_not_heal_what_unapplied_hours_close(tmp_path: Path) -> None:
    """Else it would rent and destroy in turn, as long as nobody applies them."""

    async def tell(shop: Shop) -> None:
        await shop.apply(office())
        await shop.wait(3 * HOUR)
        for _ in range(4):
            await shop.reconcile(office("Mon-Fri 08:00-15:00"), heal=True)
            await shop.wait(6 * MINUTE)
        assert len(stays(shop)) == 1
        assert shop.alive() == ()

    story(tmp_path, tell)


def test_a_slot_that_lost_too_often_is_on_demand_for_this_window_alone(tmp_path: Path) -> None:
    async def tell(shop: Shop) -> None:
        more = {"spot_policy": "auto", "nodes": "2..6", "spot": "{fallback_after: 1}"}
        await shop.apply(office(**more))
        await take_away(shop)
        assert (await shop.reconcile(schedule=True)).plan.creates == ()
        await shop.reconcile(schedule=True, heal=True)
        await shop.wait(2 * MINUTE)
        assert offers_of(shop) == ["o3", "o4"]
        assert not (await shop.plan()).changes_machines
        await loop_until(shop, at(2, 7), heal=True)
        assert offers_of(shop) == ["o1-spot", "o2-spot"]

    story(tmp_path, tell, *MARKET)


def test_hours_that_nobody_applied_open_nothing_and_shorter_ones_close_softly(
    tmp_path: Path,
) -> None:
    """Looser documents count after apply alone; tighter ones are announced (section 12, 1)."""

    async def tell(shop: Shop) -> None:
        await until(shop, at(1, 20))
        await shop.apply(office("Mon-Fri 08:00-20:00"))
        await until(shop, at(2, 5))
        await shop.reconcile(office("Mon-Fri 06:00-20:00"), schedule=True)
        assert shop.alive() == ()
        await loop_until(shop, at(2, 7))
        assert len(shop.alive()) == 1
        shorter = office("Mon-Fri 08:00-10:00", grace="10m")
        await until(shop, at(2, 9))
        first = await shop.reconcile(shorter, schedule=True)
        assert [one.reason for one in first.plan.announces] == [DestroyReason.OUTSIDE_HOURS]
        assert len(shop.alive()) == 1
        await shop.wait(11 * MINUTE)
        await shop.reconcile(shorter, schedule=True)
        await shop.wait(MINUTE)
        assert shop.alive() == ()

    story(tmp_path, tell)


def test_shorter_hours_that_are_applied_end_the_lease_at_once(tmp_path: Path) -> None:
    async def tell(shop: Shop) -> None:
        await shop.apply(office())
        await until(shop, at(1, 15))
        result = await shop.apply(office("Mon-Fri 08:00-16:00"))  # until 14:00 UTC
        assert [one.reason for one in result.plan.destroys] == [DestroyReason.OUTSIDE_HOURS]
        assert shop.alive() == ()
        longer = await shop.apply(office("Mon-Fri 08:00-22:00"))
        assert longer.plan.creates == ()  # this window has ended: only a person renews it
        await shop.apply(renew=frozenset({"dev"}))
        await loop_until(shop, at(1, 19))
        assert len(shop.alive()) == 1

    story(tmp_path, tell)


def test_a_fleet_that_ran_before_it_had_hours_goes_on_in_the_window_at_hand(
    tmp_path: Path,
) -> None:
    async def tell(shop: Shop) -> None:
        plain = office().replace(
            "    active: {hours: Mon-Fri 08:00-20:00, timezone: Europe/Berlin}\n", ""
        )
        await shop.apply(plain)
        (before,) = shop.alive()
        result = await shop.apply(office())
        assert not result.plan.changes_machines
        assert shop.state().leases["dev"].hours.opened == [0]  # type: ignore[union-attr]
        await loop_until(shop, at(1, 17, 59))
        assert [one.id for one in shop.alive()] == [before.id]
        await loop_until(shop, at(1, 18, 2))
        assert shop.alive() == ()

    story(tmp_path, tell)


def test_extend_moves_the_end_of_this_window_alone_and_never_beyond_expires_at(
    tmp_path: Path,
) -> None:
    async def tell(shop: Shop) -> None:
        await shop.apply(office())
        assert await shop.extend("dev", timedelta(hours=3)) == at(1, 21)
        await shop.apply()
        await loop_until(shop, at(1, 20, 59))
        assert len(shop.alive()) == 1
        result = await shop.apply()  # outside of hours: the extension is a person's word
        assert not result.plan.changes_machines
        await loop_until(shop, at(2, 5))
        assert shop.alive() == ()
        await loop_until(shop, at(2, 18, 5))
        (_, first), (_, second) = stays(shop)
        assert first is not None
        assert second is not None
        assert at(1, 21) <= first <= at(1, 21, 2)
        assert at(2, 18) <= second <= at(2, 18, 2)

    story(tmp_path, tell)


def test_the_next_window_waits_for_the_end_of_one_that_was_extended_into_it(
    tmp_path: Path,
) -> None:
    """Each window is a lease of its own, and a slot holds one machine at a time."""

    async def tell(shop: Shop) -> None:
        ends = office().replace("2026-12-31T00:00:00Z", "2026-07-02T12:00:00Z")
        await shop.apply(ends)
        with pytest.raises(UnsafePlan, match="past its expires_at"):
            await shop.extend("dev", timedelta(hours=19))
        await shop.extend("dev", timedelta(hours=14))  # into Thursday, 08:00 UTC
        await loop_until(shop, at(2, 7, 59))
        assert len(stays(shop)) == 1
        await loop_until(shop, at(2, 11))
        (_, first), (second, still) = stays(shop)
        assert first is not None
        assert at(2, 8) <= first <= second <= at(2, 8, 5)
        assert still is None
        last = await loop_until(shop, at(2, 12, 1))
        assert shop.alive() == ()
        assert not any(one.doom is None for one in shop.state().instances.values())
        assert last.plan.creates == ()

    story(tmp_path, tell)


@pytest.mark.parametrize(
    ("extended", "other"),
    [(16, "Mon-Fri 08:00-21:00"), (0, "Wed 18:00 - Thu 18:00")],
    ids=["extended into the next window", "a longer window around it"],
)
def test_no_machine_outlives_max_ttl_because_its_hours_changed(
    tmp_path: Path, extended: int, other: str
) -> None:
    """However often they are changed: it goes, and the window is filled anew."""
    strict = office().replace("fleets:", "safety: {max_ttl: 1d}\nfleets:")

    async def tell(shop: Shop) -> None:
        await shop.apply(strict)
        if extended:
            await shop.extend("dev", extended * HOUR)
        await until(shop, at(1, 17, 50))
        if extended:
            await loop_until(shop, at(2, 9))
        await shop.apply(strict.replace("Mon-Fri 08:00-20:00", other))
        await loop_until(shop, at(2, 22))
        assert len(stays(shop)) == 2
        for began, gone in stays(shop):
            assert gone is not None
            assert gone - began <= 24 * HOUR + 2 * MINUTE

    story(tmp_path, tell)


def test_a_used_up_budget_opens_no_window_and_holds_up_no_other_fleet(tmp_path: Path) -> None:
    """Exit 6 is reported by every pass; the fleet beside it opens and closes (I6)."""
    poor = office(budget="{max_total_usd: 5.2}")
    other = (
        poor.split("fleets:\n")[1]
        .replace("  dev:", "  lab:")
        .replace("    budget: {max_total_usd: 5.2}\n", "")
    )

    async def tell(shop: Shop) -> None:
        await until(shop, at(1, 20))
        await shop.apply(poor + other)
        await loop_until(shop, at(2, 7))
        assert len(shop.alive()) == 2
        result = await loop_until(shop, at(3, 7))
        assert result.code is ExitCode.REFUSED_BY_BUDGET
        assert {one.fleet for one in shop.state().instances.values()} == {"lab"}
        assert len(shop.alive()) == 1
        await loop_until(shop, at(3, 19))
        assert shop.alive() == ()

    story(tmp_path, tell)


def test_a_window_that_finds_no_offer_is_opened_as_soon_as_there_is_one(tmp_path: Path) -> None:
    """A slot that held no machine yet is tried by every pass; exit 7 says that it waits."""

    async def tell(shop: Shop) -> None:
        await until(shop, at(1, 20))
        other = "  lab: {resources: {gpu: RTX4090}, ttl: 20h}\n"
        await shop.apply(office() + other)  # lab takes the only machine there is
        result = await loop_until(shop, at(2, 7))
        assert result.code is ExitCode.NO_OFFER
        await shop.destroy("fleet.lab")
        await loop_until(shop, at(2, 8))
        assert [one.fleet for one in shop.state().instances.values()] == ["dev"]
        assert len(shop.alive()) == 1

    story(tmp_path, tell, market_offer("o1"))


def test_a_loop_opens_no_window_with_other_machines_than_were_applied(tmp_path: Path) -> None:
    """A merged document is no approval: a dearer GPU waits for an apply (section 12, 1)."""

    async def tell(shop: Shop) -> None:
        await until(shop, at(1, 20))
        await shop.apply(office())
        await until(shop, at(2, 6))
        for changed in (
            office().replace("RTX4090", '"RTX4090:2"'),
            office().replace("max_gpu_hour_usd: 1", "max_gpu_hour_usd: 9"),
        ):
            result = await shop.reconcile(changed, schedule=True)
            assert shop.alive() == ()
            assert any("what the documents buy" in one.message for one in result.plan.findings)
        await shop.reconcile(office(labels="{a: b}"), schedule=True)  # no matter of machines
        assert len(shop.alive()) == 1

    story(tmp_path, tell)


def test_what_ran_on_after_its_window_is_given_back_although_the_next_one_is_open(
    tmp_path: Path,
) -> None:
    """No loop passed in between: the machine of one window is not taken for the next one's."""

    async def tell(shop: Shop) -> None:
        await shop.apply(office("[Mon-Fri 00:00-14:30, Mon-Fri 15:00-23:00]"))
        await until(shop, at(1, 13, 30))  # 15:30 there; the first window was over at 14:30
        result = await shop.reconcile(schedule=True)
        assert [one.reason for one in result.plan.destroys] == [DestroyReason.OUTSIDE_HOURS]
        await loop_until(shop, at(1, 14))
        assert [gone is None for _, gone in stays(shop)] == [False, True]

    story(tmp_path, tell)


def test_the_plan_says_what_this_window_costs_and_what_all_windows_to_come_can(
    tmp_path: Path,
) -> None:
    async def tell(shop: Shop) -> Plan:
        ends = office().replace("2026-12-31T00:00:00Z", "2026-07-08T00:00:00Z")
        return (await shop.apply(ends)).plan

    plan = story(tmp_path, tell)
    hours = hours_of(plan)
    rate = plan.creates[0].usd_per_hour
    minutes = Decimal(6 * 60 + 2)  # until 18:00 UTC, and a minute each for tick and destroy
    assert plan.worst_case_usd is not None
    assert abs(plan.worst_case_usd - rate * minutes / 60) < Decimal("0.001")
    assert hours.windows_left == 4  # Thursday, Friday, Monday, Tuesday
    assert hours.seconds_left == 4 * 12 * 3600
    assert hours.later_rate == "cap"
    assert hours.later_usd is not None
    assert abs(hours.later_usd - Decimal(4) * (12 + Decimal(2) / 60)) < Decimal("0.001")


def test_I21_a_pass_that_opens_a_window_is_replayed_without_a_time_zone_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the clocks show is in the record, as all that a decision is made from."""

    async def tell(shop: Shop) -> tuple[bytes, Plan]:
        await until(shop, at(1, 20))
        await shop.apply(office())
        await until(shop, at(2, 6))
        seen = await look(shop.workspace(), PlanRequest(Mode.LOOP, schedule=True))
        return encode_decision(decision_of(seen.inputs, seen.plan, seen.plan)), seen.plan

    kept, plan = story(tmp_path, tell)
    assert len(plan.creates) == 1
    monkeypatch.setattr("zoneinfo.ZoneInfo", None)
    again = replay(decode_decision(kept, "d.json"))
    assert again.plan == plan
    assert again.same
