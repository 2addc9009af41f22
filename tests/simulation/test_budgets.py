"""Budgets are walls: what the market bills stays below them, and nothing else goes for it."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from reconciler.market.ledger import bill, billed_total
from reconciler.model.budget import BudgetCurve
from reconciler.model.errors import BudgetExceeded
from reconciler.model.exit_code import ExitCode
from reconciler.model.mark import parse_mark
from reconciler.model.notice import NoticeKind
from reconciler.model.reason import DestroyReason
from reconciler.planning.budget_curves import budget_curves
from reconciler.planning.forecast import budget_summaries
from tests.markets import market_offer
from tests.simulation.shop import Shop, story

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
TICK = MINUTE


def documents(fleets: str, budgets: str = "") -> str:
    head = "version: 1\nworkspace: demo\nproviders: {simulated: {}}\n"
    return f"{head}{budgets}fleets:\n{fleets}"


def fleet(name: str, **keys: object) -> str:
    told = {"resources": "{gpu: RTX4090}", "ttl": "10d", **keys}
    return f"  {name}: {{{', '.join(f'{key}: {value}' for key, value in told.items())}}}\n"


def shared(limit: str, **keys: object) -> str:
    told = {"match": "{}", "period": "total", "limit_usd": limit, **keys}
    return f"budgets:\n  all: {{{', '.join(f'{key}: {value}' for key, value in told.items())}}}\n"


def spent_by(shop: Shop, name: str) -> Decimal:
    """What the market billed for one fleet."""
    lines = bill(shop.world, shop.now)
    marks = [(line, parse_mark(line.label or "")) for line in lines]
    return sum((line.billed_usd for line, mark in marks if mark and mark.fleet == name), Decimal(0))


def fleets_alive(shop: Shop) -> list[str]:
    marks = [parse_mark(machine.label or "") for machine in shop.alive()]
    return sorted(mark.fleet for mark in marks if mark)


async def loop(shop: Shop, duration: timedelta, **request: Any) -> None:
    """A daemon with an interval of two hours, which wakes when something is due."""
    end = shop.now + duration
    while shop.now < end:
        result = await shop.reconcile(**request)
        due = result.next_deadline or end
        await shop.wait(max(TICK, min(due - shop.now, 2 * HOUR, end - shop.now)))


def test_admission_reserves_the_lease_and_says_what_would_fit(tmp_path: Path) -> None:
    text = documents(fleet("dev", nodes=4, ttl="10h"), shared("9"))

    async def tell(shop: Shop) -> tuple[ExitCode, int, str, str]:
        result = await shop.apply(text)
        (refusal,) = [one for one in result.plan.findings if one.code == result.code]
        return ExitCode(result.code), len(shop.alive()), refusal.message, refusal.fix

    code, alive, message, fix = story(tmp_path, tell)
    assert code is ExitCode.REFUSED_BY_BUDGET
    assert alive == 2  # 4 x $0.40 x 10 h would be $16
    assert "budget all, $9.00 in total" in message
    assert "short of $" in message
    assert "2 of 4 node(s) fit" in message
    assert "a ttl of" in fix


def test_a_gang_that_does_not_fit_whole_is_not_bought(tmp_path: Path) -> None:
    text = documents(fleet("dev", nodes=4, ttl="10h", gang="true"), shared("9"))

    async def tell(shop: Shop) -> tuple[ExitCode, int]:
        result = await shop.apply(text)
        return result.code, len(shop.alive())

    assert story(tmp_path, tell) == (ExitCode.REFUSED_BY_BUDGET, 0)


def test_of_two_fleets_the_larger_weight_gets_the_money(tmp_path: Path) -> None:
    text = documents(
        fleet("batch", ttl="10h", weight=10) + fleet("serve", ttl="10h", weight=500), shared("5")
    )

    async def tell(shop: Shop) -> list[str]:
        await shop.apply(text)
        return fleets_alive(shop)

    assert story(tmp_path, tell) == ["serve"]


def test_i6_the_loop_ends_everything_before_the_limit_is_passed(tmp_path: Path) -> None:
    """A month's lease on a day's budget: admission reserves the day, the next day it is short."""
    text = documents(
        fleet("dev", nodes=2, lifecycle="{prevent_destroy: true}"),
        shared("12", period="day"),
    )

    async def tell(shop: Shop) -> tuple[Decimal, Decimal, int, list[DestroyReason]]:
        await shop.apply(text)
        midnight = shop.now.replace(hour=0, minute=0) + timedelta(days=1)
        await loop(shop, midnight - shop.now)
        before = billed_total(shop.world, midnight)
        assert len(shop.alive()) == 2
        await loop(shop, timedelta(hours=16))
        reasons = [one.reason for plan in shop.plans for one in plan.destroys if not one.again]
        return before, billed_total(shop.world, shop.now), len(shop.alive()), reasons

    before, after, alive, reasons = story(tmp_path, tell)
    assert before < 12
    assert alive == 0
    assert Decimal("11.9") < after - before <= 12
    assert set(reasons) == {DestroyReason.OVER_BUDGET}


def test_after_a_kill_a_healing_loop_buys_nothing_until_the_next_period(tmp_path: Path) -> None:
    text = documents(fleet("dev", nodes=2), shared("12", period="day"))

    async def tell(shop: Shop) -> tuple[int, int]:
        await shop.apply(text)
        midnight = shop.now.replace(hour=0, minute=0) + timedelta(days=1)
        await loop(shop, midnight - shop.now + timedelta(hours=18), heal=True)
        dead = shop.sent("create_instance")
        await loop(shop, timedelta(hours=7), heal=True)
        return dead, shop.sent("create_instance")

    dead, next_day = story(tmp_path, tell)
    assert dead == 2
    assert next_day > 2


def test_a_pass_that_ends_a_machine_for_a_budget_buys_no_cheaper_one(tmp_path: Path) -> None:
    """Nor does a later one in that period."""

    async def tell(shop: Shop) -> None:
        lab = fleet("lab")
        await shop.apply(documents(lab))  # takes the cheapest
        two = fleet("dev", ttl="4h", nodes="{min: 1, target: 2, max: 2}", budget="[dev]")
        shrinks = "budgets: {dev: {period: total, limit_usd: 4, on_exceed: [shrink, destroy]}}\n"
        await shop.apply(documents(lab + two, shrinks))
        await shop.destroy("fleet.lab")
        await shop.extend("dev", 3 * HOUR)
        first = await shop.reconcile(heal=True)
        assert [one.reason for one in first.plan.destroys] == [DestroyReason.OVER_BUDGET]
        await loop(shop, HOUR, heal=True)
        assert fleets_alive(shop) == ["dev"]
        assert shop.sent("create_instance") == 3

    cheap = market_offer("o0", base_microusd=50_000, host="h0")
    story(tmp_path, tell, cheap, market_offer("o1"), market_offer("o2"))


def test_shrink_gives_up_the_lightest_fleet_so_that_the_rest_lasts(tmp_path: Path) -> None:
    first = documents(
        fleet("batch", ttl="20h", weight=10) + fleet("serve", ttl="20h", weight=500),
        shared("20", on_exceed="[notify, freeze, shrink, destroy]"),
    )

    async def tell(shop: Shop) -> tuple[list[str], Decimal]:
        await shop.apply(first)
        assert fleets_alive(shop) == ["batch", "serve"]
        await loop(shop, HOUR)
        await shop.apply(first.replace("limit_usd: 20", "limit_usd: 10"))
        await loop(shop, 5 * MINUTE)
        kept = fleets_alive(shop)
        await loop(shop, timedelta(hours=20))
        return kept, billed_total(shop.world, shop.now)

    kept, billed = story(tmp_path, tell)
    assert kept == ["serve"]
    assert Decimal(8) < billed <= 10


def test_two_teams_one_overspends_and_the_other_is_untouched(tmp_path: Path) -> None:
    budgets = (
        "budgets:\n"
        "  vision: {match: {team: vision}, period: month, limit_usd: 12, on_exceed: [destroy]}\n"
        "  language: {match: {team: language}, period: month, limit_usd: 100}\n"
    )
    text = documents(
        fleet("train", nodes=2, team="vision", ttl="10h") + fleet("dev", team="language", ttl="3d"),
        budgets,
    )

    async def tell(shop: Shop) -> tuple[list[str], Decimal]:
        await shop.apply(text)
        await shop.extend("train", timedelta(days=5))
        await loop(shop, timedelta(hours=20))
        return fleets_alive(shop), spent_by(shop, "train")

    alive, spent = story(tmp_path, tell)
    assert alive == ["dev"]
    assert Decimal("11.9") < spent <= 12


def test_the_loop_is_soft_on_a_limit_that_was_not_applied(tmp_path: Path) -> None:
    text = documents(fleet("dev", ttl="20h"), shared("9"))

    async def tell(shop: Shop) -> tuple[list[DestroyReason], int, int]:
        await shop.apply(text)
        await loop(shop, HOUR)
        lower = text.replace("limit_usd: 9", "limit_usd: 0.1")
        result = await shop.reconcile(lower)
        announced = [one.reason for one in result.plan.announces]
        alive = len(shop.alive())
        for _ in range(12):
            await shop.wait(MINUTE)
            await shop.reconcile(lower)
        return announced, alive, len(shop.alive())

    announced, alive, later = story(tmp_path, tell)
    assert announced == [DestroyReason.OVER_BUDGET]
    assert (alive, later) == (1, 0)


def test_a_loop_heals_nothing_beyond_a_limit_that_was_not_applied(tmp_path: Path) -> None:
    """Else it would rent again what it has just ended for that limit."""

    async def tell(shop: Shop) -> None:
        await shop.apply(documents(fleet("dev"), shared("200")))
        await shop.wait(3 * HOUR)
        for _ in range(4):
            lower = documents(fleet("dev"), shared("1"))
            result = await shop.reconcile(lower, heal=True)
            await shop.wait(6 * MINUTE)
        assert shop.sent("create_instance") == 1
        assert shop.alive() == ()
        assert result.code is ExitCode.REFUSED_BY_BUDGET

    story(tmp_path, tell)


def test_a_raised_limit_counts_only_after_apply(tmp_path: Path) -> None:
    text = documents(fleet("dev", ttl="20h"), shared("9"))

    async def tell(shop: Shop) -> tuple[Decimal, Decimal]:
        await shop.apply(text)
        raised = text.replace("limit_usd: 9", "limit_usd: 90")
        await shop.reconcile(raised)
        before = shop.state().budgets["all"].budget.limit_usd
        result = await shop.apply(raised)
        (line,) = result.plan.budgets
        assert line.changes == ("$9.00 in total -> $90.00 in total",)
        after = shop.state().budgets["all"].budget.limit_usd
        assert before is not None
        assert after is not None
        return before, after

    assert story(tmp_path, tell) == (Decimal(9), Decimal(90))


def test_people_are_told_at_each_mark_once(tmp_path: Path) -> None:
    text = documents(fleet("dev", ttl="22h"), shared("9.5", warn_at="[25, 50]"))

    async def tell(shop: Shop) -> list[str]:
        await shop.apply(text)
        told = []
        for _ in range(75):
            await shop.wait(20 * MINUTE)
            result = await shop.reconcile()
            told += [one.message for one in result.notices if one.kind is NoticeKind.BUDGET]
        return told

    told = story(tmp_path, tell)
    assert len(told) == 2
    assert "25 %" in told[0]
    assert "50 %" in told[1]


def test_an_hourly_cap_admits_by_rate_and_sheds_what_is_too_much(tmp_path: Path) -> None:
    text = documents(fleet("dev", nodes=3, ttl="10h", budget="{max_hourly_usd: 0.9}"))

    async def tell(shop: Shop) -> tuple[ExitCode, int, int]:
        result = await shop.apply(text)
        first = len(shop.alive())
        await shop.apply(text.replace("0.9", "0.5"))
        return result.code, first, len(shop.alive())

    assert story(tmp_path, tell) == (ExitCode.REFUSED_BY_BUDGET, 2, 1)


def test_a_budget_without_destroy_is_said_to_be_no_wall(tmp_path: Path) -> None:
    text = documents(fleet("dev", ttl="10h"), shared("9", on_exceed="[notify, freeze]"))

    async def tell(shop: Shop) -> list[str]:
        return [one.message for one in (await shop.plan(text)).findings]

    assert any("NOT A WALL" in message for message in story(tmp_path, tell))


@pytest.mark.parametrize(
    ("steps", "code", "hours"),
    [
        ("[notify]", ExitCode.DONE, 30.0),
        ("[notify, freeze]", ExitCode.REFUSED_BY_BUDGET, 10.0),
        ("[notify, destroy]", ExitCode.DONE, 14.5),
        ("[notify, freeze, destroy]", ExitCode.REFUSED_BY_BUDGET, 10.0),
    ],
)
def test_a_budget_that_freezes_lets_no_lease_run_longer_than_its_money_lasts(
    tmp_path: Path, steps: str, code: ExitCode, hours: float
) -> None:
    """$0.41 an hour for ten hours of a limit of $6, and somebody asks for twenty more."""
    text = documents(fleet("dev", ttl="10h"), shared("6", on_exceed=steps))

    async def tell(shop: Shop) -> tuple[ExitCode, Decimal]:
        await shop.apply(text)
        await loop(shop, HOUR)
        longer = text.replace("ttl: 10h", "ttl: 30h")
        result = await shop.apply(longer)
        if result.code:
            (why,) = [one.message for one in result.plan.findings if one.code]
            assert "fleet.dev may not run longer: budget all, $6.00 in total" in why
            with pytest.raises(BudgetExceeded, match="longer than its money"):
                await shop.extend("dev", 20 * HOUR)
            await shop.extend("dev", timedelta(seconds=1))
        await loop(shop, 31 * HOUR)
        assert shop.alive() == ()
        return result.code, billed_total(shop.world, shop.now)

    found, billed = story(tmp_path, tell)
    assert found is code
    assert abs(float(billed) - 0.412 * hours) < 0.25


def test_a_budget_that_freezes_opens_no_lease_anew_over_what_still_runs(tmp_path: Path) -> None:
    """Four hours of a limit of $3 are over, nobody ended the machine, and somebody renews."""
    text = documents(fleet("dev", ttl="4h"), shared("3", on_exceed="[notify, freeze]"))

    async def tell(shop: Shop) -> None:
        await shop.apply(text)
        end = shop.state().leases["dev"].ends_at
        await shop.wait(4 * HOUR + 10 * MINUTE)
        result = await shop.apply(text, renew=frozenset({"dev"}))
        assert result.code is ExitCode.REFUSED_BY_BUDGET
        assert any("may not run longer" in one.message for one in result.plan.findings)
        assert [one.reason for one in result.plan.destroys] == [DestroyReason.EXPIRED]
        assert shop.state().leases["dev"].ends_at == end
        assert shop.alive() == ()

    story(tmp_path, tell)


def test_a_budget_that_freezes_lets_no_office_hours_grow_over_what_runs(tmp_path: Path) -> None:
    hours = "active: {hours: Mon-Sun 00:00-20:00, timezone: UTC}, max_gpu_hour_usd: 1"
    office = fleet("dev", expires_at="2026-12-01T00:00:00Z").replace("ttl: 10d", hours)
    text = documents(office, shared("4", on_exceed="[notify, freeze]"))

    async def tell(shop: Shop) -> None:
        await shop.apply(text)
        end = shop.state().leases["dev"].ends_at
        assert end is not None
        longer = text.replace("20:00", "23:30")
        result = await shop.apply(longer)
        assert result.code is ExitCode.REFUSED_BY_BUDGET
        assert shop.state().leases["dev"].ends_at == end
        assert len(shop.alive()) == 1
        result = await shop.apply(longer.replace("limit_usd: 4", "limit_usd: 6"))
        assert result.code is ExitCode.DONE
        assert shop.state().leases["dev"].ends_at == end + timedelta(hours=3.5)

    story(tmp_path, tell)


@pytest.mark.parametrize(
    ("steps", "most"),
    [("[notify, freeze]", Decimal("7.5")), ("[notify, freeze, destroy]", Decimal(6))],
)
def test_a_budget_that_only_freezes_lets_what_runs_run_into_the_next_period(
    tmp_path: Path, steps: str, most: Decimal
) -> None:
    """Only destroy ends it: eighteen hours at $0.41, of which $6 are allowed."""
    text = documents(fleet("dev"), shared("6", period="day", on_exceed=steps))

    async def tell(shop: Shop) -> Decimal:
        await shop.apply(text)
        midnight = shop.now.replace(hour=0, minute=0) + timedelta(days=1)
        await loop(shop, midnight - shop.now)
        before = billed_total(shop.world, midnight)
        await loop(shop, 18 * HOUR)
        return billed_total(shop.world, shop.now) - before

    assert most - Decimal("0.2") < story(tmp_path, tell) <= most


def test_a_renamed_fleet_does_not_get_its_money_back(tmp_path: Path) -> None:
    own = documents(
        fleet("dev", ttl="10h", budget="pot"), "budgets: {pot: {period: month, limit_usd: 5}}\n"
    )

    async def tell(shop: Shop) -> tuple[ExitCode, list[str]]:
        await shop.apply(own)
        await loop(shop, timedelta(hours=9))
        result = await shop.apply(own.replace("dev:", "fresh:"), max_destroy=5)
        return result.code, fleets_alive(shop)

    assert story(tmp_path, tell) == (ExitCode.REFUSED_BY_BUDGET, [])


def test_a_loop_wakes_when_the_money_runs_out_and_not_an_interval_later(tmp_path: Path) -> None:
    text = documents(fleet("dev", ttl="10d"), shared("12", period="day"))

    async def tell(shop: Shop) -> tuple[datetime, datetime]:
        await shop.apply(text)
        result = await shop.reconcile()
        assert result.next_deadline is not None
        return shop.now, result.next_deadline

    now, due = story(tmp_path, tell)
    assert now < due <= now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)


def test_documents_that_cannot_be_read_do_not_lift_a_budget(tmp_path: Path) -> None:
    text = documents(fleet("dev", nodes=2), shared("12", period="day"))

    async def tell(shop: Shop) -> int:
        from dataclasses import replace

        from reconciler.model.plan import Mode, PlanRequest
        from reconciler.operations.reconcile import reconcile_once

        await shop.apply(text)
        await shop.wait(timedelta(hours=11))
        for _ in range(60):
            await shop.wait(17 * MINUTE)
            unread = replace(shop.workspace(), desired=None)
            await reconcile_once(unread, PlanRequest(Mode.LOOP), shop.options(wait=False))
        return len(shop.alive())

    assert story(tmp_path, tell) == 0


@pytest.mark.parametrize("period", ["hour", "day", "week", "month", "total"])
def test_the_curve_of_a_budget_ends_with_what_it_has_spent(tmp_path: Path, period: str) -> None:
    """Machines that are gone and machines that run, over midnights of another time zone."""
    keys = {} if period == "total" else {"timezone": "Asia/Kolkata"}
    text = documents(
        fleet("old", ttl="30h") + fleet("new", ttl="90h"), shared("900", period=period, **keys)
    )

    async def tell(shop: Shop) -> tuple[Decimal, BudgetCurve, datetime]:
        await shop.apply(text)
        await loop(shop, timedelta(hours=50))
        (one,) = budget_summaries(shop.state(), shop.now, TICK)
        (curve,) = budget_curves(shop.state(), shop.now)
        return one.spent_usd, curve, shop.now

    spent, curve, now = story(tmp_path, tell)
    moments = [moment for moment, _ in (*curve.spent, *curve.coming)]
    sums = [usd for _, usd in (*curve.spent, *curve.coming)]
    assert curve.now_usd == spent > 0
    assert curve.spent[-1][0] == now
    assert moments == sorted(moments)
    assert sums == sorted(sums)
    assert len(moments) == len(set(moments))
    if period in ("week", "month"):
        assert {f"{one:%H:%M}" for one in moments[:-1] if one < now} == {"00:00"}
        assert f"{curve.spent[0][0]:%z}" == "+0530"
