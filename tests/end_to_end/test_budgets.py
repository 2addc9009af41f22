"""Two teams, a budget each, and a loop in cron: the installed command and a market in a file."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

from reconciler.market.ledger import bill, living
from reconciler.market.world import World
from reconciler.model.mark import parse_mark
from tests.end_to_end.workplace import MINUTE, SLOW_TIME, Workplace, workplace

TWO_TEAMS = """
version: 1
workspace: demo
providers: {simulated: {}}
safety: {tick: 30m}
budgets:
  vision: {match: {team: vision}, period: month, limit_usd: 2.5, on_exceed: [notify, destroy]}
  language: {match: {team: language}, period: month, limit_usd: 50}
fleets:
  train:
    resources: {gpu: RTX4090}
    nodes: 2
    team: vision
    ttl: 2h
    lifecycle: {prevent_destroy: true}
  dev: {resources: {gpu: RTX4090}, team: language, ttl: 20h}
"""


def _budgets(place: Workplace) -> dict[str, dict[str, Any]]:
    found = json.loads(place.run("budgets", "-json").out)["budgets"]
    return {one["name"]: one for one in found}


def _fleets_alive(place: Workplace) -> list[str]:
    marks = [parse_mark(machine.label or "") for machine in place.alive()]
    return sorted(mark.fleet for mark in marks if mark)


def _billed(place: Workplace, fleet: str) -> Decimal:
    lines = [(line, parse_mark(line.label or "")) for line in bill(place.world, place.now)]
    return sum((one.billed_usd for one, mark in lines if mark and mark.fleet == fleet), Decimal(0))


def test_i6_the_team_that_overspends_loses_its_machines_before_its_limit_and_the_other_none(
    tmp_path: Path,
) -> None:
    with workplace(tmp_path, speed=SLOW_TIME) as place:
        place.declare(TWO_TEAMS)
        applied = place.apply("-detach")
        assert applied.code == 0, applied.err
        assert "Budget vision: $0.00 spent this month" in applied.out
        assert _fleets_alive(place) == ["dev", "train", "train"]
        assert Decimal(_budgets(place)["vision"]["committed_usd"]) > 2

        assert place.run("extend", "fleet.train", "10h").code == 0
        too_long = place.run("extend", "fleet.dev", "140h")
        assert too_long.code == 6, too_long.err
        assert "budget language, $50.00 a month" in " ".join(too_long.err.split())
        assert "empty on" in place.run("forecast").out
        reasons = []
        for _ in range(7):
            place.advance(30 * MINUTE)
            reasons += [line for line in place.one_pass().out.splitlines() if "over-budget" in line]
        place.advance(5 * MINUTE)

        assert _fleets_alive(place) == ["dev"]
        assert Decimal("1.9") < _billed(place, "train") < Decimal("2.5")
        assert reasons
        again = place.run("apply", "-auto-approve", "-detach", "-renew", "fleet.train")
        assert again.code == 6, again.out + again.err
        assert "short of $" in " ".join(again.out.split())
        assert _fleets_alive(place) == ["dev"]


def test_an_inline_budget_is_refused_with_6_and_says_what_would_fit(tmp_path: Path) -> None:
    with workplace(tmp_path, speed=SLOW_TIME) as place:
        place.declare(
            TWO_TEAMS.replace("ttl: 20h", "ttl: 20h, nodes: 2, budget: {max_total_usd: 9}")
        )
        planned = place.run("plan")
        assert planned.code == 6
        assert "1 of 2 node(s) fit" in " ".join(planned.out.split())
        assert "Budget fleet.dev: $0.00 spent in total" in planned.out
        assert place.alive() == ()


POOR = """
version: 1
workspace: demo
providers: {simulated: {market: poor/market.sqlite, min_balance_usd: 2}}
fleets:
  dev: {resources: {gpu: RTX4090}, nodes: 3, ttl: 10h, max_gpu_hour_usd: 0.60}
"""


def test_a_plan_that_would_carry_the_balance_below_its_minimum_is_refused(tmp_path: Path) -> None:
    with workplace(tmp_path) as place:
        place.declare(POOR)
        new = ("simulate", "new", "-market", "poor/market.sqlite", "-speed", "0.001")
        assert place.run(*new, "-balance", "nan").code == 64
        assert place.run(*new, "-balance", "10").code == 0
        applied = place.apply("-detach")
        assert applied.code == 6, applied.out
        assert "(providers.simulated.min_balance_usd): short of $" in " ".join(applied.out.split())
        place.run("plan", "-out=later")
        (account,) = json.loads(place.run("show", "-json", "later").out)["balances"]
        assert Decimal(account["left_usd"]) >= 2
        with World.open(place.directory / "poor/market.sqlite") as poor:
            alive = len(living(poor, poor.clock().now()))
        assert 0 < alive < 3
        assert f"{alive} of 3 node(s) fit" in " ".join(applied.out.split())
