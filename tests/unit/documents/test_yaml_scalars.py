"""Plain scalars follow YAML 1.2 core, or are refused (bad inputs 2 to 6, 16, 17)."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.documents.yaml_scalars import RefusedScalar, resolve_plain

REPEATABLE = settings(derandomize=True, deadline=None, database=None)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None), ("~", None), ("null", None), ("Null", None),
        ("true", True), ("False", False), ("TRUE", True),
        ("0", 0), ("7", 7), ("-7", -7), ("+7", 7), ("9" * 18, int("9" * 18)),
    ],
)  # fmt: skip
def test_core_words_and_integers(text: str, value: object) -> None:
    found = resolve_plain(text)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize("text", ["0.60", "12.40", ".5", "5.", "-0.25", "0." + "1" * 17])
def test_decimals_are_exact_and_keep_their_digits(text: str) -> None:
    found = resolve_plain(text)
    assert isinstance(found, Decimal)
    assert str(found) == str(Decimal(text))


@pytest.mark.parametrize(
    "text",
    [
        "no", "NO", "yes", "on", "off", "y", "tRue", "nULL", "12:30", "1:30:00", "2026-02-30",
        "2026-10-25T02:30", "1_000", "1,000", "0b11", "4h", "24GB", "2..6", "8..", "-", "+", ".",
        "nan", "inf", "1e", "e3", "RTX4090", "H100:8", "=", "<<",
    ],
)  # fmt: skip
def test_everything_else_stays_text(text: str) -> None:
    assert resolve_plain(text) == text


@pytest.mark.parametrize(
    ("text", "reason", "fix"),
    [
        ("1e3", "exponent", "write 1000,"),
        ("1.5E-3", "exponent", "write 0.0015,"),
        ("1e400", "exponent", "write all digits"),
        ("1e99999999999", "exponent", "write all digits"),
        ("010", "octal-looking", "write 10,"),
        ("-007", "octal-looking", "write -7,"),
        ("00.5", "octal-looking", "write 0.5,"),
        ("00", "octal-looking", "write 0,"),
        ("010e2", "octal-looking", "write 10"),
        ("0x1F", "hexadecimal", "in decimal"),
        ("0o17", "octal", "in decimal"),
        (".nan", "not a finite number", "finite"),
        (".NaN", "not a finite number", "finite"),
        (".inf", "not a finite number", "finite"),
        ("-.Inf", "not a finite number", "finite"),
        ("1" * 19, "a number of 19 digits; at most 18", "quotes"),
        ("0." + "1" * 18, "a number of 19 digits; at most 18", "quotes"),
        ("7" * 5000, "a number of 5000 digits", "quotes"),
    ],
)
def test_ambiguous_numbers_are_refused_with_what_to_write(text: str, reason: str, fix: str) -> None:
    found = resolve_plain(text)
    assert isinstance(found, RefusedScalar)
    assert reason in found.reason
    assert fix in found.fix


@REPEATABLE
@given(st.text() | st.from_regex(r"[-+.0-9eExo_:]{0,30}", fullmatch=True))
def test_no_text_makes_the_resolver_raise_or_yield_a_number_that_is_not_finite(text: str) -> None:
    found = resolve_plain(text)
    if isinstance(found, Decimal):
        assert found.is_finite()
