"""Schedules that once broke a promise, as they were cut down, with the seed that found them.

Seeds mean other schedules when the catalogue grows; these stay as they are. Those that have been
found since stand in ``found_schedules.json``, each with what was wrong.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.simulation.simulator.campaign import judged
from tests.simulation.simulator.face_places import Rented
from tests.simulation.simulator.schedule import Schedule, Step

_APPLY = (("detach", True), ("documents", 0), ("max_destroy", 10), ("renew", False))
_MANY, _LAPTOP = ("max_destroy", 10), ("who", "laptop")
_UNLIMITED = (("max_destroy", None), ("renew", False))


def _wire(number: str, aim: str, times: int | None) -> tuple[tuple[str, Any], ...]:
    """What a step of trouble on the wire needs to know."""
    rest = (("minutes", 20), ("number", number), ("percent", 100), ("times", times))
    return (("aim", aim), *rest)


READ_ONLY_DISK = Schedule(
    291,
    300,
    (
        Step(1, "apply", (*_APPLY, ("who", "laptop"))),
        Step(14, "disk_read_only", (("ticks", 4),), "C10.6"),
        Step(15, "reconcile", (("heal", False), ("who", "cron"))),
    ),
)
"""A loop that could not write its lock destroyed nothing: what had ended was billed on."""
DENIED_DESTROY = Schedule(
    104,
    30,
    (
        Step(0, "apply", (("detach", False), *_APPLY[1:], ("who", "laptop"))),
        Step(
            1,
            "fault",
            (("minutes", 15), ("percent", 100), ("place", "all"), ("times", None)),
            "C4.2",
        ),
        Step(1, "destroy", (("target", ""), ("who", "laptop"))),
        Step(39, "reconcile", (("heal", False), ("who", "cron"))),
    ),
)
"""A destroy was answered "not found" and ended nothing: the ledger counted as if it had."""
LATE_FIND = Schedule(
    469,
    300,
    (
        Step(
            2,
            "fault",
            (("minutes", 15), ("percent", 100), ("place", "all"), ("times", 5)),
            "C1.1",
        ),
        Step(2, "apply", (*_APPLY, ("who", "ci"))),
        Step(36, "reconcile", (("heal", False), ("who", "cron"))),
    ),
)
"""A machine whose create was answered with an error was found after its time and destroyed as
expired, while its fleet's lease began with the find."""
CHANGED_BACK = Schedule(
    102_004,
    60,
    (
        Step(3, "apply", (("detach", True), ("documents", 12), *_APPLY[2:], ("who", "laptop"))),
        Step(37, "apply", (("detach", True), ("documents", 4), *_APPLY[2:], ("who", "ci"))),
    ),
)
"""Documents were changed back while a successor was booting: it took the slot all the same, and
only the apply after that one brought back what was declared."""
NO_LOCK_FILE = Schedule(
    200_191,
    300,
    (
        Step(0, "apply", (("detach", True), ("documents", 2), *_APPLY[2:], ("who", "laptop"))),
        Step(6, "disk_read_only", (("ticks", 8),), "C10.6"),
        Step(7, "take_over", (("ticks", 1),), "C11.15"),
        Step(13, "reconcile", (("heal", False), ("who", "cron"))),
    ),
)
"""A lock's file was removed by hand on a disk that is read-only now: nobody could lock, and the
loop destroyed nothing."""
DIED_ADOPTING = Schedule(
    931_108,
    120,
    (
        Step(
            24,
            "apply",
            (
                ("detach", True),
                ("documents", 5),
                ("max_destroy", None),
                ("renew", False),
                ("who", "laptop"),
            ),
        ),
        Step(30, "forge", (("place", "gamma"),), "C14.8"),
        Step(35, "kill_at", (("left", 99),), "C10.1"),
        Step(36, "reconcile", (("heal", True), ("schedule", False), ("who", "cron"))),
    ),
)
"""A pass that had adopted a machine of ours to destroy it died before that was written: the machine
stayed, beside the other one in its slot, for as long as the fleet's lease was."""
WRONG_ID = Schedule(
    12,
    300,
    (
        Step(0, "apply", (("detach", False), ("documents", 2), _MANY, ("renew", True), _LAPTOP)),
        Step(0, "on_the_wire", _wire("C7.4", "get_instance", 1), "C7.4"),
        Step(29, "apply", (("detach", False), ("documents", 7), ("renew", True), ("who", "ci"))),
        Step(29, "on_the_wire", _wire("C2.12", "create_instance", 2), "C2.12"),
        Step(33, "disk_sync_fails", (("ticks", 2),), "C10.7"),
        Step(33, "reconcile", (("heal", True), ("schedule", True), ("who", "cron"))),
    ),
    Rented("beta", "runpod"),
)
"""The answer to a create spelt the id in another way: the machine itself, listed under its own id,
passed for a copy that somebody had made, and was billed until nobody knew of it any more."""
PLAN_WITH_BUDGETS = Schedule(
    50,
    300,
    (
        Step(0, "apply", (("detach", True), ("documents", 14), *_APPLY[2:], ("who", "laptop"))),
        Step(5, "old_plan", (("ticks", 4),), "C14.9"),
        Step(30, "destroy", (("target", ""), ("who", "laptop"))),
    ),
)
"""Documents with budgets: no plan of them could be saved."""
OVERWRITTEN_TAIL = Schedule(
    26,
    300,
    (
        Step(0, "apply", (("detach", False), ("documents", 12), *_APPLY[2:], ("who", "laptop"))),
        Step(
            13,
            "damage",
            (("how", "zeros"), ("place", 51), ("target", "state"), ("ticks", 8)),
            "C10.16",
        ),
    ),
)
"""A state damaged beyond reading, without a backup, was rebuilt with a serial below those of its
audit trail."""
OTHER_LINEAGE = Schedule(
    171,
    120,
    (
        Step(24, "apply", (*_APPLY, ("who", "ci"))),
        Step(26, "reconcile", (("heal", True), ("schedule", True), ("who", "ci"))),
        Step(32, "foreign_state", (("serial", 1), ("ticks", 2)), "C11.10"),
    ),
)
"""The state of another lineage in the place of ours, and a backup of ours brought back: it got the
serial that the last version had had."""
LINEAGE_WITH_A_HIGH_SERIAL = Schedule(
    171,
    120,
    (*OTHER_LINEAGE.steps[:2], Step(32, "foreign_state", (("serial", 10**6), ("ticks", 2)), "x")),
)
"""The same with a higher serial than ours was: it was taken for the state that is to go on."""
OLD_COPY = Schedule(
    241,
    300,
    (
        Step(1, "apply", (("detach", False), ("documents", 8), *_APPLY[2:], ("who", "laptop"))),
        *(Step(tick, "reconcile", (("who", "cron"),)) for tick in (16, 21)),
        Step(26, "old_copy", (("age", 8), ("ticks", 2), ("whole", False)), "C11.9"),
        *(Step(tick, "reconcile", (("who", "cron"),)) for tick in (26, 31)),
    ),
)
"""An old copy was put back, and the newest backup restored over it: it got the serial that the last
version had had, which no backup and no trail tells of."""
KILLED_REPEATING = Schedule(
    688,
    60,
    (
        Step(0, "apply", (("detach", False), ("documents", 2), *_APPLY[2:], ("who", "laptop"))),
        Step(
            1,
            "fault",
            (("minutes", 4), ("percent", 50), ("place", "beta"), ("times", 5)),
            "C8.9",
        ),
        Step(1, "reconcile", (("heal", False), ("schedule", True), ("who", "cron"))),
        Step(
            21,
            "fault",
            (("minutes", 8), ("percent", 50), ("place", "all"), ("times", 2)),
            "C4.1",
        ),
        Step(22, "reconcile", (("heal", False), ("schedule", True), ("who", "cron"))),
        Step(23, "kill_at", (("left", 110),), "C10.1"),
        Step(23, "apply", (("detach", True), ("documents", 16), *_APPLY[2:], ("who", "laptop"))),
    ),
)
"""An accepted destroy had ended nothing; the run that sent it again was killed before it could say
so, and the ledger counted as if the first one had worked."""
NOTHING_TO_REBUILD = Schedule(
    489,
    120,
    (
        Step(0, "apply", (("detach", False), ("documents", 16), *_APPLY[2:], ("who", "laptop"))),
        Step(
            1,
            "damage",
            (("how", "flip"), ("place", 40), ("target", "state"), ("ticks", 2)),
            "C10.16",
        ),
    ),
)
"""A damaged state without a backup and without machines could be mended by no command."""
THIRD_VERSION = Schedule(
    1_002_203,
    120,
    (
        Step(
            0,
            "apply",
            (
                ("detach", False),
                ("documents", 12),
                ("max_destroy", None),
                ("renew", True),
                ("who", "laptop"),
            ),
        ),
        Step(
            25,
            "fault",
            (("minutes", 24), ("percent", 100), ("place", "alpha"), ("times", None)),
            "C1.20",
        ),
        Step(27, "destroy", (("target", ""), ("who", "laptop"))),
        Step(
            32,
            "apply",
            (
                ("detach", False),
                ("documents", 4),
                ("max_destroy", 10),
                ("renew", False),
                ("who", "laptop"),
            ),
        ),
        Step(33, "reconcile", (("heal", True), ("schedule", True), ("who", "cron"))),
    ),
)
"""Documents were changed a second time while a successor was booting: `apply` let it take the slot
and said that all was done, though it was not as declared any more."""
DIED_OPENING = Schedule(
    1_006_991,
    300,
    (
        Step(0, "apply", (("detach", True), ("documents", 16), *_APPLY[2:], ("who", "laptop"))),
        Step(1, "kill_at", (("left", 103),), "C10.1"),
        Step(1, "reconcile", (("heal", True), ("schedule", True), ("who", "cron"))),
        Step(1, "apply", (("detach", True), ("documents", 14), *_APPLY[2:], ("who", "laptop"))),
        Step(10, "reconcile", (("heal", True), ("schedule", True), ("who", "cron"))),
    ),
)
"""A pass that had opened a window died before it bought anything; after that window had closed the
next pass bought for it."""
BILLED_TWICE = Schedule(
    102,
    300,
    (
        Step(0, "apply", (("detach", False), ("documents", 6), *_APPLY[2:], ("who", "laptop"))),
        Step(15, "apply", (("detach", False), ("documents", 1), *_APPLY[2:], ("who", "ci"))),
        Step(
            17,
            "fault",
            (("minutes", 5), ("percent", 100), ("place", "all"), ("times", None)),
            "C2.15",
        ),
        Step(17, "reconcile", (("heal", True), ("schedule", False), ("who", "cron"))),
    ),
)
"""A listing went back in time: machines that were proven gone, and paid for, were found again and
counted from their beginning once more."""
NARROWED_LOOK = Schedule(
    214,
    300,
    (
        Step(
            0,
            "apply",
            (
                ("detach", False),
                ("documents", 6),
                ("max_destroy", None),
                ("renew", True),
                ("who", "laptop"),
            ),
        ),
        Step(4, "preempt", (("which", 34),), "C3.8"),
        Step(5, "destroy", (("target", "fleet.dev[0]"), ("who", "laptop"))),
    ),
)
"""A machine had been stopped when a command for another one looked: the look counted, and what it
saw did not."""
FOUND_WHILE_WATCHED = Schedule(
    10_365,
    60,
    (
        Step(
            0,
            "apply",
            (("detach", False), ("documents", 16), _MANY, ("renew", True), _LAPTOP),
        ),
        Step(6, "reconcile", (("heal", False), ("schedule", True), ("who", "cron"))),
        Step(9, "destroy", (("target", ""), ("who", "laptop"))),
        Step(
            16,
            "fault",
            (("minutes", 23), ("percent", 100), ("place", "gamma"), ("times", 2)),
            "C2.15",
        ),
        Step(19, "destroy", (("target", ""), ("who", "laptop"))),
    ),
)
"""As `BILLED_TWICE`, with a machine that was never ready: its order was still watched, and so it
was counted from its beginning as if nothing had been paid for it."""
MISSED_BY_ANOTHER = Schedule(
    54_794,
    30,
    (
        Step(0, "apply", (("detach", True), ("documents", 6), *_UNLIMITED, _LAPTOP)),
        Step(
            17,
            "fault",
            (("minutes", 1), ("percent", 100), ("place", "gamma"), ("times", 1)),
            "C5.11",
        ),
        Step(17, "reconcile", (("heal", True), ("schedule", False), ("who", "cron"))),
        Step(31, "release", (("who", "ci"),)),
    ),
)
"""A machine was gone when a command for another fleet looked: the look counted as one that had
shown it."""
GONE_WHILE_AWAITED = Schedule(
    62_817,
    60,
    (
        Step(0, "apply", (("detach", True), ("documents", 2), _MANY, ("renew", False), _LAPTOP)),
        Step(
            34,
            "fault",
            (("minutes", 8), ("percent", 50), ("place", "all"), ("times", 1)),
            "C5.11",
        ),
        Step(
            34,
            "apply",
            (("detach", False), ("documents", 5), _MANY, ("renew", False), ("who", "ci")),
        ),
    ),
)
"""A machine vanished while it was waited for, and was destroyed ten minutes later: until then it
was counted as billed for sure."""
SECRET_IN_AN_ERROR = Schedule(
    0,
    60,
    (
        *(
            Step(0, "echo", (("fault", "C13.3"), ("place", place), ("ticks", 8)), "C13.3")
            for place in ("alpha", "beta", "gamma")
        ),
        *(
            Step(tick, "apply", (("detach", True), ("documents", 18), ("who", "ci")))
            for tick in (0, 2, 4, 6)
        ),
    ),
)
"""An adapter's error repeated the environment that it had been given, and it was printed."""
LOST_IN_AN_OUTAGE = Schedule(
    5958,
    60,
    (
        Step(
            0,
            "apply",
            (("detach", False), ("documents", 4), *_APPLY[2:], ("who", "laptop")),
        ),
        Step(6, "foreign_state", (("serial", 1), ("ticks", 2)), "C11.10"),
        Step(
            9,
            "fault",
            (("minutes", 19), ("percent", 100), ("place", "all"), ("times", 5)),
            "C1.15",
        ),
        Step(9, "apply", (("detach", False), ("documents", 18), *_APPLY[2:], ("who", "laptop"))),
    ),
)
"""The wrong state was moved away, as a refusal says, to rebuild the right one from what runs. An
apply that came first bought beside a machine whose provider could not be read just then."""
_FOUND = (
    READ_ONLY_DISK, DENIED_DESTROY, LATE_FIND, CHANGED_BACK, NO_LOCK_FILE, DIED_ADOPTING,
    KILLED_REPEATING, NOTHING_TO_REBUILD, PLAN_WITH_BUDGETS, OVERWRITTEN_TAIL, OTHER_LINEAGE,
    LINEAGE_WITH_A_HIGH_SERIAL, OLD_COPY, THIRD_VERSION, DIED_OPENING, WRONG_ID,
    BILLED_TWICE, NARROWED_LOOK, SECRET_IN_AN_ERROR, LOST_IN_AN_OUTAGE,
    FOUND_WHILE_WATCHED, MISSED_BY_ANOTHER, GONE_WHILE_AWAITED,
)  # fmt: skip


def _found_since() -> list[Schedule]:
    found = json.loads(Path(__file__).with_name("found_schedules.json").read_text())
    return [
        Schedule(
            one["seed"],
            one["tick_seconds"],
            tuple(
                Step(tick, kind, tuple(sorted(arguments.items())), number)
                for tick, number, kind, arguments in one["steps"]
            ),
            Rented(*one["face"]) if one["face"] else None,
        )
        for one in found
    ]


@pytest.mark.parametrize("schedule", [*_FOUND, *_found_since()], ids=lambda one: f"seed-{one.seed}")
def test_what_was_found_once_stays_mended(schedule: Schedule) -> None:
    verdict = judged(schedule)
    assert verdict.broken is None, verdict.broken
    assert any("destroy_instance" in line for line in verdict.log)
