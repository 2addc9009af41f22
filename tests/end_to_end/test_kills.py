"""C10.1 to C10.3, C10.10: the real command killed at any moment, stopped, and run side by side."""

from __future__ import annotations

import signal
from datetime import timedelta
from pathlib import Path

import pytest

from reconciler.market.faults import Fault
from reconciler.model.exit_code import ExitCode
from tests.end_to_end.command import Running
from tests.end_to_end.runners import APPLY, kills, races
from tests.end_to_end.workplace import HOUR, MINUTE, SLOW_TIME, Workplace, workplace

pytestmark = pytest.mark.timeout(600)  # dozens of processes in one test

KILLS = 200
RACES = 50
BATCHES = 4


@pytest.mark.parametrize("batch", range(BATCHES))
def test_C10_1_kill_9_at_any_moment_loses_nothing_doubles_nothing_and_heals(
    tmp_path: Path, batch: int
) -> None:
    amid_changes = kills(tmp_path, batch, KILLS // BATCHES)
    assert amid_changes > 1, "the kills came before anything was done"


@pytest.mark.parametrize("batch", range(BATCHES))
def test_C10_10_I8_runners_side_by_side_buy_nothing_twice(tmp_path: Path, batch: int) -> None:
    assert races(tmp_path, 100 + batch, -(-RACES // BATCHES)) > RACES // BATCHES


def test_C10_3_a_holder_that_is_stopped_keeps_the_lock_and_nobody_buys_beside_it(
    tmp_path: Path,
) -> None:
    slow_answer = Fault(hang=timedelta(seconds=15))
    with workplace(tmp_path, speed=SLOW_TIME) as shop:
        shop.world.script_fault(slow_answer, "create_instance", times=1)
        with shop.start("apply", "-auto-approve", "-detach") as holder:
            holder.until(lambda: shop.ever() == 1)
            holder.signal(signal.SIGSTOP)
            shop.advance(10 * MINUTE)
            for verb in (APPLY, ("destroy", "-auto-approve"), ("reconcile", "--once")):
                refused = shop.run(*verb)
                assert refused.code == 4, refused.err
                assert f"pid {holder.pid}" in refused.err
            assert shop.sent_changes() == 1
            holder.signal(signal.SIGCONT)
            holder.end()
        shop.advance(5 * MINUTE)
        shop.apply("-detach")
        assert [one.label for one in shop.alive()] == list(shop.state().instances)
        assert shop.ever() == 1


def falls_asleep_without_the_lock(shop: Workplace, sleeper: Running) -> bool:
    """Whether all was destroyed while it slept; where it slept with the lock, it is awake again."""
    sleeper.signal(signal.SIGSTOP)
    destroyed = shop.run("destroy", "-auto-approve", "-no-wait")
    if destroyed.code == ExitCode.LOCKED:
        sleeper.signal(signal.SIGCONT)
        return False
    assert destroyed.code == ExitCode.PARTIAL, destroyed.err
    return True


def test_C10_3_I8_one_who_sleeps_past_a_take_over_touches_nothing_of_what_came_after(
    tmp_path: Path,
) -> None:
    """It waits for ready, without the lock. Meanwhile all is destroyed and bought anew."""
    with workplace(tmp_path, speed=SLOW_TIME) as shop:
        with shop.start("apply", "-auto-approve") as sleeper:
            held = shop.state_path.with_name("demo.json.lock.info")
            sleeper.until(lambda: "placed" in sleeper.err and not held.exists())
            sleeper.until(lambda: falls_asleep_without_the_lock(shop, sleeper))
            for _ in range(4):
                shop.advance(MINUTE)
                shop.one_pass()
            assert shop.state().instances == {}
            assert shop.apply("-detach").code == 0
            before = shop.sent_changes()
            (machine,) = shop.alive()
            sleeper.signal(signal.SIGCONT)
            shop.advance(HOUR)
            sleeper.end()
        assert shop.sent_changes() == before
        assert [one.id for one in shop.alive()] == [machine.id]
        assert list(shop.state().instances) == [machine.label]
