"""Bad inputs 31 to 60 of RELIABILITY.md that need no more than a workspace with one machine: what
is spoiled, which command meets it, how it ends and what it says.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

from reconciler.model.value import dataclass
from reconciler.statefile.format import VERSION

STATE = Path("state/demo.json")
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


def _no_documents(directory: Path) -> None:
    (directory / "fleets.yaml").write_text("# nothing\n")


def _of_state(
    number: int, what: str, says: tuple[str, ...], spoil: Callable[[Path], None]
) -> list[Spoiled]:
    return [Spoiled(number, what, 13, says, verb, spoil) for verb in _EVERY_VERB]


SPOILED: tuple[Spoiled, ...] = (
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
    *_of_state(57, "cut in half", ("demo.json", "state restore"), _cut),
    *_of_state(57, "no bytes", ("demo.json", "state restore"), _empty),
    *_of_state(57, "zeroes", ("demo.json", "state restore"), _zeroes),
    *_of_state(57, "garbage", ("demo.json", "state restore"), _garbage),
    *_of_state(57, "one bit", ("demo.json", "state restore"), _one_bit),
    *_of_state(58, "newer", ("version 99", f"knows {VERSION}"), _newer),
    *_of_state(59, "a link", ("symbolic link",), _link),
    *_of_state(59, "writable by others", ("others may write it", "0622"), _writable),
)

PROVED_BY: dict[int, tuple[str, str]] = {
    33: (
        "tests/end_to_end/test_saved_plans.py",
        "test_bad_input_33_a_moved_state_is_told_with_both_serials",
    ),
    36: (
        "tests/unit/providers/test_credentials.py",
        "test_bad_input_36_a_variable_that_holds_no_key_is_named_and_ends_the_search",
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
    45: (
        "tests/unit/transport/test_json_api.py",
        "test_bad_input_45_what_is_no_json_is_kept_as_80_escaped_characters",
    ),
    46: (
        "tests/unit/providers/vastai/test_provider.py",
        "test_M1_M2_a_listing_that_may_miss_something_is_partial",
    ),
    47: (
        "tests/unit/providers/vastai/test_provider.py",
        "test_C2_16_a_machine_is_denied_only_by_their_own_words",
    ),
    48: (
        "tests/simulation/test_mass_loss.py",
        "test_bad_input_48_an_empty_listing_while_the_state_has_eight",
    ),
    49: (
        "tests/unit/providers/vastai/test_offers.py",
        "test_bad_input_49_a_row_that_cannot_be_used_is_counted_with_its_reason",
    ),
    50: (
        "tests/unit/providers/vastai/test_instances.py",
        "test_I13_I32_every_status_has_a_meaning_and_none_means_gone",
    ),
    51: (
        "tests/unit/providers/vastai/test_provider.py",
        "test_bad_input_51_nothing_is_sent_with_an_id_that_is_no_number",
    ),
    52: (
        "tests/cli/test_hostile_strings.py",
        "test_I22_a_hostile_label_region_and_host_stay_inert",
    ),
    53: (
        "tests/unit/statefile/test_format.py",
        "test_bad_input_53_a_lone_surrogate_from_a_provider_survives_and_the_state_stays_valid",
    ),
    54: (
        "tests/unit/transport/test_json_api.py",
        "test_C6_10_a_redirect_is_refused_and_both_hosts_are_named",
    ),
    55: (
        "tests/bad_inputs/test_bad_inputs.py",
        "test_bad_input_55_a_storm_of_refused_reads_holds_no_destroy_back",
    ),
    56: (
        "tests/unit/providers/vastai/test_provider.py",
        "test_bad_input_56_pages_end_at_a_hundred",
    ),
    60: (
        "tests/unit/statefile/test_lock.py",
        "test_bad_input_60_without_proof_of_death_a_person_decides",
    ),
}
"""Those that need a socket, a second process or other surroundings: the file and the first of its
tests.
"""
