"""Bad inputs 31 to 60 of RELIABILITY.md that need no more than a workspace with one machine: what
is spoiled, which command meets it, how it ends and what it says.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

from reconciler.model.value import dataclass
from reconciler.statefile.backend import LockInfo
from reconciler.statefile.format import VERSION
from reconciler.statefile.lock_info import encode_info
from tests.markets import START

STATE = Path("state/demo.json")
INFO = Path("state/demo.json.lock.info")
_HOLDER = LockInfo(
    "0123", "apply", "ops@elsewhere", "1", START, str(STATE), "elsewhere", 4242, "boot", "7"
)
_EVERY_VERB = (
    ("plan",),
    ("apply", "-auto-approve"),
    ("reconcile", "--once"),
    ("destroy", "-auto-approve"),
)


@dataclass(frozen=True, slots=True)
class Spoiled:
    """``spoil`` is given the workspace's directory; ``says`` are parts of what is printed."""

    number: int
    what: str
    code: int
    says: tuple[str, ...]
    arguments: tuple[str, ...]
    spoil: Callable[[Path], None] = lambda _: None

    def __str__(self) -> str:
        return f"{self.number} {self.what}: {' '.join(self.arguments)}"


def _cut(directory: Path) -> None:
    data = (directory / STATE).read_bytes()
    (directory / STATE).write_bytes(data[: len(data) // 2])


def _empty(directory: Path) -> None:
    (directory / STATE).write_bytes(b"")


def _zeroes(directory: Path) -> None:
    (directory / STATE).write_bytes(bytes(4096))


def _garbage(directory: Path) -> None:
    (directory / STATE).write_bytes(b"\x1b[2J not a state at all\n")


def _one_bit(directory: Path) -> None:
    data = bytearray((directory / STATE).read_bytes())
    data[len(data) // 3] ^= 4
    (directory / STATE).write_bytes(bytes(data))


def _newer(directory: Path) -> None:
    path = directory / STATE
    path.write_text(json.dumps({**json.loads(path.read_bytes()), "version": 99}))


def _link(directory: Path) -> None:
    path = directory / STATE
    path.rename(directory / "elsewhere.json")
    path.symlink_to(directory / "elsewhere.json")


def _writable(directory: Path) -> None:
    (directory / STATE).chmod(0o622)


def _fifo(directory: Path) -> None:
    (directory / "fleets.yaml").unlink()
    os.mkfifo(directory / "fleets.yaml")


def _plan_is_fifo(directory: Path) -> None:
    os.mkfifo(directory / "a.plan")


def _plan_is_text(directory: Path) -> None:
    (directory / "a.plan").write_text("{}\n")


def _documents_of_50_mb(directory: Path) -> None:
    os.truncate(directory / "fleets.yaml", 50 * 2**20)


def _no_documents(directory: Path) -> None:
    (directory / "fleets.yaml").write_text("# nothing\n")


def _held_elsewhere(directory: Path) -> None:
    _lock(directory, encode_info(_HOLDER))


def _held_by_nobody_knows_whom(directory: Path) -> None:
    _lock(directory, b"")


def _lock(directory: Path, data: bytes) -> None:
    path = directory / INFO
    path.write_bytes(data)
    path.chmod(0o600)


def _of_lock(what: str, says: tuple[str, ...], spoil: Callable[[Path], None]) -> list[Spoiled]:
    changing = [verb for verb in _EVERY_VERB if verb != ("plan",)]
    return [Spoiled(60, what, 4, ("state unlock", *says), verb, spoil) for verb in changing]


def _of_state(
    number: int, what: str, says: tuple[str, ...], spoil: Callable[[Path], None]
) -> list[Spoiled]:
    return [Spoiled(number, what, 13, says, verb, spoil) for verb in _EVERY_VERB]


SPOILED: tuple[Spoiled, ...] = (
    Spoiled(14, "documents of 50 MB", 12, ("at most 1 MiB",), ("plan",), _documents_of_50_mb),
    Spoiled(
        14,
        "documents of 50 MB",
        12,
        ("at most 1 MiB",),
        ("apply", "-auto-approve"),
        _documents_of_50_mb,
    ),
    Spoiled(
        20,
        "all documents are empty",
        5,
        ("demo.json records machines",),
        ("apply", "-auto-approve"),
        _no_documents,
    ),
    Spoiled(31, "unknown command", 64, ("aply", "apply"), ("aply",)),
    Spoiled(31, "unknown flag", 64, ("--nodez",), ("plan", "--nodez")),
    Spoiled(32, "nobody to ask", 64, ("-auto-approve",), ("destroy",)),
    Spoiled(34, "a plan that is none", 10, ("a.plan",), ("apply", "a.plan"), _plan_is_text),
    Spoiled(35, "negative", 64, ("-lock-timeout",), ("apply", "-lock-timeout=-1")),
    Spoiled(35, "no duration", 64, ("-lock-timeout",), ("apply", "-lock-timeout=abc")),
    Spoiled(42, "documents are a pipe", 12, ("named pipe",), ("plan",), _fifo),
    Spoiled(42, "a plan is a pipe", 64, ("named pipe",), ("apply", "a.plan"), _plan_is_fifo),
    Spoiled(44, "no such lock", 0, (), ("state", "unlock", "0123456789abcdef")),
    *_of_lock("of another host", ("elsewhere", "4242"), _held_elsewhere),
    *_of_lock("an empty one", (), _held_by_nobody_knows_whom),
    *_of_state(57, "cut in half", ("demo.json", "state restore"), _cut),
    *_of_state(57, "no bytes", ("demo.json", "state restore"), _empty),
    *_of_state(57, "zeroes", ("demo.json", "state restore"), _zeroes),
    *_of_state(57, "garbage", ("demo.json", "state restore"), _garbage),
    *_of_state(57, "one bit", ("demo.json", "state restore"), _one_bit),
    *_of_state(58, "newer", ("version 99", f"knows {VERSION}"), _newer),
    *_of_state(59, "a link", ("symbolic link",), _link),
    *_of_state(59, "writable by others", ("others may write it", "0622"), _writable),
)

_ANSWERED = (
    "tests/bad_inputs/test_bad_answers.py",
    "test_bad_answers_are_told_and_nothing_is_bought_destroyed_or_forgotten",
)
PROVED_BY: dict[int, tuple[str, str]] = {
    33: (
        "tests/end_to_end/test_saved_plans.py",
        "test_bad_input_33_a_moved_state_is_told_with_both_serials",
    ),
    36: (
        "tests/end_to_end/test_vastai.py",
        "test_bad_input_37_without_a_good_key_it_is_77_and_nothing_is_touched",
    ),
    37: (
        "tests/end_to_end/test_vastai.py",
        "test_bad_input_37_without_a_good_key_it_is_77_and_nothing_is_touched",
    ),
    38: (
        "tests/end_to_end/test_surroundings.py",
        "test_bad_input_38_no_home_directory_is_needed",
    ),
    39: (
        "tests/end_to_end/test_interrupted.py",
        "test_bad_input_39_a_closed_output_stops_no_apply",
    ),
    40: (
        "tests/end_to_end/test_surroundings.py",
        "test_bad_input_40_surroundings_do_not_change_what_is_planned",
    ),
    41: (
        "tests/end_to_end/test_surroundings.py",
        "test_bad_input_41_a_proxy_in_the_surroundings_is_not_used",
    ),
    43: (
        "tests/end_to_end/test_interrupted.py",
        "test_bad_input_43_of_two_applies_one_wins_and_one_is_told_who",
    ),
    44: (
        "tests/end_to_end/test_surroundings.py",
        "test_bad_input_44_a_lock_is_not_taken_from_the_living_nor_by_a_wrong_id",
    ),
    45: _ANSWERED,
    46: _ANSWERED,
    47: _ANSWERED,
    48: _ANSWERED,
    49: (
        "tests/unit/providers/vastai/test_offers.py",
        "test_bad_input_49_a_row_that_cannot_be_used_is_counted_with_its_reason",
    ),
    50: _ANSWERED,
    51: _ANSWERED,
    52: _ANSWERED,
    53: _ANSWERED,
    54: _ANSWERED,
    55: (
        "tests/bad_inputs/test_bad_inputs.py",
        "test_bad_input_55_a_storm_of_refused_reads_holds_no_destroy_back",
    ),
    56: _ANSWERED,
    60: (
        "tests/unit/statefile/test_lock.py",
        "test_bad_input_60_without_proof_of_death_a_person_decides",
    ),
}
"""Those that need a socket, a second process or other surroundings: the file and the first of its
tests.
"""
