"""The commands that read and mend the state, installed, against the market's own ledger."""

from __future__ import annotations

import json
import signal
import stat
from datetime import timedelta
from pathlib import Path

import pytest

from reconciler.market.faults import Fault
from reconciler.model.pins import HostPin
from reconciler.statefile.format import decode
from tests.end_to_end.workplace import HOUR, MINUTE, SLOW_TIME, Workplace, workplace
from tests.simulation.shop import QUICKSTART

TWO = QUICKSTART.replace("    ttl", "    nodes: 2\n    ttl")
SLOW_ANSWER = Fault(hang=timedelta(seconds=15))
NOBODY_THERE = Fault(error="unavailable", done=False)


def alive(shop: Workplace) -> set[str]:
    return {machine.id for machine in shop.alive()}


def serials(shop: Workplace) -> list[int]:
    return [one.state.serial for one in shop.backend().backups() if one.state]


def test_pull_prints_the_stored_bytes_and_they_are_a_whole_state(tmp_path: Path) -> None:
    with workplace(tmp_path, speed=SLOW_TIME) as shop:
        nothing = shop.run("state", "pull")
        assert (nothing.code, nothing.out) == (13, "")
        shop.apply("-detach")
        pulled = shop.run("state", "pull")
        assert pulled.code == 0
        assert pulled.out.encode() == shop.state_path.read_bytes()
        assert decode(pulled.out.encode(), "x") == shop.state()
        shop.state_path.write_text("garbage")
        damaged = shop.run("state", "pull")
        assert (damaged.code, damaged.out) == (13, "")


def test_history_lists_serial_time_and_command_also_beside_a_damaged_state(tmp_path: Path) -> None:
    with workplace(tmp_path, speed=SLOW_TIME) as shop:
        assert shop.run("state", "history").out == "There is no state and no backup of one.\n"
        shop.apply("-detach")
        shop.run("extend", "fleet.dev", "1h")
        listed = shop.run("state", "history")
        assert listed.code == 0
        now, before = [line.split() for line in listed.out.splitlines()[1:]]
        assert (now[0], now[3]) == (str(shop.state().serial), "extend")
        assert (before[0], before[3], before[4]) == (str(serials(shop)[0]), "apply", "1")
        modes = {stat.S_IMODE(one.stat().st_mode) for one in shop.state_path.parent.glob("demo*")}
        assert modes == {0o600}
        shop.state_path.write_text("garbage")
        damaged = shop.run("state", "history")
        assert damaged.code == 13
        assert "apply" in damaged.out
        assert "state restore" in damaged.err


def test_bad_input_57_a_damaged_state_comes_back_with_the_command_that_its_error_names(
    tmp_path: Path,
) -> None:
    with workplace(tmp_path, speed=SLOW_TIME) as shop:
        shop.apply("-detach")
        shop.advance(HOUR)
        shop.run("extend", "fleet.dev", "1h")
        machines = alive(shop)
        shop.state_path.write_bytes(shop.state_path.read_bytes()[:-9])
        refused = shop.apply()
        assert refused.code == 13
        command = f"state restore {serials(shop)[0]}"
        assert f"gpu-shopper {command}" in refused.err
        unasked = shop.run(*command.split())
        assert unasked.code == 64
        restored = shop.run(*command.split(), "-auto-approve")
        assert restored.code == 0, restored.err
        assert "cannot be used" in restored.out
        assert "is kept at" in restored.err
        assert "reported as billed" in " ".join(restored.out.split())
        shop.advance(10 * MINUTE)
        assert shop.apply().code == 0
        assert shop.run("plan", "-detailed-exitcode").code == 0
        assert alive(shop) == machines
        assert shop.ever() == 1


def test_restore_asks_without_holding_the_lock_and_refuses_what_changed_meanwhile(
    tmp_path: Path,
) -> None:
    with workplace(tmp_path, speed=SLOW_TIME) as shop:
        shop.apply("-detach")
        shop.run("extend", "fleet.dev", "1h")
        with shop.person("state", "restore", str(serials(shop)[0])) as person:
            person.reads('Only "yes" is accepted')
            assert shop.run("extend", "fleet.dev", "1h").code == 0
            before = shop.state()
            person.types("yes")
            assert person.end() == 13
        assert "changed while this command was at work" in person.seen
        assert shop.state() == before
        with shop.person("state", "restore", str(serials(shop)[0])) as person:
            person.reads('Only "yes" is accepted')
            person.types("no")
            assert person.end() == 0
        assert shop.state() == before


@pytest.mark.parametrize("what", ["99999", "no-such-file", "fleets.yaml", "state"])
def test_what_cannot_be_restored_is_refused_by_name(tmp_path: Path, what: str) -> None:
    with workplace(tmp_path, speed=SLOW_TIME) as shop:
        shop.apply("-detach")
        before = shop.state_path.read_bytes()
        refused = shop.run("state", "restore", "-auto-approve", what)
        assert refused.code == (64 if what.isdecimal() else 13), refused.err
        assert what in refused.err
        assert "Traceback" not in refused.err
        assert shop.state_path.read_bytes() == before


def test_C11_9_an_old_copy_put_back_by_hand_stops_every_change_until_it_is_restored(
    tmp_path: Path,
) -> None:
    with workplace(tmp_path, speed=SLOW_TIME) as shop:
        shop.apply("-detach")
        old = shop.state_path.read_bytes()
        shop.advance(HOUR)
        shop.declare(TWO)
        shop.apply("-detach")
        shop.run("extend", "fleet.dev", "1h")
        machines = alive(shop)
        shop.state_path.write_bytes(old)
        for command in ("apply -auto-approve", "reconcile --once", "destroy -auto-approve"):
            refused = shop.run(*command.split())
            assert refused.code == 13, (command, refused)
            assert "state restore" in refused.err
        assert alive(shop) == machines
        # Going on from the old copy keeps what the newest version knows all the same.
        assert shop.run("state", "restore", "-auto-approve", "state/demo.json").code == 0
        assert {one.instance_id for one in shop.state().instances.values()} == machines
        shop.advance(10 * MINUTE)
        assert shop.run("plan", "-detailed-exitcode").code == 0


def test_C9_7_a_lost_state_is_rebuilt_from_what_runs(tmp_path: Path) -> None:
    with workplace(tmp_path, speed=SLOW_TIME) as shop:
        shop.declare(TWO)
        shop.apply("-detach")
        shop.advance(HOUR)
        machines = alive(shop)
        for entry in shop.state_path.parent.glob("demo.json*"):
            entry.unlink()
        lost = shop.apply()
        assert lost.code == 13
        assert "state rebuild" in lost.err
        assert shop.run("state", "rebuild").code == 64
        rebuilt = shop.run("state", "rebuild", "-auto-approve")
        assert rebuilt.code == 0, rebuilt.err
        assert all(machine in rebuilt.out for machine in machines)
        assert shop.run("plan", "-detailed-exitcode").code == 0
        assert shop.ever() == 2
        shop.advance(3 * HOUR + MINUTE)
        shop.one_pass()
        shop.advance(MINUTE)
        assert alive(shop) == set()


def test_a_fleet_is_renamed_without_a_call_to_its_provider(tmp_path: Path) -> None:
    with workplace(tmp_path, speed=SLOW_TIME) as shop:
        shop.apply("-detach")
        shop.advance(10 * MINUTE)
        calls = len(shop.world.calls())
        moved = shop.run("state", "mv", "fleet.dev", "fleet.lab")
        assert moved.code == 0
        assert "do not declare fleet.lab" in moved.out
        assert len(shop.world.calls()) == calls
        shop.declare(QUICKSTART.replace("  dev:", "  lab:"))
        assert shop.run("plan", "-detailed-exitcode").code == 0
        assert shop.run("state", "mv", "fleet.dev", "fleet.lab").code == 64
        assert shop.run("state", "mv", "fleet.lab", "fleet.lab").code == 5
        assert shop.run("state", "mv", "fleet.lab", "fleet.dev[1]").code == 64
        assert shop.ever() == len(alive(shop)) == 1


def test_what_is_let_go_is_billed_listed_and_ends_at_its_end(tmp_path: Path) -> None:
    with workplace(tmp_path, speed=SLOW_TIME) as shop:
        shop.apply("-detach")
        (machine,) = alive(shop)
        shop.advance(10 * MINUTE)
        assert shop.run("state", "rm", "fleet.dev[0]").code == 64
        with shop.person("state", "rm", "fleet.dev[0]") as person:
            person.reads("goes on being billed")
            person.reads('Only "yes" is accepted')
            person.types("yes")
            assert person.end() == 0
        assert shop.run("state", "rm", "-auto-approve", "fleet.dev[0]").code == 64
        listed = shop.run("orphans")
        assert "let-go" in listed.out
        assert "destroyed at its end" in listed.out
        assert shop.one_pass().code == 0
        assert shop.run("destroy", "-auto-approve").code == 0
        assert alive(shop) == {machine}
        shop.advance(4 * HOUR)
        shop.one_pass()
        shop.advance(MINUTE)
        assert alive(shop) == set()


def test_I11_a_create_that_left_nothing_is_called_absent_by_a_person(tmp_path: Path) -> None:
    with workplace(tmp_path, speed=SLOW_TIME) as shop:
        shop.world.script_fault(NOBODY_THERE, "create_instance", times=1)
        assert shop.apply("-detach").code == 8
        assert shop.run("state", "resolve", "fleet.dev[0]").code == 64
        assert shop.run("state", "resolve", "fleet.dev", "-absent").code == 64
        assert shop.run("state", "resolve", "fleet.dev[0]", "-absent").code == 64
        settled = shop.run("state", "resolve", "fleet.dev[0]", "-absent", "-auto-approve")
        assert settled.code == 0, settled.err
        assert "If it runs after all, it costs $0.4" in settled.out
        assert shop.apply("-detach").code == 0
        assert len(alive(shop)) == shop.ever() == 1
        refused = shop.run("state", "resolve", "fleet.dev[0]", "-absent", "-auto-approve")
        assert refused.code in (5, 64)


def test_C1_1_a_machine_that_a_person_found_is_recorded(tmp_path: Path) -> None:
    with workplace(tmp_path, speed=SLOW_TIME) as shop:
        shop.world.script_fault(Fault(error="unavailable", done=True), "create_instance", times=1)
        assert shop.apply("-detach").code == 8
        (machine,) = shop.alive()
        shop.world.relabel(machine.id, "renamed-by-hand")
        shop.advance(10 * MINUTE)
        assert shop.run("state", "resolve", "fleet.dev[0]", "-found=../1").code == 8
        found = shop.run("state", "resolve", "fleet.dev[0]", f"-found={machine.id}")
        assert found.code == 0, found.err
        assert shop.apply("-detach").code == 0
        assert shop.ever() == 1
        assert shop.run("destroy", "-auto-approve", "-no-wait").code in (0, 3, 8)


def test_one_state_has_one_host_and_is_taken_over_by_name_only(tmp_path: Path) -> None:
    with workplace(tmp_path, speed=SLOW_TIME) as shop:
        shop.apply("-detach")
        shop.advance(5 * HOUR)
        state = shop.state()
        other = HostPin(id="0" * 32, name="the-old-laptop")
        shop.backend().write(state.with_(host=other), expected_serial=state.serial)
        for command in ("plan", "apply -auto-approve", "reconcile --once"):
            refused = shop.run(*command.split())
            assert refused.code == 13, (command, refused)
            assert "the-old-laptop" in refused.err
        assert shop.sent("destroy_instance") == 0
        assert shop.run("state", "list").code == 0
        assert shop.run("plan", "-take-over").code == 0
        assert shop.run("plan").code == 13
        assert shop.one_pass("-take-over").code == 0
        shop.advance(MINUTE)
        assert alive(shop) == set()
        assert shop.one_pass().code == 0


def test_I8_C10_3_a_run_that_was_stopped_past_a_take_over_buys_nothing_twice(
    tmp_path: Path,
) -> None:
    with workplace(tmp_path, speed=SLOW_TIME) as shop:
        shop.world.script_fault(SLOW_ANSWER, "create_instance", times=1)
        with shop.start("apply", "-auto-approve", "-detach") as paused:
            paused.until(lambda: shop.ever() == 1)
            paused.signal(signal.SIGSTOP)
            for name in ("demo.json.lock", "demo.json.lock.info"):
                (shop.state_path.parent / name).unlink()
            shop.advance(10 * MINUTE)
            new = shop.apply("-detach")
            assert new.code == 0, new.err
            assert len(shop.state().instances) == 1
            paused.signal(signal.SIGCONT)
            paused.end()
        shop.advance(10 * MINUTE)
        assert shop.run("plan", "-detailed-exitcode").code == 0
        assert shop.ever() == len(alive(shop)) == 1


FULL_DISK = """
import errno, os
_write = os.write
def write(descriptor, data):
    target = os.readlink(f"/proc/self/fd/{descriptor}")
    if ".demo.json" in target and "/state/" in target and os.path.exists(os.environ["DISK_FULL"]):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    return _write(descriptor, data)
os.write = write
"""


def test_C10_5_a_disk_that_fills_up_during_an_apply_leaves_a_rescue_file_that_comes_back(
    tmp_path: Path,
) -> None:
    with workplace(tmp_path, speed=SLOW_TIME) as shop:
        (tmp_path / "patch").mkdir()
        (tmp_path / "patch" / "sitecustomize.py").write_text(FULL_DISK)
        (tmp_path / "tmp").mkdir()
        full = tmp_path / "full"
        env = {
            "PYTHONPATH": str(tmp_path / "patch"),
            "DISK_FULL": str(full),
            "TMPDIR": str(tmp_path / "tmp"),
        }
        shop.world.script_fault(SLOW_ANSWER, "create_instance", times=1)
        with shop.start("apply", "-auto-approve", "-detach", **env) as apply:
            apply.until(lambda: shop.ever() == 1)
            full.touch()
            shop.advance(MINUTE)
            ended = apply.end()
        assert ended.code == 1
        full.unlink()
        said = " ".join(ended.err.split())
        assert "No space left on device" in said
        (rescue,) = (tmp_path / "tmp").glob("demo.json.rescue-*")
        assert f"gpu-shopper state restore {rescue}" in said
        assert stat.S_IMODE(rescue.stat().st_mode) == 0o600
        assert shop.state().instances == {}
        restored = shop.run("state", "restore", "-auto-approve", str(rescue))
        assert restored.code == 0, restored.err
        assert {one.instance_id for one in shop.state().instances.values()} == alive(shop)
        assert shop.apply("-detach").code == 0
        assert shop.ever() == 1


def test_a_state_of_a_newer_program_is_refused_by_every_command_that_mends_it(
    tmp_path: Path,
) -> None:
    with workplace(tmp_path, speed=SLOW_TIME) as shop:
        shop.apply("-detach")
        fields = json.loads(shop.state_path.read_bytes())
        shop.state_path.write_text(json.dumps({**fields, "version": 99}))
        before = shop.state_path.read_bytes()
        for command in (
            "pull",
            "list",
            "mv fleet.dev fleet.lab",
            "rm -auto-approve fleet.dev",
            "resolve -absent -auto-approve fleet.dev[0]",
        ):
            refused = shop.run("state", *command.split())
            assert refused.code == 13, (command, refused)
            assert "version 99" in refused.err
        assert shop.state_path.read_bytes() == before
