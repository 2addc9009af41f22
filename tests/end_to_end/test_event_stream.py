"""`-json`: every line on standard output is an event of the published schema, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from reconciler.documents.json_schema import events_schema
from reconciler.market.fault_catalogue import CATALOGUE
from tests.end_to_end.command import Ended
from tests.end_to_end.workplace import HOUR, MINUTE, SLOW_TIME, Workplace, workplace
from tests.markets import market_offer
from tests.simulation.shop import QUICKSTART
from tests.unit.reporting.hostile import HOSTILE

VALIDATOR = Draft202012Validator(events_schema())
TWO_NODES = QUICKSTART.replace("    ttl", "    nodes: 2\n    ttl")


def events(ended: Ended) -> list[dict[str, Any]]:
    """Every line of standard output, each checked."""
    found = []
    for line in ended.out.splitlines():
        assert line.isascii()
        assert line.isprintable()
        event = json.loads(line)
        assert list(VALIDATOR.iter_errors(event)) == [], line
        moment = datetime.fromisoformat(event["@timestamp"])
        assert moment.utcoffset() is not None
        found.append(event)
    assert found[0]["type"] == "version"
    assert found[0]["ui"] == "1.0"
    return found


def types(found: list[dict[str, Any]]) -> list[str]:
    return [event["type"] for event in found]


def steps(found: list[dict[str, Any]], kind: str) -> Iterator[tuple[str, str]]:
    for event in found:
        if event["type"] == kind:
            yield event["hook"]["address"], event["hook"]["action"]


def test_a_plan_as_events(tmp_path: Path) -> None:
    with workplace(tmp_path, speed=SLOW_TIME) as shop:
        shop.declare(TWO_NODES)
        ended = shop.run("plan", "-json", "-detailed-exitcode")
        assert ended.code == 2
        assert ended.err == ""
        found = events(ended)
        assert types(found) == [
            "version",
            "refresh_start",
            "refresh_complete",
            "planned_change",
            "planned_change",
            "change_summary",
        ]
        assert [one["change"]["address"] for one in found[3:5]] == ["fleet.dev[0]", "fleet.dev[1]"]
        assert found[3]["change"]["action"] == "create"
        assert found[5]["changes"]["create"] == 2
        assert found[5]["money"]["rate_before"] == "0"
        assert shop.sent_changes() == 0


def test_a_whole_apply_and_a_whole_destroy_as_events(tmp_path: Path) -> None:
    with workplace(tmp_path) as shop:
        ended = shop.run("apply", "-json", "-auto-approve")
        assert (ended.code, ended.err) == (0, "")
        found = events(ended)
        slot = "fleet.dev[0]"
        assert list(steps(found, "apply_start")) == [(slot, "create"), (slot, "ready")]
        assert list(steps(found, "apply_complete")) == [(slot, "create"), (slot, "ready")]
        assert "apply_progress" in types(found)
        last = found[-1]
        assert (last["type"], last["operation"]) == ("change_summary", "apply")
        assert last["done"] == {
            "created": 1,
            "ready": 1,
            "destroyed": 0,
            "proven_gone": 0,
            "failed": 0,
            "exit_code": 0,
        }
        assert len(shop.alive()) == 1

        ended = shop.run("destroy", "-json", "-auto-approve")
        assert (ended.code, ended.err) == (0, "")
        found = events(ended)
        assert list(steps(found, "apply_complete")) == [(slot, "destroy"), (slot, "prove")]
        assert found[-1]["done"]["proven_gone"] == 1
        assert shop.alive() == ()


def test_a_saved_plan_needs_no_question_and_tells_the_same(tmp_path: Path) -> None:
    with workplace(tmp_path) as shop:
        planned = events(shop.run("plan", "-json", "-out=p"))
        shop.world.place_foreign(shop.now, offer_id="o1")
        ended = shop.run("apply", "-json", "p")
        assert (ended.code, ended.err) == (0, "")
        found = events(ended)
        remarks = [one["diagnostic"]["summary"] for one in found if one["type"] == "diagnostic"]
        assert any("simulated o2 instead" in remark for remark in remarks)
        assert found[-1]["done"]["created"] == 1
        assert planned[-1]["next_step"] == "Run gpu-shopper apply p to carry out exactly this."
        assert len(shop.alive()) == 2

        stale = shop.run("apply", "-json", "p")
        assert stale.code == 10
        last = events(stale)[-1]["diagnostic"]
        assert (last["severity"], last["exit_code"]) == ("error", 10)
        assert last["exit_word"] == "stale-plan"


@pytest.mark.parametrize("command", ["apply", "destroy"])
def test_nobody_is_asked(tmp_path: Path, command: str) -> None:
    with workplace(tmp_path, speed=SLOW_TIME) as shop:
        ended = shop.run(command, "-json")
        assert ended.code == 64
        assert events(ended)[-1]["diagnostic"]["exit_word"] == "usage"
        with shop.person(command, "-json") as person:
            assert person.end() == 64
        assert shop.sent_changes() == 0


def test_a_pass_of_the_loop_as_events(tmp_path: Path) -> None:
    with workplace(tmp_path) as shop:
        assert shop.apply("-detach").code == 0
        shop.advance(5 * HOUR)
        ended = shop.run("reconcile", "--once", "-json")
        assert (ended.code, ended.err) == (0, "")
        found = events(ended)
        assert ("fleet.dev[0]", "destroy") in set(steps(found, "apply_complete"))
        assert found[-1]["mode"] == "loop"
        preview = events(shop.run("reconcile", "--dry-run", "-json"))
        assert all(one.get("operation") != "apply" for one in preview)
        refused = shop.run("reconcile", "--interval=1m", "-json")
        assert refused.code == 64


def test_an_announced_destroy_is_a_warning_with_the_command_that_keeps_it(tmp_path: Path) -> None:
    with workplace(tmp_path, speed=SLOW_TIME) as shop:
        shop.declare(TWO_NODES)
        assert shop.apply("-detach").code == 0
        shop.advance(MINUTE)
        shop.declare(QUICKSTART)
        found = events(shop.run("reconcile", "--once", "-json"))
        (planned,) = [one["change"] for one in found if one["type"] == "planned_change"]
        assert (planned["action"], planned["reason"]) == ("announce", "scaled-down")
        fixes = [one["diagnostic"]["fix"] for one in found if one["type"] == "diagnostic"]
        assert "gpu-shopper extend fleet.dev 1h" in fixes


def test_a_machine_that_went_by_itself_is_drift(tmp_path: Path) -> None:
    with workplace(tmp_path, speed=SLOW_TIME) as shop:
        assert shop.apply("-detach").code == 0
        shop.advance(MINUTE)
        (machine,) = shop.alive()
        shop.world.destroy(machine.id, shop.now)
        drift: list[dict[str, Any]] = []
        for _ in range(4):
            shop.advance(MINUTE)
            found = events(shop.run("reconcile", "--once", "-json"))
            drift += [one["change"] for one in found if one["type"] == "resource_drift"]
        (change,) = drift
        assert (change["action"], change["address"]) == ("forget", "fleet.dev[0]")


def test_every_published_type_is_really_printed(tmp_path: Path) -> None:
    with workplace(tmp_path) as shop:
        operation, fault = CATALOGUE["C1.5"]
        shop.world.script_fault(fault, operation, times=1)
        refused = shop.run("apply", "-json", "-auto-approve")
        assert refused.code == 3
        found = events(refused)
        assert list(steps(found, "apply_errored")) == [("fleet.dev[0]", "create")]
        found += events(shop.run("apply", "-json", "-auto-approve"))
        (machine,) = shop.alive()
        shop.world.destroy(machine.id, shop.now)
        for _ in range(4):
            shop.advance(MINUTE)
            found += events(shop.run("reconcile", "--once", "-json"))
        found += events(shop.run("plan", "-json", "-target=fleet.other"))
        assert set(types(found)) == set(events_schema()["discriminator"]["mapping"])


# --- errors -----------------------------------------------------------------------------------


def broken_documents(shop: Workplace) -> int:
    shop.declare(QUICKSTART.replace("ttl", "tttl").replace("gpu:", "gpuu:"))
    return 12


def no_provider(shop: Workplace) -> int:
    operation, fault = CATALOGUE["C2.6"]
    shop.world.script_fault(fault, operation)
    return 8


def unknown_target(shop: Workplace) -> int:
    shop.declare(QUICKSTART.replace("dev:", "other:"))
    return 64


def no_offer(shop: Workplace) -> int:
    shop.declare(QUICKSTART + "    max_gpu_hour_usd: 0.01\n")
    return 7


@pytest.mark.parametrize("prepare", [broken_documents, no_provider, unknown_target, no_offer])
def test_an_error_is_a_diagnostic_and_its_exit_code_is_unchanged(
    tmp_path: Path, prepare: Any
) -> None:
    with workplace(tmp_path, speed=SLOW_TIME) as shop:
        code = prepare(shop)
        plain = shop.run("plan", "-target=fleet.dev")
        ended = shop.run("plan", "-target=fleet.dev", "-json")
        assert (plain.code, ended.code, ended.err) == (code, code, "")
        told = [one["diagnostic"] for one in events(ended) if one["type"] == "diagnostic"]
        assert code in [one["exit_code"] for one in told]
        if code == 12:
            assert len(told) == plain.err.count("fleets.yaml:") > 1


def test_a_loop_without_readable_documents_says_so_and_goes_on(tmp_path: Path) -> None:
    with workplace(tmp_path, speed=SLOW_TIME) as shop:
        assert shop.apply("-detach").code == 0
        shop.advance(5 * HOUR)
        shop.declare("version: 2\n")
        ended = shop.run("reconcile", "--once", "-json")
        assert ended.code == 12
        found = events(ended)
        assert found[-1]["done"]["destroyed"] == 1
        assert found[-1]["done"]["exit_code"] == 12


def test_a_reader_that_goes_away_does_not_stop_the_work(tmp_path: Path) -> None:
    import subprocess

    from tests.end_to_end.command import PROGRAM, environment

    with workplace(tmp_path) as shop:
        done = subprocess.run(
            ["/bin/sh", "-c", f"{PROGRAM} apply -json -auto-approve | head -1"],
            cwd=shop.directory,
            env=environment(shop.directory.parent),
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        assert json.loads(done.stdout)["type"] == "version"
        assert len(shop.alive()) == 1
        assert len(shop.state().instances) == 1


# --- hostile text -----------------------------------------------------------------------------


def test_I22_what_a_provider_sends_stays_escaped_and_comes_back_whole(tmp_path: Path) -> None:
    sent = (HOSTILE + "\x7f\x80").replace("\ud800", "")
    offer = market_offer("o1", region=sent, host=sent, country=None, stock=3)
    with workplace(tmp_path, offer) as shop:
        shop.world.place_foreign(shop.now, sent[:60])
        shop.advance(HOUR)
        found = events(shop.run("plan", "-json", "-out=p"))
        (change,) = [one["change"] for one in found if one["type"] == "planned_change"]
        assert change["offer"]["region"] == sent
        assert all(one["@message"].isprintable() for one in found)
        assert (shop.directory / "p").read_text().rstrip("\n").isprintable()
        shown = shop.run("show", "-json", "p").out
        assert all(line.isascii() and line.isprintable() for line in shown.splitlines())
        applied = shop.run("apply", "-json", "p")
        assert applied.code == 0, applied.out
        assert all(one["@message"].isprintable() for one in events(applied))
