"""``doctor``: what is wrong, why, how to mend it, and what it costs meanwhile."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from reconciler.market.fault_catalogue import CATALOGUE
from reconciler.market.faults import Fault
from tests.end_to_end.workplace import HOUR, MINUTE, SLOW_TIME, Workplace, workplace
from tests.simulation.shop import QUICKSTART


def examined(shop: Workplace) -> dict[str, Any]:
    said = shop.run("doctor", "-json")
    found: dict[str, Any] = json.loads(said.out)
    assert found["exit_code"] == said.code
    return found


def check(found: dict[str, Any], name: str) -> dict[str, Any]:
    (one,) = [one for one in found["checks"] if one["name"] == name]
    assert one["verdict"] == "ok" or one["why"] or one["fix"]
    assert (one["verdict"] == "failed") == (one["exit_code"] is not None)
    return dict(one)


def test_a_workspace_in_order_passes_every_check(tmp_path: Path) -> None:
    with workplace(tmp_path, speed=SLOW_TIME) as shop:
        assert shop.run("doctor").code == 0
        assert shop.apply("-detach").code == 0
        assert shop.one_pass().code == 0
        found = examined(shop)
        assert {one["verdict"] for one in found["checks"]} == {"ok"}
        assert {one["name"] for one in found["checks"]} == {
            "documents",
            "state",
            "audit trail",
            "lock",
            "provider simulated",
            "clock",
            "loop",
            "disk",
            "versions",
            "unfinished",
        }
        assert re.search(r"serial \d+, saved \d+s ago, 1 machine", check(found, "state")["what"])
        assert "Python 3." in check(found, "versions")["what"]
        assert found["unfinished"] == []


def test_no_loop_and_a_late_loop_are_named_with_what_they_leave_alive(tmp_path: Path) -> None:
    with workplace(tmp_path, speed=SLOW_TIME) as shop:
        assert shop.apply("-detach").code == 0
        never = examined(shop)
        assert never["exit_code"] == 1
        assert "no loop" in check(never, "loop")["what"]
        shop.one_pass()
        shop.advance(2 * HOUR)
        late = check(examined(shop), "loop")
        assert (late["verdict"], "late" in late["what"]) == ("failed", True)
        assert "reconcile --install" in late["fix"]


def test_an_ended_machine_that_nobody_destroyed_is_money_at_risk(tmp_path: Path) -> None:
    with workplace(tmp_path, speed=SLOW_TIME) as shop:
        assert shop.apply("-detach").code == 0
        shop.advance(6 * HOUR)
        found = examined(shop)
        assert found["exit_code"] == 11
        (one,) = found["unfinished"]
        (machine,) = shop.alive()
        assert (one["kind"], one["mark"]) == ("expired", machine.label)
        rate = shop.state().instances[machine.label or ""].usd_per_hour
        assert Decimal(found["usd_per_hour_at_risk"]) == rate
        assert abs(Decimal(found["usd_at_risk"]) - 2 * rate) < Decimal("0.01")
        text = shop.run("doctor")
        assert text.code == 11
        assert text.out.splitlines()[-1].startswith("2 failed, 0 warning(s). At risk: $")


def test_a_destroy_that_is_not_accepted_becomes_overdue(tmp_path: Path) -> None:
    with workplace(tmp_path, speed=60) as shop:
        assert shop.apply("-detach").code == 0
        shop.world.script_fault(Fault(error="unavailable", done=False), "destroy_instance")
        shop.advance(5 * HOUR)
        shop.one_pass()
        found = examined(shop)
        (one,) = found["unfinished"]
        assert one["kind"] == "destroy-overdue"
        assert "3 failed" in one["detail"]
        assert found["exit_code"] == 11


def test_a_create_without_an_outcome_is_money_at_risk(tmp_path: Path) -> None:
    with workplace(tmp_path, speed=SLOW_TIME) as shop:
        operation, fault = CATALOGUE["C1.1"]
        shop.world.script_fault(fault, operation, times=1)
        assert shop.apply("-detach").code == 8
        found = examined(shop)
        (one,) = found["unfinished"]
        assert (one["kind"], one["instance_id"]) == ("create-unresolved", None)
        assert (found["exit_code"], one["exit_code"]) == (8, 8)


def test_documents_and_a_state_that_cannot_be_read_hide_nothing_else(tmp_path: Path) -> None:
    with workplace(tmp_path, speed=SLOW_TIME) as shop:
        assert shop.apply("-detach").code == 0
        shop.advance(6 * HOUR)
        shop.declare("version: [")
        found = examined(shop)
        assert check(found, "documents")["exit_code"] == 12
        assert found["exit_code"] == 11, "the machine is found by the state"
        assert check(found, "provider simulated")["verdict"] == "ok"
        shop.state_path.write_bytes(shop.state_path.read_bytes()[:99])
        found = examined(shop)
        assert (found["exit_code"], check(found, "state")["exit_code"]) == (13, 13)
        assert found["usd_at_risk"] is None
        shop.declare(QUICKSTART)
        assert check(examined(shop), "provider simulated")["verdict"] == "ok"


def test_a_provider_that_does_not_answer_and_a_state_of_another_account(tmp_path: Path) -> None:
    with workplace(tmp_path, speed=SLOW_TIME) as shop:
        assert shop.apply("-detach").code == 0
        shop.one_pass()
        shop.world.script_fault(Fault(error="unavailable"), "list_instances", times=1)
        found = examined(shop)
        assert check(found, "provider simulated")["exit_code"] == 8
        assert found["exit_code"] == 8
        assert examined(shop)["exit_code"] == 0
        shop.declare(QUICKSTART.replace("simulated: {}", "simulated: {market: nowhere/x/y.sqlite}"))
        (tmp_path / "workplace" / "nowhere").write_text("a file")
        assert check(examined(shop), "provider simulated")["verdict"] == "failed"


def test_a_lock_that_is_held_and_one_that_was_left_behind(tmp_path: Path) -> None:
    with workplace(tmp_path, speed=SLOW_TIME) as shop:
        assert shop.apply("-detach").code == 0
        shop.one_pass()
        with shop.backend().lock("a test", timeout_seconds=0):
            held = check(examined(shop), "lock")
            assert (held["verdict"], '"a test" by' in held["what"]) == ("ok", True)
            left = shop.state_path.with_name("demo.json.lock.info").read_text()
        side_car = shop.state_path.with_name("demo.json.lock.info")
        dead = json.loads(left) | {"boot_id": "another boot"}
        side_car.write_text(json.dumps(dead))
        side_car.chmod(0o600)
        stale = check(examined(shop), "lock")
        assert (stale["verdict"], "stale" in stale["what"]) == ("warning", True)
        side_car.write_text(json.dumps(dead | {"host": "elsewhere"}))
        unknown = check(examined(shop), "lock")
        assert unknown["exit_code"] == 4
        assert f"state unlock {dead['ID']}" in unknown["fix"]


def test_a_clock_before_the_last_time_in_the_state_is_wrong(tmp_path: Path) -> None:
    with workplace(tmp_path, speed=SLOW_TIME) as shop:
        assert shop.apply("-detach").code == 0
        ahead = shop.state().with_(saved_at=None)
        backend = shop.backend()
        backend._now = lambda: shop.now + timedelta(hours=3)
        backend.write(ahead, expected_serial=ahead.serial)
        wrong = check(examined(shop), "clock")
        assert wrong["verdict"] == "failed"
        assert "before the last time in the state" in wrong["what"]
        shop.advance(3 * HOUR + MINUTE)
        assert check(examined(shop), "clock")["verdict"] == "ok"
