"""C10.1 to C10.3, C10.10: the real command killed at any moment, stopped, and run side by side."""

from __future__ import annotations

import os
import random
import signal
import subprocess
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from reconciler.clock import process_seconds
from reconciler.market.faults import Fault
from reconciler.market.machine import Machine
from reconciler.model.exit_code import ExitCode
from reconciler.model.mark import Mark, parse_mark
from reconciler.statefile.lock_info import decode_info
from tests.end_to_end.command import Running, environment
from tests.end_to_end.warm_start import Process, start
from tests.end_to_end.workplace import HOUR, MINUTE, QUICK, SLOW_TIME, Workplace, workplace
from tests.simulation.shop import QUICKSTART, several_offers

pytestmark = pytest.mark.timeout(600)  # dozens of processes in one test

KILLS = 200
RACES = 50
BATCHES = 4
UNKILLED = 0.1
"""Of the runs: they show how long one takes on this machine, as busy as it is."""
_FORGOTTEN = 0.9  # of a long life, with each one that was shorter: not all have as much to do
_LIMIT_SECONDS = 60.0
# A fortieth of a second there and back, as the market's time runs: room to die on the way.
FAR_AWAY = replace(QUICK, call_latency=timedelta(seconds=1.5))
TWO = QUICKSTART.replace("    ttl", "    nodes: 2\n    ttl")
DOCUMENTS = (
    QUICKSTART,
    TWO,
    TWO.replace("RTX4090}", "RTX4090, disk: 200GB}"),
    TWO + "    image: other\n    lifecycle: {create_before_destroy: true}\n",
)
# A lease that has ended stays so, and an apply then buys nothing: it is renewed each time.
APPLY = ("apply", "-auto-approve", "-renew=fleet.dev", "-max-destroy=9", "-detach", "-no-wait")
VERBS = (
    (6, APPLY),
    (2, APPLY[:4]),
    (1, ("reconcile", "--once", "-max-destroy=9")),
    (1, ("reconcile", "--once", "--heal", "-max-destroy=9")),
    (2, ("destroy", "-auto-approve", "-no-wait")),
)


def mark_of(machine: Machine) -> Mark:
    mark = parse_mark(machine.label)
    assert mark is not None, machine
    return mark


def loses_nothing(shop: Workplace) -> None:
    """The state can be read and knows every machine; no create was sent twice."""
    state = shop.backend().read()
    marks = [parse_mark(text) for text in (*state.instances, *state.intents)] if state else []
    known = {mark.identity for mark in marks if mark}
    lost = [one for one in shop.alive() if mark_of(one).identity not in known]
    assert not lost, f"I1: billed and not in the state: {lost}"
    creates = (one.label for one in shop.world.calls() if one.operation == "create_instance")
    assert max(Counter(creates).values(), default=0) <= 1, "I26"


def converges(shop: Workplace, machines: int = 2) -> None:
    """Undisturbed, the fleet comes to what is declared: one machine in a slot."""
    shop.declare(TWO)
    for _ in range(3):
        shop.advance(2 * MINUTE)
        ended = shop.apply("-renew=fleet.dev", "-max-destroy=9")
        loses_nothing(shop)
    assert ended.code == 0, ended.err
    state = shop.state()
    slots = sorted((mark_of(one).fleet, mark_of(one).index) for one in shop.alive())
    assert slots == [("dev", index) for index in range(machines)], "I3, I18"
    assert sorted(state.instances) == sorted(one.label or "" for one in shop.alive())
    assert not [one for one in state.intents.values() if one.blocks_slot]
    assert not list(shop.directory.glob("state/.demo*")), "I24"


def begin(shop: Workplace, *arguments: str) -> Process:
    with Path(os.devnull).open("r+b") as nothing:
        files = (nothing.fileno(),) * 3
        surroundings = environment(shop.directory.parent)
        return start(arguments, cwd=shop.directory, env=surroundings, files=files)


def lives(process: Process, seconds: float) -> bool:
    """Whether it still runs after that time."""
    try:
        process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        return True
    return False


class Killer:
    """Ends commands at moments spread evenly over the time that they hold the lock or work on."""

    def __init__(self, shop: Workplace, chance: random.Random) -> None:
        self._shop = shop
        self._chance = chance
        self._longest: dict[tuple[str, ...], float] = {}

    def killed(self, *arguments: str) -> bool:
        """Start it and kill it at a moment after it took the lock; False when it ended before.

        The first run of each command, and now and then one more, lives to its end.
        """
        process = begin(self._shop, *arguments)
        try:
            if not self._took_the_lock(process):
                return False
            longest = self._longest.get(arguments)
            if longest is None or self._chance.random() < UNKILLED:
                began = process_seconds()
                process.wait(timeout=_LIMIT_SECONDS)
                lived = process_seconds() - began
                self._longest[arguments] = max(lived, _FORGOTTEN * (longest or 0.0))
                return False
            return lives(process, self._chance.uniform(0, longest))
        finally:
            process.kill()
            process.wait()

    def _took_the_lock(self, process: Process) -> bool:
        lock = self._shop.state_path.with_name("demo.json.lock.info")
        # What lies there may name the one who was killed before.
        while not (lock.exists() and decode_info(lock.read_bytes()).pid == process.pid):
            if not lives(process, 0.005):
                return False
        return True


@pytest.mark.parametrize("batch", range(BATCHES))
def test_C10_1_kill_9_at_any_moment_loses_nothing_doubles_nothing_and_heals(
    tmp_path: Path, batch: int
) -> None:
    chance = random.Random(batch)
    verbs, weights = [verb for _, verb in VERBS], [weight for weight, _ in VERBS]
    with workplace(tmp_path, *several_offers(30), settings=FAR_AWAY) as shop:
        killer, kills, amid_changes, declared = Killer(shop, chance), 0, 0, TWO
        while kills < KILLS // BATCHES:
            declared = chance.choice([one for one in DOCUMENTS if one != declared])
            shop.declare(declared)
            (verb,) = chance.choices(verbs, weights)
            before = shop.sent_changes()
            if killer.killed(*verb):
                kills += 1
                amid_changes += shop.sent_changes() > before
            loses_nothing(shop)
            if chance.random() < 0.05:
                shop.advance(timedelta(minutes=chance.randint(1, 300)))
        assert amid_changes > 1, "the kills came before anything was done"
        converges(shop)


@pytest.mark.parametrize("batch", range(BATCHES))
def test_C10_10_I8_runners_side_by_side_buy_nothing_twice(tmp_path: Path, batch: int) -> None:
    chance = random.Random(100 + batch)
    verbs = [verb for _, verb in VERBS if "-detach" in verb or verb[0] != "apply"]
    with workplace(tmp_path, *several_offers(30)) as shop:
        for number in range(-(-RACES // BATCHES)):
            shop.declare(chance.choice(DOCUMENTS))
            runners = [begin(shop, *APPLY)]
            for verb in chance.choices(verbs, k=2 - number % 2):
                patience = chance.choice(("-lock-timeout=0s", "-lock-timeout=5s"))
                runners.append(begin(shop, *verb, patience))
            codes = [one.wait(timeout=_LIMIT_SECONDS) for one in runners]
            assert not {-9, 1, 70} & set(codes), codes
            loses_nothing(shop)
        converges(shop)


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
