"""The ownership mark: what is sent is what is read back, and nothing else is ours."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.model.address import FLEET_NAME_PATTERN
from reconciler.model.mark import (
    LONGEST_MARK,
    NONCE_ALPHABET,
    Mark,
    parse_mark,
    same_workspace_name,
    workspace_part,
)

MARKS = st.builds(
    Mark,
    workspace_part=st.builds(workspace_part, st.text(), st.text()),
    fleet=st.from_regex(FLEET_NAME_PATTERN, fullmatch=True),
    index=st.integers(0, 99_999),
    end=st.integers(0, 64_060_588_800).map(lambda second: datetime.fromtimestamp(second, UTC)),
    nonce=st.text(NONCE_ALPHABET, min_size=8, max_size=8),
)
MARK = Mark(workspace_part("demo", "l"), "train", 0, datetime(2026, 7, 1, tzinfo=UTC), "abcd1234")


@given(MARKS)
def test_a_mark_is_read_back_as_it_was_sent(mark: Mark) -> None:
    assert len(str(mark)) <= LONGEST_MARK
    assert parse_mark(str(mark)) == mark


def test_the_longest_mark_fits_the_shortest_limit_found() -> None:
    longest = Mark("a" * 10, "a" * 22, 99_999, datetime(3000, 1, 1, tzinfo=UTC), "z" * 8)
    assert len(str(longest)) == LONGEST_MARK == 60


@pytest.mark.parametrize("fleet", ["a", "a-0", "a-0-1", "gs1-a", "x-0-0thi740-00000000"[:22]])
def test_a_fleet_whose_name_looks_like_a_mark_is_read_from_the_right(fleet: str) -> None:
    mark = Mark(MARK.workspace_part, fleet, 12, MARK.end, "00000000")
    assert parse_mark(str(mark)) == mark


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        str(MARK)[:-1],
        str(MARK) + "0",
        str(MARK).upper(),
        str(MARK).replace("gs1", "gs2"),
        str(MARK).replace("-0-", "-00-"),
        str(MARK).replace("train", "-train"),
        str(MARK).replace("train", "t" * 23),
        f"{MARK}\n",
        f" {MARK}",
        str(MARK).replace("abcd1234", "abcd123\N{FULLWIDTH DIGIT FOUR}"),
        str(MARK).replace("train", "tr\N{CYRILLIC SMALL LETTER A}in"),
        f"\N{RIGHT-TO-LEFT OVERRIDE}{MARK}",
        "gs1-" + "-" * 56,
        "x" * 10_000_000,
    ],
)
def test_C2_11_a_text_that_is_not_exactly_a_mark_is_none(text: str | None) -> None:
    assert parse_mark(text) is None


def test_identity_survives_a_changed_end_and_fleet_and_nothing_else() -> None:
    later = Mark(MARK.workspace_part, "other", 3, MARK.end + timedelta(days=1), MARK.nonce)
    assert later.identity == MARK.identity
    assert Mark(MARK.workspace_part, "train", 0, MARK.end, "abcd1235").identity != MARK.identity
    lineage = Mark(workspace_part("demo", "m"), "train", 0, MARK.end, MARK.nonce)
    assert lineage.identity != MARK.identity
    assert same_workspace_name(lineage, "demo")
    assert not same_workspace_name(lineage, "demo2")
