"""What the installed command leaves in the audit trail, and what it says about that."""

from __future__ import annotations

import json
import signal
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from reconciler.documents.json_schema import audit_schema
from reconciler.market.faults import Fault
from tests.end_to_end.workplace import HOUR, MINUTE, SLOW_TIME, Workplace, workplace
from tests.simulation.shop import QUICKSTART

TWO_NODES = QUICKSTART.replace("    ttl", "    nodes: 2\n    ttl")
SLOW_ANSWER = Fault(hang=timedelta(seconds=15))


def trail(shop: Workplace) -> Path:
    return shop.state_path.with_name("demo.json.audit.jsonl")


def entries(shop: Workplace, *arguments: str) -> list[dict[str, Any]]:
    said = shop.run("events", "-json", *arguments)
    assert said.code == 0, said.err
    return [json.loads(line) for line in said.out.splitlines()]


def marks(shop: Workplace, action: str, outcome: str) -> set[str]:
    found = entries(shop)
    return {one["mark"] for one in found if (one["action"], one["outcome"]) == (action, outcome)}


def verify(shop: Workplace) -> int:
    return shop.run("audit", "verify").code


def bought_and_destroyed(shop: Workplace) -> None:
    shop.declare(TWO_NODES)
    assert shop.apply().code == 0
    assert shop.run("destroy", "-auto-approve").code == 0
    assert shop.alive() == ()


def test_I20_after_apply_and_destroy_each_effect_has_intent_and_outcome(tmp_path: Path) -> None:
    with workplace(tmp_path) as shop:
        bought_and_destroyed(shop)
        real = {one.label for one in shop.world.all_machines()}
        assert len(real) == 2
        for action, outcome in (
            ("create", "intent"),
            ("create", "done"),
            ("ready", "done"),
            ("destroy", "intent"),
            ("destroy", "accepted"),
            ("destroy", "gone"),
        ):
            assert marks(shop, action, outcome) == real, (action, outcome)
        ids = {one["instance_id"] for one in entries(shop) if one["action"] == "destroy"}
        assert ids == {one.id for one in shop.world.all_machines()}
        assert verify(shop) == 0
        assert trail(shop).stat().st_mode & 0o777 == 0o600


def test_who_why_and_the_money_stand_in_it_and_no_value_of_env(tmp_path: Path) -> None:
    with workplace(tmp_path, speed=SLOW_TIME) as shop:
        shop.declare(QUICKSTART + "    env: {MODE: sesame}\n")
        bought = shop.run(
            "apply",
            "-auto-approve",
            "-detach",
            USER="alice",
            LOGNAME="alice",
            GITHUB_RUN_ID="4711",
            GITHUB_REPOSITORY="lab/training",
        )
        assert bought.code == 0, bought.err
        (intent,) = [one for one in entries(shop) if one["outcome"] == "intent"]
        assert intent["who"].startswith("alice@")
        assert intent["run"] == "github lab/training 4711"
        assert (intent["operation"], intent["reason"]) == ("apply", "new")
        assert float(intent["usd_per_hour"]) > 0
        assert intent["serial"] <= shop.state().serial
        assert "sesame" not in trail(shop).read_text()
        text = shop.run("events").out
        assert "github lab/training 4711" in text
        assert "create intent" in text


def test_each_line_agrees_with_the_published_schema(tmp_path: Path) -> None:
    with workplace(tmp_path) as shop:
        bought_and_destroyed(shop)
        validator = Draft202012Validator(audit_schema())
        stored = [json.loads(line) for line in trail(shop).read_text().splitlines()]
        assert stored == entries(shop)
        for line in stored:
            assert list(validator.iter_errors(line)) == []


@pytest.mark.parametrize("number", [1, 5, -1])
def test_one_flipped_byte_is_named_by_its_line(tmp_path: Path, number: int) -> None:
    with workplace(tmp_path, speed=SLOW_TIME) as shop:
        assert shop.apply("-detach").code == 0
        lines = trail(shop).read_bytes().splitlines(keepends=True)
        changed = lines[number].replace(b"1", b"2", 1)
        assert changed != lines[number]
        lines[number] = changed
        trail(shop).write_bytes(b"".join(lines))
        said = shop.run("audit", "verify")
        place = number % len(lines) + 1
        assert said.code == 13
        assert said.out.startswith(f"state/demo.json.audit.jsonl:{place}: damaged: ")
        doctor = shop.run("doctor")
        assert doctor.code == 13
        assert f"audit.jsonl:{place}" in doctor.out


def test_a_line_that_is_removed_moved_or_cut_off_is_noticed(tmp_path: Path) -> None:
    with workplace(tmp_path, speed=SLOW_TIME) as shop:
        assert shop.apply("-detach").code == 0
        lines = trail(shop).read_bytes().splitlines(keepends=True)
        damaged = {
            "removed": [*lines[:2], *lines[3:]],
            "swapped": [*lines[:2], lines[3], lines[2], *lines[4:]],
            "cut off": lines[:-1],
            "emptied": [],
        }
        for name, some in damaged.items():
            trail(shop).write_bytes(b"".join(some))
            said = shop.run("audit", "verify")
            assert said.code == 13, name
            assert "audit.jsonl:" in said.out, name
        trail(shop).unlink()
        assert verify(shop) == 13
        trail(shop).write_bytes(b"".join(lines))
        assert verify(shop) == 0


def test_a_directory_where_the_trail_should_be_stops_no_destroy(tmp_path: Path) -> None:
    with workplace(tmp_path, speed=SLOW_TIME) as shop:
        assert shop.apply("-detach").code == 0
        aside = trail(shop).rename(shop.directory / "aside")
        trail(shop).mkdir()
        shop.advance(5 * HOUR)
        ended = shop.one_pass()
        assert ended.code == 0, ended.err
        assert "audit trail could not be written" in ended.err
        shop.advance(MINUTE)
        assert shop.alive() == ()

        trail(shop).rmdir()
        aside.rename(trail(shop))
        told = shop.one_pass()
        assert "the audit trail has a gap" in told.err
        assert "gap unwritten" in shop.run("events").out
        verified = shop.run("audit", "verify")
        assert verified.code == 0
        assert "could not be written since" in verified.out


def test_kill_9_leaves_a_trail_that_verifies_and_the_outcome_follows(tmp_path: Path) -> None:
    with workplace(tmp_path, speed=SLOW_TIME) as shop:
        shop.world.script_fault(SLOW_ANSWER, "create_instance", times=1)
        with shop.start("apply", "-auto-approve") as apply:
            apply.until(lambda: shop.ever() == 1)
            apply.signal(signal.SIGKILL)
            apply.end()
        assert verify(shop) == 0
        real = {shop.alive()[0].label}
        assert (marks(shop, "create", "intent"), marks(shop, "create", "done")) == (real, set())
        shop.advance(5 * MINUTE)
        assert shop.apply("-detach").code == 0
        assert marks(shop, "create", "done") == real
        assert verify(shop) == 0


def test_a_torn_last_line_is_healed_and_told(tmp_path: Path) -> None:
    with workplace(tmp_path, speed=SLOW_TIME) as shop:
        assert shop.apply("-detach").code == 0
        with trail(shop).open("ab") as file:
            file.write(b'{"n":9,"at":"2026-')
        cut = shop.run("audit", "verify")
        assert (cut.code, "cut after 18 bytes" in cut.out) == (0, True)
        healed = shop.run("extend", "fleet.dev", "1h")
        assert (healed.code, "the audit trail has a gap" in healed.err) == (0, True)
        assert verify(shop) == 0
        assert "gap torn" in shop.run("events").out


def test_events_since_a_while_or_a_moment(tmp_path: Path) -> None:
    with workplace(tmp_path, speed=SLOW_TIME) as shop:
        assert shop.apply("-detach").code == 0
        shop.advance(2 * HOUR)
        assert shop.run("extend", "fleet.dev", "1h").code == 0
        (extended,) = entries(shop, "-since", "30m")
        assert (extended["action"], extended["outcome"]) == ("lease", "extended")
        assert extended["operation"] == "extend"
        moment = (shop.now - HOUR).isoformat()
        assert entries(shop, "-since", moment) == [extended]
        assert len(entries(shop, "-since", "3h")) > 3
        assert shop.run("events", "-since", "yesterday").code == 64


def test_events_follow_shows_what_comes_until_it_is_stopped(tmp_path: Path) -> None:
    with workplace(tmp_path, speed=SLOW_TIME) as shop:
        assert shop.apply("-detach").code == 0
        with shop.start("events", "-follow") as follower:
            follower.until(lambda: "create done" in follower.out)
            assert shop.run("extend", "fleet.dev", "1h").code == 0
            follower.until(lambda: "lease extended" in follower.out)
            follower.signal(signal.SIGINT)
            assert follower.end().code == 130


def test_events_and_verify_work_without_documents_and_without_a_state(tmp_path: Path) -> None:
    with workplace(tmp_path, speed=SLOW_TIME) as shop:
        assert shop.run("events").code == 0
        assert "no audit trail yet" in shop.run("audit", "verify").out
        assert shop.apply("-detach").code == 0
        shop.declare("version: [")
        assert "create done" in shop.run("events").out
        assert verify(shop) == 0
        shop.state_path.write_text("{")
        assert "create done" in shop.run("events", "-since", "300d").out
        blind = shop.run("audit", "verify")
        assert (blind.code, "without the state" in blind.err) == (0, True)
        for path in (shop.state_path, shop.state_path.with_name("demo.json.backup")):
            path.unlink(missing_ok=True)
        assert "create done" in shop.run("events").out


def test_reading_the_trail_changes_nothing(tmp_path: Path) -> None:
    with workplace(tmp_path, speed=SLOW_TIME) as shop:
        assert shop.apply("-detach").code == 0
        before = {path: path.read_bytes() for path in shop.state_path.parent.glob("demo*")}
        for command in ("events", "events -json", "audit verify", "doctor", "doctor -json"):
            shop.run(*command.split())
        assert {path: path.read_bytes() for path in shop.state_path.parent.glob("demo*")} == before
