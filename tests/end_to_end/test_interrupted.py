"""Signals, kill -9, a closed output and a second command, in the middle of an apply."""

from __future__ import annotations

import os
import signal
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest

from reconciler.market.faults import Fault
from tests.end_to_end.command import PROGRAM, environment
from tests.end_to_end.workplace import (
    HOUR,
    MINUTE,
    SLOW_TIME,
    Workplace,
    workplace,
)
from tests.simulation.shop import QUICKSTART

THREE_NODES = QUICKSTART.replace("    ttl", "    nodes: 3\n    ttl")
# The market makes the machine and keeps its answer back. Its clock all but stands still, so the
# command waits until the test moves that clock.
SLOW_ANSWER = Fault(hang=timedelta(seconds=15))


def converges_on_one_machine(shop: Workplace) -> None:
    """A clean apply makes the fleet whole, and a second one has nothing to do."""
    shop.advance(5 * MINUTE)
    again = shop.apply("-detach")
    assert again.code == 0, again.err
    (machine,) = shop.alive()
    assert list(shop.state().instances) == [machine.label]
    assert shop.run("plan", "-detailed-exitcode").code == 0


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_while_waiting_for_ready_ends_in_an_orderly_way(
    tmp_path: Path, number: signal.Signals, code: int
) -> None:
    with workplace(tmp_path, speed=SLOW_TIME) as shop:
        with shop.start("apply", "-auto-approve") as apply:
            apply.until(lambda: "placed" in apply.err)
            apply.signal(number)
            ended = apply.end()
        assert ended.code == code
        assert "Stopping" in ended.err
        assert "fleet.dev[0]: ready: interrupted" in ended.err
        assert shop.knows(1)
        converges_on_one_machine(shop)
        assert shop.ever() == 1


def test_a_signal_while_a_create_is_in_flight_waits_for_its_answer(tmp_path: Path) -> None:
    with workplace(tmp_path, speed=SLOW_TIME) as shop:
        shop.world.script_fault(SLOW_ANSWER, "create_instance", times=1)
        with shop.start("apply", "-auto-approve") as apply:
            apply.until(lambda: shop.ever() == 1)
            apply.signal(signal.SIGINT)
            apply.until(lambda: "Stopping" in apply.err)
            shop.advance(MINUTE)
            assert apply.end().code == 130
        assert shop.knows(1)
        converges_on_one_machine(shop)


def test_a_second_signal_waits_for_no_answer_and_loses_nothing(tmp_path: Path) -> None:
    with workplace(tmp_path, speed=SLOW_TIME) as shop:
        shop.world.script_fault(SLOW_ANSWER, "create_instance", times=1)
        with shop.start("apply", "-auto-approve") as apply:
            apply.until(lambda: shop.ever() == 1)
            apply.signal(signal.SIGINT)
            apply.until(lambda: "Stopping" in apply.err)
            apply.signal(signal.SIGTERM)
            assert apply.end().code == 130, "and nobody has answered the create"
        assert [one.blocks_slot for one in shop.state().intents.values()] == [True]
        converges_on_one_machine(shop)
        assert shop.ever() == 1


def test_a_second_signal_waits_for_no_answer_to_a_destroy_either(tmp_path: Path) -> None:
    with workplace(tmp_path, speed=SLOW_TIME) as shop:
        assert shop.apply("-detach").code == 0
        shop.world.script_fault(SLOW_ANSWER, "destroy_instance", times=1)
        with shop.start("destroy", "-auto-approve") as destroy:
            destroy.until(lambda: shop.sent("destroy_instance") == 1)
            destroy.signal(signal.SIGINT)
            destroy.until(lambda: "Stopping" in destroy.err)
            destroy.signal(signal.SIGINT)
            assert destroy.end().code == 130
        (record,) = shop.state().instances.values()
        assert record.doom is not None
        assert record.doom.accepted_at is None, "nobody has said so"
        shop.advance(MINUTE)
        assert shop.alive() == ()


def test_kill_9_after_the_create_reached_the_market_loses_nothing(tmp_path: Path) -> None:
    with workplace(tmp_path, speed=SLOW_TIME) as shop:
        shop.world.script_fault(SLOW_ANSWER, "create_instance", times=1)
        with shop.start("apply", "-auto-approve") as apply:
            apply.until(lambda: shop.ever() == 1)
            apply.signal(signal.SIGKILL)
            assert apply.end().code == -signal.SIGKILL
        (intent,) = shop.state().intents.values()
        assert shop.alive()[0].label == intent.mark
        converges_on_one_machine(shop)
        assert shop.ever() == 1


def test_I11_kill_9_before_the_create_took_effect_blocks_the_slot_until_proven(
    tmp_path: Path,
) -> None:
    with workplace(tmp_path, speed=SLOW_TIME) as shop:
        unheard = Fault(error="unavailable", done=False, hang=timedelta(seconds=15))
        shop.world.script_fault(unheard, "create_instance", times=1)
        with shop.start("apply", "-auto-approve") as apply:
            apply.until(lambda: shop.sent("create_instance") == 1)
            apply.signal(signal.SIGKILL)
            apply.end()
        assert shop.apply("-detach").code == 8
        assert shop.ever() == 0
        for _ in range(2):
            shop.advance(MINUTE)
            shop.one_pass()
        converges_on_one_machine(shop)
        assert shop.ever() == 1


def test_bad_input_43_of_two_applies_one_wins_and_one_is_told_who(tmp_path: Path) -> None:
    with workplace(tmp_path, speed=SLOW_TIME) as shop:
        shop.world.script_fault(SLOW_ANSWER, "create_instance", times=1)
        with shop.start("apply", "-auto-approve", "-detach") as first:
            first.until(lambda: shop.ever() == 1)
            second = shop.apply()
            assert second.code == 4
            assert f"pid {first.pid}" in second.err
            shop.advance(MINUTE)
            assert first.end().code == 0
        assert shop.ever() == 1


def test_a_lock_timeout_waits_for_the_other_run(tmp_path: Path) -> None:
    with workplace(tmp_path, speed=SLOW_TIME) as shop:
        with shop.backend().lock("a test", timeout_seconds=0) as lock:
            too_short = shop.apply("-detach", "-lock-timeout=1s")
            assert too_short.code == 4
            assert f"pid {os.getpid()}" in too_short.err
            with shop.start("apply", "-auto-approve", "-detach", "-lock-timeout=1m") as waiting:
                lock.release()
                assert waiting.end().code == 0
        assert shop.ever() == 1


@pytest.mark.parametrize("both", [False, True], ids=["output", "both outputs"])
def test_bad_input_39_a_closed_output_stops_no_apply(tmp_path: Path, both: bool) -> None:
    with workplace(tmp_path) as shop:
        reads, writes = os.pipe()
        os.close(reads)
        try:
            done = subprocess.run(
                [PROGRAM, "apply", "-auto-approve"],
                cwd=shop.directory,
                env=environment(tmp_path),
                stdin=subprocess.DEVNULL,
                stdout=writes,
                stderr=writes if both else subprocess.PIPE,
                check=False,
            )
        finally:
            os.close(writes)
        assert done.returncode == 1, done.stderr
        assert b"Traceback" not in (done.stderr or b"")
        (machine,) = shop.alive()
        assert shop.state().instances[machine.label or ""].ready_at is not None


def test_bad_input_39_the_loop_enforces_although_nobody_reads_it(tmp_path: Path) -> None:
    with workplace(tmp_path) as shop:
        assert shop.apply("-detach").code == 0
        shop.advance(5 * HOUR)
        subprocess.run(
            f"'{PROGRAM}' reconcile --once 2>&1 | :",
            shell=True,
            cwd=shop.directory,
            env=environment(tmp_path),
            check=True,
        )
        shop.advance(MINUTE)
        assert shop.alive() == ()


@pytest.mark.parametrize(
    ("outputs", "code"),
    [(">/dev/full", 1), (">/dev/full 2>&1", 1), (">&-", 0), ("<&- >&- 2>&-", 0)],
)
def test_outputs_that_take_nothing_keep_no_machine_alive(
    tmp_path: Path, outputs: str, code: int
) -> None:
    """A log on a full disk, or outputs never open: a plan is shown before it is done."""
    with workplace(tmp_path) as shop:
        assert shop.apply("-detach").code == 0
        shop.advance(5 * HOUR)
        done = subprocess.run(
            f"exec '{PROGRAM}' reconcile --once {outputs}",
            shell=True,
            cwd=shop.directory,
            env=environment(tmp_path),
            capture_output=True,
            check=False,
        )
        assert b"Traceback" not in done.stderr
        assert done.returncode == code, done.stderr
        shop.advance(MINUTE)
        assert shop.alive() == ()


def test_a_dead_reader_of_a_plan_is_no_traceback(tmp_path: Path) -> None:
    with workplace(tmp_path) as shop:
        done = subprocess.run(
            f"'{PROGRAM}' plan | head -1",
            shell=True,
            cwd=shop.directory,
            env=environment(tmp_path),
            capture_output=True,
            check=True,
        )
        assert done.stdout.startswith(b"Plan for workspace demo")
        assert done.stderr == b""
