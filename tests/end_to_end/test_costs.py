"""`costs` and `ledger` with the installed command, against the bill of a market in a file."""

from __future__ import annotations

import csv
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.end_to_end.workplace import HOUR, SLOW_TIME, Workplace, workplace
from tests.simulation.shop import several_offers

TWO_TEAMS = """
version: 1
workspace: demo
providers: {simulated: {}}
defaults: {ttl: 10h}
fleets:
  train: {resources: {gpu: RTX4090}, nodes: 2, team: vision, owner: "=HYPERLINK(1)"}
  dev: {resources: {gpu: RTX4090}, team: language}
"""
OFFERS = several_offers(disk_microusd_per_gib=137)


def _bill(place: Workplace) -> Path:
    bill = place.directory / "bill.csv"
    bill.write_text(place.run("simulate", "ledger", "-csv").out)
    return bill


def _costs(place: Workplace, *arguments: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(place.run("costs", "-json", *arguments).out)
    return found


def test_costs_and_the_markets_bill_agree_and_a_wrong_bill_is_told(tmp_path: Path) -> None:
    with workplace(tmp_path, *OFFERS, speed=SLOW_TIME) as place:
        place.declare(TWO_TEAMS)
        place.apply("-detach")
        place.advance(3 * HOUR)
        place.run("destroy", "-auto-approve", "-target", "fleet.dev", "-no-wait")
        place.advance(HOUR)
        place.one_pass()
        place.advance(HOUR)
        place.one_pass()
        assert len(place.alive()) == 2

        bill = _bill(place)
        agreed = place.run("ledger", "check", "bill.csv")
        assert agreed.code == 0, agreed.out + agreed.err
        assert "In both: 3 machines" in agreed.out

        rows = bill.read_text().splitlines()
        stranger = rows[1].replace(rows[1].split(",")[0], "9999999")
        without = [row for row in rows if not row.startswith(rows[1].split(",")[0])]
        bill.write_text("\n".join([*without, stranger]))
        told = place.run("ledger", "check", "bill.csv", "-json")
        assert told.code == 3
        check = json.loads(told.out)
        assert [one["id"] for one in check["unknown"]] == ["9999999"]
        assert [one["id"] for one in check["missing"]] == [rows[1].split(",")[0]]


def test_costs_by_team_and_day_add_up_in_every_form(tmp_path: Path) -> None:
    with workplace(tmp_path, *OFFERS, speed=SLOW_TIME) as place:
        place.declare(TWO_TEAMS)
        place.apply("-detach")
        place.advance(9 * HOUR)
        found = _costs(place, "-by", "team,owner")
        rows = found["rows"]
        assert isinstance(rows, list)
        assert {row["team"] for row in rows} == {"vision", "language"}
        total = sum(Decimal(row["total_usd"]) for row in rows)
        assert Decimal(found["total"]["total_usd"]) == total > 10

        table = list(csv.DictReader(place.run("costs", "-by", "owner", "-csv").out.splitlines()))
        assert "'=HYPERLINK(1)" in {row["owner"] for row in table}
        assert "=HYPERLINK(1)" not in {row["owner"] for row in table}

        text = place.run("costs", "-by", "day,team").out
        assert "vision" in text
        assert "Total: $" in text


def test_the_export_has_the_columns_of_focus_and_adds_up_to_the_costs(tmp_path: Path) -> None:
    with workplace(tmp_path, *OFFERS, speed=SLOW_TIME) as place:
        place.declare(TWO_TEAMS)
        place.apply("-detach")
        place.advance(2 * HOUR)
        now = place.now.isoformat()
        rows = json.loads(place.run("ledger", "export", "-json", "-until", now).out)
        total = _costs(place, "-until", now)["total"]
        assert sum(Decimal(row["BilledCost"]) for row in rows) == Decimal(total["total_usd"])
        machines = {machine.id for machine in place.alive()}
        assert {row["ResourceId"] for row in rows} == machines
        assert {"SubAccountName", "ChargePeriodStart", "SkuId", "Tags"} <= set(rows[0])


def test_without_a_state_nothing_was_spent_and_a_strange_bill_names_its_line(
    tmp_path: Path,
) -> None:
    with workplace(tmp_path, speed=SLOW_TIME) as place:
        none = place.run("costs")
        assert none.code == 64
        assert "nothing was spent yet" in none.err
        place.apply("-detach")
        (place.directory / "bill.csv").write_text("ResourceId,BilledCost\n1,2\n2,NaN\n")
        odd = place.run("ledger", "check", "bill.csv")
        assert odd.code == 64
        assert "line 3 of the bill" in odd.err
        (place.directory / "bill.csv").write_text("what,when\n1,2\n")
        assert "--id-column" in place.run("ledger", "check", "bill.csv").err
        assert place.run("costs", "-by", "colour").code == 64


def test_costs_and_budgets_as_bars_and_as_pictures(tmp_path: Path) -> None:
    budgets = "budgets: {all: {match: {}, period: month, limit_usd: 40}}\nfleets:"
    with workplace(tmp_path, *OFFERS, speed=SLOW_TIME) as place:
        place.declare(TWO_TEAMS.replace("fleets:", budgets))
        place.apply("-detach")
        place.advance(9 * HOUR)
        bars = place.run("costs", "-by", "team", "-chart").out
        assert "vision" in bars
        assert "#" * 40 in bars
        told = place.run("budgets", "-chart").out
        assert "limit $40.00 a month" in told
        assert "|" in told
        drawn = place.run("costs", "-by", "day,team", "-o", "spend.svg")
        assert drawn.out.startswith("Wrote spend.svg: Spent by day, team"), drawn.err
        assert "vision" in (place.directory / "spend.svg").read_text()
        assert place.run("budgets", "-out=all.png").code == 0
        assert (place.directory / "all.png").read_bytes().startswith(b"\x89PNG")
        for wrong in (("-o", "spend.gif"), ("-chart", "-json"), ("-chart", "-o", "a.svg")):
            assert place.run("costs", *wrong).code == 64
