"""What the simulator does to the engine: RELIABILITY.md's faults by number, each with its weight.

``ELSEWHERE`` names the tests of those that need a socket, a shell or another machine.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import Any

from reconciler.market.fault_catalogue import CATALOGUE
from reconciler.market.faults import OPERATIONS, Fault, Operation
from reconciler.model.value import dataclass
from tests.simulation.simulator.documents import DOCUMENTS
from tests.simulation.simulator.host_trouble import LOCK_ERRORS, OUTPUT_ERRORS
from tests.simulation.simulator.oddness import ODD_DATES
from tests.simulation.simulator.people_trouble import ELSEWHERE
from tests.simulation.simulator.provider_trouble import WORDS

Arguments = Mapping[str, Any]
Draw = Callable[[random.Random], dict[str, Any]]
MINUTE = timedelta(minutes=1)
_UNAVAILABLE = Fault(error="unavailable")
_ALL: tuple[Operation, ...] = OPERATIONS
_READS: tuple[Operation, ...] = ("list_offers", "list_instances", "get_instance")

MORE_CALL_FAULTS: Mapping[str, tuple[tuple[Operation, ...], Fault]] = MappingProxyType(
    {
        "C1.3": (("create_instance",), Fault(error="unavailable", done=True)),
        "C1.14": (("create_instance",), Fault(error="refused")),
        "C1.15": (("get_instance", "list_instances"), Fault(error="rate-limited")),
        "C1.19": (("create_instance",), Fault(error="refused")),
        "C2.8": (("list_instances",), Fault(error="refused")),
        "C3.9": (("list_instances",), Fault(status="stopped")),
        "C4.5": (("destroy_instance",), Fault(error="refused")),
        "C4.8": (("destroy_instance",), Fault(error="unreadable")),
        "C4.10": (_READS, Fault(error="rate-limited", delay=MINUTE)),
        "C4.15": (("destroy_instance",), Fault(hang=timedelta(hours=1))),
        "C6.1": (_ALL, _UNAVAILABLE),
        "C8.2": (_ALL, Fault(error="auth-refused")),
        "C8.6": (_ALL, Fault(error="rate-limited")),
        "C8.8": (("create_instance", "list_offers"), Fault(error="auth-refused")),
        "C8.9": (_ALL, _UNAVAILABLE),
        "C6.13": (_READS, Fault(error="unreadable")),
        # Each call just within its deadline: a pass takes longer than a tick.
        "C10.11": (_ALL, Fault(hang=timedelta(seconds=9))),
    }
)
"""Lasting conditions and answers beside those of the market's own catalogue."""

# A listing and a direct read that deny the same living machine are false proof (I12): this one
# lying read is told as a story of its own, in test_faults.py.
NOT_DRAWN = frozenset({"C2.14"})
CALL_FAULTS: Mapping[str, tuple[tuple[Operation, ...], Fault]] = MappingProxyType(
    {
        **{
            number: ((operation,), fault)
            for number, (operation, fault) in CATALOGUE.items()
            if number not in NOT_DRAWN
        },
        **MORE_CALL_FAULTS,
    }
)
LONG = {"C8.9": 120, "C4.3": 90, "C6.1": 30}
"""In minutes, of those that last longer than others."""
EVERYWHERE = "all"
STANDING = ("C1.16", "C2.1", "C2.2", "C9.1", "C9.2", "C10.10")
"""What every run holds: names twice, listings that lag, neighbours, and commands that overlap."""


@dataclass(frozen=True, slots=True)
class Action:
    """One fault that can be drawn: ``kind`` is the simulation's method, ``draw`` its arguments."""

    number: str
    kind: str
    weight: int
    draw: Draw


def _call_fault(number: str) -> Action:
    longest = LONG.get(number, 25)

    def draw(chance: random.Random) -> dict[str, Any]:
        return {
            "place": chance.choice(("alpha", "beta", "gamma", EVERYWHERE, EVERYWHERE)),
            "percent": chance.choice((50, 100, 100)),
            "minutes": chance.randint(1, longest),
            "times": chance.choice((1, 2, 5, None)),
        }

    return Action(number, "fault", 2, draw)


def _one(number: str, kind: str, weight: int, **ranges: tuple[Any, ...]) -> Action:
    def draw(chance: random.Random) -> dict[str, Any]:
        return {name: chance.choice(values) for name, values in ranges.items()}

    return Action(number, kind, weight, draw)


def _hostile(number: str, kind: str) -> Action:
    return _one(number, kind, 2, fault=(number,), place=_PLACES, ticks=(2, 4, 8))


_PLACES = ("alpha", "beta", "gamma")
_FILES = ("state", "state", "trail", "backup")
_DAMAGES = ("flip", "zeros", "cut")
_ZONES = ("America/New_York", "Australia/Lord_Howe", "nonsense", ":/dev/null")
_RUNNERS = ("laptop", "ci", "cron")
_TICKS = (1, 2, 4, 8)
_MANY = tuple(range(1, 140))
ACTIONS: tuple[Action, ...] = (
    *(_call_fault(number) for number in CALL_FAULTS),
    _one("C3.8", "preempt", 4, which=_MANY),
    _one("C4.13", "person_destroys", 3, which=_MANY),
    _one("C9.3", "relabel", 3, which=_MANY, label=("mine", "", "gs1-x", "\x1b[2J\u202e=1+1")),
    _one("C9.4", "clone", 2, which=_MANY),
    _one("C13.1", "stranger", 2, label=("\x1b]52;c;AAAA\x07", "\u202emine", "a\r\nb", "=HYPER(1)")),
    _one("C14.8", "forge", 2, place=("alpha", "beta", "gamma")),
    _one("C10.1", "kill_at", 12, left=_MANY),
    _one("C10.4", "kill_now", 4),
    _one("C10.2", "interrupt", 4),
    _one("C10.3", "freeze", 4, ticks=_TICKS),
    _one("C11.15", "take_over", 4, ticks=_TICKS),
    _one("C11.1", "kill_holder", 4),
    _one("C10.5", "disk_full", 4, ticks=_TICKS),
    _one("C10.6", "disk_read_only", 3, ticks=_TICKS),
    _one("C10.7", "disk_sync_fails", 3, ticks=_TICKS),
    _one("I7", "disk_fails_once", 8, after=tuple(range(1, 90))),
    _one("C10.8", "power_cut", 5, names_kept=(False, True)),
    _one("C12.3", "skew", 4, who=_RUNNERS, seconds=(-25, -5, 5, 25)),
    _one("C12.1", "skew", 3, who=_RUNNERS, seconds=(1800, 20_000, 2_600_000)),
    _one("C12.2", "skew", 3, who=_RUNNERS, seconds=(-1800, -90_000)),
    _one("C14.6", "edit", 4, documents=tuple(range(len(DOCUMENTS)))),
    _one("C5.1", "prices_move", 3, place=("alpha", "beta", "gamma"), percent=(60, 130, 250)),
    _one("C5.15", "rate_rises", 4, which=_MANY, percent=(110, 200, 500)),
    _one("C9.8", "wrong_account", 2, ticks=(1, 2)),
    _one("C10.9", "state_link", 2, ticks=_TICKS),
    _one("C10.13", "output_closes", 3, code=OUTPUT_ERRORS, ticks=_TICKS),
    _one("C10.14", "out_of_descriptors", 3, ticks=(1, 2, 4)),
    _one("C10.15", "locks_fail", 2, code=LOCK_ERRORS, ticks=(1, 2, 4)),
    _one("C10.16", "damage", 5, target=_FILES, how=_DAMAGES, place=_MANY, ticks=_TICKS),
    _one("C10.17", "laptop_sleeps", 3, ticks=(2, 8, 16)),
    _one("C10.18", "trail_full", 3, ticks=_TICKS),
    _one("C11.7", "contention", 2, ticks=(1, 2, 3)),
    _one("C11.8", "full_here", 3, ticks=_TICKS),
    _one("C11.9", "old_copy", 4, age=_TICKS, whole=(False, False, True), ticks=(1, 2, 4)),
    _one("C11.10", "foreign_state", 2, serial=(1, 1_000_000), ticks=(1, 2, 4)),
    _one("C11.11", "newer_version", 2, ticks=(1, 2, 4)),
    _one("C12.4", "provider_clock", 3, place=_PLACES, seconds=(-300, 300), ticks=_TICKS),
    _one("C12.5", "local_time", 2, place=_PLACES, hours=(-8, 2, 10), ticks=_TICKS),
    _one("C12.7", "odd_dates", 2, place=_PLACES, date=("unreadable",), ticks=_TICKS),
    _one("C12.8", "odd_dates", 3, place=_PLACES, date=ODD_DATES[1:], ticks=_TICKS),
    _one("C12.9", "time_zone", 2, zone=_ZONES),
    _one("C12.10", "machine_paused", 3, ticks=(1, 4, 12), behind=(1, 4)),
    *(_hostile(number, "hostile") for number in WORDS),
    _hostile("C13.3", "echo"),
    _hostile("C13.9", "long_error"),
    _one("C14.5", "wrong_place", 3, name=ELSEWHERE, verb=("apply", "destroy", "reconcile")),
    _one("C14.7", "console", 2, place=_PLACES),
    _one("C14.9", "old_plan", 4, ticks=_TICKS),
    _one("C14.10", "newer_version", 2, ticks=(2, 8)),
    _one("C14.11", "bad_branch", 2, documents=(8, 10), ticks=(2, 4)),
)
