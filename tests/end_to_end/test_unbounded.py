"""A fleet without an end: nothing is planned for it unless a person says that it is meant."""

from __future__ import annotations

import json
from pathlib import Path

from tests.end_to_end.workplace import HOUR, MINUTE, SLOW_TIME, workplace
from tests.simulation.shop import QUICKSTART

ENDLESS = QUICKSTART.replace("ttl: 4h", "expires_at: never")
LAB = "  lab:\n    resources: {gpu: RTX4090}\n    ttl: 1h\n"


def test_a_plan_without_a_worst_case_is_refused_unless_it_is_allowed(tmp_path: Path) -> None:
    with workplace(tmp_path, speed=SLOW_TIME) as shop:
        shop.declare(ENDLESS)
        shown = shop.run("plan")
        assert shown.code == 5
        assert "fleet.dev has no end, so nobody can say what it costs at most" in shown.out
        assert "NO worst case: a lease has no end" in shown.out
        assert shop.apply("-detach").code == 5
        assert shop.ever() == 0
        allowed = shop.run("plan", "-allow-unbounded")
        assert allowed.code == 0
        assert "Run gpu-shopper apply -allow-unbounded to carry it out." in allowed.out
        assert shop.apply("-detach", "-allow-unbounded").code == 0
        assert len(shop.alive()) == 1


def test_a_machine_without_an_end_outlives_every_ttl_and_goes_when_it_is_told_to(
    tmp_path: Path,
) -> None:
    with workplace(tmp_path, speed=SLOW_TIME) as shop:
        shop.declare(ENDLESS)
        assert shop.apply("-detach", "-allow-unbounded").code == 0
        for _ in range(3):
            shop.advance(1000 * HOUR)
            assert shop.one_pass().code == 0
        assert len(shop.alive()) == 1
        status = json.loads(shop.run("status", "--json").out)
        assert (status["worst_case_usd"], status["machines"][0]["ends_at"]) == (None, None)
        assert "never" in shop.run("status").out
        assert "No worst case: a lease has no end." in shop.run("status").out
        extended = shop.run("extend", "fleet.dev", "1h")
        assert (extended.code, "has no end that could be moved" in extended.err) == (64, True)

        shop.declare(QUICKSTART)
        shown = shop.run("plan").out
        assert "lease end never -> " in shown
        shop.apply("-no-wait")
        shop.advance(MINUTE)
        assert shop.alive() == (), "its ttl had run out long before it was written"


def test_release_ends_what_has_no_end(tmp_path: Path) -> None:
    with workplace(tmp_path) as shop:
        shop.declare(ENDLESS)
        assert shop.apply("-allow-unbounded").code == 0
        assert shop.run("release", "fleet.dev").code == 0
        assert shop.alive() == ()


def test_only_the_fleets_that_are_asked_for_count(tmp_path: Path) -> None:
    with workplace(tmp_path, speed=SLOW_TIME) as shop:
        shop.declare(ENDLESS + LAB)
        assert shop.apply("-detach", "-target=fleet.lab").code == 0
        assert len(shop.alive()) == 1
        assert shop.run("plan").code == 5


def test_a_saved_plan_keeps_that_it_was_allowed_and_one_that_was_not_is_never_applied(
    tmp_path: Path,
) -> None:
    with workplace(tmp_path, speed=SLOW_TIME) as shop:
        shop.declare(ENDLESS)
        assert shop.run("plan", "-out=p").code == 5
        assert shop.run("apply", "p", "-detach").code == 5
        assert shop.ever() == 0
        assert shop.run("plan", "-out=p", "-allow-unbounded").code == 0
        document = json.loads(shop.run("show", "-json", "p").out)
        assert document["money"]["worst_case_usd"] is None
        assert document["fleets"][0]["worst_case_usd"] is None
        assert shop.run("show", "p").out == shop.run(
            "plan", "-allow-unbounded", "-out=q"
        ).out.replace("apply q", "apply p")
        assert shop.run("apply", "p", "-detach").code == 0
        assert len(shop.alive()) == 1


def test_the_limit_of_the_workspace_outranks_it(tmp_path: Path) -> None:
    with workplace(tmp_path) as shop:
        shop.declare(ENDLESS.replace("fleets:", "safety: {max_ttl: 1d}\nfleets:"))
        refused = shop.run("validate")
        assert refused.code == 12
        assert "expires_at: never is longer than safety.max_ttl, 1d" in refused.err
