"""Text from outside never reaches a terminal raw (bad inputs 26, 45, 52, 53)."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.model.problem import Problem
from reconciler.model.text import printable

REPEATABLE = settings(derandomize=True, deadline=None, database=None)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain words", "plain words"),
        ("Größe 中文 é", "Größe 中文 é"),
        ("red\x1b[31m", r"red\x1b[31m"),
        ("two\nlines\tand\r", r"two\x0alines\x09and\x0d"),
        ("nul\0del\x7f", r"nul\x00del\x7f"),
        ("c1\x9b31m", r"c1\x9b31m"),
        ("line\u2028para\u2029", r"line\u2028para\u2029"),
        ("bidi\u202eexe\u2066", r"bidi\u202eexe\u2066"),
        ("zero\u200bwidth\ufeff", r"zero\u200bwidth\ufeff"),
        ("lone\ud800", r"lone\ud800"),
        ("tag\U000e0041", r"tag\U000e0041"),
        ("", ""),
    ],
)
def test_characters_that_do_not_print_are_shown_as_escapes(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_text_at_the_limit_is_kept_and_one_more_character_is_cut() -> None:
    assert printable("a" * 80) == "a" * 80
    assert printable("a" * 81) == "a" * 77 + "..."


def test_an_escape_is_never_cut_in_two() -> None:
    assert printable("abc\x1b\x1b", limit=10) == "abc\\x1b..."
    assert printable("abcd\x1b\x1b", limit=10) == "abcd..."


@REPEATABLE
@given(st.text(st.characters(codec=None)), st.integers(0, 100))
def test_whatever_comes_in_the_result_is_short_printable_encodable_and_stable(
    text: str, limit: int
) -> None:
    shown = printable(text, limit)
    assert len(shown) <= limit
    assert shown.isprintable()
    shown.encode("utf-8")
    assert printable(shown, limit) == shown


def test_a_problem_names_its_place_its_message_and_its_fix() -> None:
    problem = Problem("fleets.yaml", 3, 5, "found this", "write that")
    assert str(problem) == "fleets.yaml:3:5: found this (write that)"


def test_a_problem_without_a_place_or_a_fix_leaves_them_out() -> None:
    assert str(Problem("fleets.yaml", 0, 0, "too large")) == "fleets.yaml: too large"


def test_a_file_name_with_an_escape_sequence_is_shown_escaped() -> None:
    assert str(Problem("a\x1b[2J.yaml", 0, 0, "m")) == r"a\x1b[2J.yaml: m"
