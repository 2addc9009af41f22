"""What `explain` advises is what `apply` then pays; what `plan -markdown` shows is the plan."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

from tests.end_to_end.workplace import SLOW_TIME, workplace
from tests.markets import market_offer
from tests.simulation.shop import QUICKSTART

IN_GERMANY = QUICKSTART.replace("    ttl: 4h\n", "    ttl: 4h\n    nodes: 2\n    countries: [DE]\n")


def test_the_advised_change_is_carried_out_at_the_advised_price(tmp_path: Path) -> None:
    dutch = [market_offer(f"n{n}", base_microusd=300_000) for n in range(2)]
    german = market_offer("de", base_microusd=900_000, country="DE")
    with workplace(tmp_path, *dutch, german, speed=SLOW_TIME) as shop:
        shop.declare(IN_GERMANY)
        said = shop.run("explain", "fleet.dev", "-json")
        assert said.code == 0, "one of two nodes matches"
        told = json.loads(said.out)
        assert told["rejections"] == {"other country": 2}
        advice = told["relaxation"]
        assert (advice["key"], advice["change"]) == ("countries", "allow country NL")
        assert "Would help most: allow country NL: 2 nodes instead of 1" in (
            shop.run("explain", "fleet.dev").out
        )
        assert shop.sent_changes() == 0
        shop.declare(IN_GERMANY.replace("[DE]", "[DE, NL]"))
        assert shop.apply("-detach").code == 0
        rates = [one.usd_per_hour for one in shop.state().instances.values()]
        assert sum(rates) == Decimal(advice["filling"]["usd_per_hour"])
        assert len(shop.alive()) == advice["filling"]["nodes"] == 2
        assert "would save" not in shop.run("explain", "fleet.dev").out.lower().split("best now")[1]


def test_the_markdown_of_a_plan_changes_nothing_and_has_the_exit_code_of_the_plan(
    tmp_path: Path,
) -> None:
    with workplace(tmp_path, speed=SLOW_TIME) as shop:
        said = shop.run("plan", "-markdown", "-detailed-exitcode")
        assert said.code == 2
        assert said.out.startswith(
            "<!-- gpu-shopper plan demo -->\n\n### Plan for workspace `demo`"
        )
        assert "+   fleet.dev[0] (new)  RTX4090:1" in said.out
        assert said.out.endswith("`Run gpu-shopper apply to carry it out.`\n")
        assert shop.sent_changes() == 0
        assert shop.apply("-detach").code == 0
        after = shop.run("plan", "-markdown", "-detailed-exitcode", CI="1")
        assert (after.code, "<details>" in after.out) == (0, False)
        shop.declare(IN_GERMANY.replace("DE", "JP"))
        assert shop.run("plan", "-markdown").code == shop.run("plan").code
