"""Whatever happens to a trail, the line that it happened to is named."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.model.audit import Actor, Effect, TrailVerdict
from reconciler.model.pins import TrailAnchor
from reconciler.statefile.audit_batch import Batch
from reconciler.statefile.audit_chain import START, Head
from reconciler.statefile.audit_verification import verified
from tests.unit.statefile.states import NOW, state

ACTOR = Actor("apply", "alice@laptop", 7, None, "1.0")


def trail(entries: int, after: Head = START, **opening: Any) -> tuple[list[bytes], Head]:
    """A checkpoint and some entries, as lines with their ends, and the head of it all."""
    batch = Batch(state(serial=3), ACTOR, NOW)
    batch.head = after
    batch.checkpoint(**opening)
    for number in range(1, entries):
        batch.tell(Effect("create", "intent", f"fleet.dev[{number}]", f"mark-{number}"))
    return batch.data.splitlines(keepends=True), batch.head


LINES, HEAD = trail(8, kept_from=1)


def verdict(lines: Sequence[bytes], head: Head | None = HEAD) -> TrailVerdict:
    anchor = TrailAnchor(entries=head.n, digest=head.digest) if head else None
    return verified([("trail", b"".join(lines))], anchor)


def places(found: TrailVerdict) -> list[str]:
    return [one.where for one in found.findings if one.kind == "damage"]


def test_an_untouched_trail_is_whole() -> None:
    found = verdict(LINES)
    assert found.findings == ()
    assert (found.files, found.entries, found.first, found.last) == (1, 8, 1, 8)


@pytest.mark.parametrize("number", range(8))
def test_one_flipped_bit_anywhere_in_a_line_names_that_line_alone(number: int) -> None:
    line = LINES[number]
    for position in range(len(line) - 1):
        for bit in (0x01, 0x10):
            changed = bytearray(line)
            changed[position] ^= bit
            if changed[position] == 0x0A:
                continue
            lines = [*LINES[:number], bytes(changed), *LINES[number + 1 :]]
            found = verdict(lines)
            assert places(found) == [f"trail:{number + 1}"], (position, found.findings)


@given(st.integers(0, 7), st.integers(0, 10_000), st.integers(0, 255))
def test_any_other_byte_anywhere_is_noticed_at_its_line_or_the_next(
    number: int, position: int, byte: int
) -> None:
    changed = bytearray(LINES[number])
    position %= len(changed)
    if changed[position] == byte:
        return
    changed[position] = byte
    found = verdict([*LINES[:number], bytes(changed), *LINES[number + 1 :]])
    assert found.findings
    assert found.findings[0].where in (f"trail:{number + 1}", f"trail:{number + 2}")
    torn = number == 7 and position == len(changed) - 1
    assert found.damaged or torn


@pytest.mark.parametrize("number", range(1, 7))
def test_a_removed_line_is_missed_where_it_stood(number: int) -> None:
    found = verdict([*LINES[:number], *LINES[number + 1 :]])
    assert places(found) == [f"trail:{number + 1}"]
    assert f"entry {number + 1} is missing" in found.findings[0].what


def test_the_first_line_and_the_last_are_missed_too() -> None:
    assert places(verdict(LINES[1:])) == ["trail:1"]
    assert places(verdict(LINES[:-1])) == ["trail:8"]
    assert places(verdict([])) == ["trail:1"]


def test_without_a_state_a_missing_end_cannot_be_told() -> None:
    assert verdict(LINES[:-1], None).findings == ()


@pytest.mark.parametrize("number", range(1, 6))
def test_two_lines_that_changed_places_are_named(number: int) -> None:
    swapped = [*LINES[:number], LINES[number + 1], LINES[number], *LINES[number + 2 :]]
    assert places(verdict(swapped)) == [f"trail:{number + 1}", f"trail:{number + 2}"]


def test_a_line_that_stands_there_twice_is_named() -> None:
    assert places(verdict([*LINES[:4], LINES[3], *LINES[4:]])) == ["trail:5"]


def test_a_line_of_another_trail_is_named() -> None:
    other, _ = trail(8, START, kept_from=1)
    strange = other[4].replace(b"mark-4", b"mark-9")
    assert places(verdict([*LINES[:4], strange, *LINES[5:]])) == ["trail:5"]


def test_a_trail_that_was_written_anew_is_not_the_one_that_the_state_knows() -> None:
    batch = Batch(state(serial=3), ACTOR, NOW)
    batch.checkpoint(1)
    for number in range(1, 8):
        batch.tell(Effect("create", "intent", f"fleet.forged[{number}]"))
    found = verdict(batch.data.splitlines(keepends=True))
    assert places(found) == ["trail:8"]
    assert "saved with" in found.findings[0].what


def test_a_last_line_that_is_cut_is_a_gap_and_the_state_says_whether_it_mattered() -> None:
    cut = [*LINES[:-1], LINES[-1][:50]]
    assert verdict(cut, None).damaged is False
    assert [one.kind for one in verdict(cut, None).findings] == ["gap"]
    before_it = TrailAnchor(entries=7, digest="")
    assert verified([("t", b"".join(cut))], before_it).damaged is True, "another digest"
    assert verdict(cut).damaged


@given(st.lists(st.binary(max_size=400), max_size=6))
def test_no_bytes_at_all_make_it_fail(junk: list[bytes]) -> None:
    data = b"\n".join([*LINES[:2], *junk])
    assert verified([("trail", data)], None).files == 1


def test_files_hang_on_each_other() -> None:
    second, head = trail(4, HEAD, kept_from=1)
    files = [("old", b"".join(LINES)), ("new", b"".join(second))]
    anchor = TrailAnchor(entries=head.n, digest=head.digest)
    assert verified(files, anchor).findings == ()
    assert places(verified(files[1:], anchor)) == ["new:1"]
    third, _ = trail(4, HEAD, kept_from=9)
    assert verified([("new", b"".join(third))], None).findings == ()
