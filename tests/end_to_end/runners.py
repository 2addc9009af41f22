"""The real command, killed at any moment and run side by side, by tests and by long runs."""

from __future__ import annotations

import os
import random
import subprocess
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from reconciler.clock import process_seconds
from reconciler.market.machine import Machine
from reconciler.model.mark import Mark, parse_mark
from reconciler.statefile.lock_info import decode_info
from tests.end_to_end.command import environment
from tests.end_to_end.warm_start import Process, start
from tests.end_to_end.workplace import MINUTE, QUICK, Workplace, workplace
from tests.simulation.shop import QUICKSTART, several_offers

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


def kills(place: Path, seed: int, count: int) -> int:
    """Kill ``count`` commands in a workplace of its own, then let it converge; how many died amid
    their changes. Raises ``AssertionError`` with the broken promise.
    """
    chance = random.Random(seed)
    verbs, weights = [verb for _, verb in VERBS], [weight for weight, _ in VERBS]
    with workplace(place, *several_offers(30), settings=FAR_AWAY) as shop:
        killer, killed, amid_changes, declared = Killer(shop, chance), 0, 0, TWO
        while killed < count:
            declared = chance.choice([one for one in DOCUMENTS if one != declared])
            shop.declare(declared)
            (verb,) = chance.choices(verbs, weights)
            before = shop.sent_changes()
            if killer.killed(*verb):
                killed += 1
                amid_changes += shop.sent_changes() > before
            loses_nothing(shop)
            if chance.random() < 0.05:
                shop.advance(timedelta(minutes=chance.randint(1, 300)))
        converges(shop)
    return amid_changes


def races(place: Path, seed: int, count: int) -> int:
    """Let two or three commands begin at once, ``count`` times; how many commands that were."""
    chance = random.Random(seed)
    verbs = [verb for _, verb in VERBS if "-detach" in verb or verb[0] != "apply"]
    commands = 0
    with workplace(place, *several_offers(30)) as shop:
        for number in range(count):
            shop.declare(chance.choice(DOCUMENTS))
            runners = [begin(shop, *APPLY)]
            for verb in chance.choices(verbs, k=2 - number % 2):
                patience = chance.choice(("-lock-timeout=0s", "-lock-timeout=5s"))
                runners.append(begin(shop, *verb, patience))
            codes = [one.wait(timeout=_LIMIT_SECONDS) for one in runners]
            assert not {-9, 1, 70} & set(codes), codes
            loses_nothing(shop)
            commands += len(runners)
        converges(shop)
    return commands
