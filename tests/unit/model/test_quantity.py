"""Durations, sizes and ranges as people write them."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.model.quantity import (
    GIB,
    LONGEST_DURATION,
    Range,
    about,
    format_duration,
    format_size,
    parse_duration,
    parse_range,
    parse_size,
)


@given(st.integers(1, int(LONGEST_DURATION.total_seconds())))
def test_a_duration_is_read_back_as_it_was_written(seconds: int) -> None:
    duration = timedelta(seconds=seconds)
    assert parse_duration(format_duration(duration)) == duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90m", 5400), ("1d12h", 129_600), ("2w", 1_209_600), (" 4h ", 14_400), ("1.5h", 5400)],
)
def test_durations_have_units(text: str, seconds: int) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("12:30", 'write "12h30m"'),
        ("60", "needs a unit"),
        ("1.5", "needs a unit"),
        ("0s", "longer than 0"),
        ("0h", "longer than 0"),
        ("-1h", "not a duration"),
        ("1y", "not a duration"),
        ("1M", "not a duration"),
        ("367d", "at most 366d"),
        ("9" * 30 + "h", "out of range|366d"),
        ("1h 30m", "not a duration"),
        ("", "not a duration"),
    ],
)
def test_bad_inputs_2_and_8_are_refused_with_what_to_write(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        parse_duration(text)


@pytest.mark.parametrize(
    ("seconds", "text", "short"),
    [
        (0, "0s", "0s"),
        (90, "1m30s", "1m30s"),
        (-90, "-1m30s", "1m30s"),
        (90_061, "1d1h1m1s", "1d1h"),
    ],
)
def test_durations_are_written_exactly_or_about(seconds: int, text: str, short: str) -> None:
    assert format_duration(timedelta(seconds=seconds)) == text
    assert about(timedelta(seconds=seconds)) == short


@pytest.mark.parametrize(
    ("text", "size"),
    [("24GB", 24 * GIB), ("24 GiB", 24 * GIB), ("1.5TB", 1536 * GIB), ("512mb", GIB // 2)],
)
def test_sizes_are_binary(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["24", "GB", "-1GB", "1e3GB", "24XB", "1" * 40 + "GB", ""])
def test_a_size_without_number_or_unit_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="a size needs"):
        parse_size(text)


def test_sizes_are_shown_with_two_decimals_at_most() -> None:
    assert [format_size(24 * GIB), format_size(24_576_000_000)] == ["24GB", "22.89GB"]


@pytest.mark.parametrize(
    ("text", "minimum", "maximum"),
    [("8..", 8, None), ("..16", None, 16), ("2..6", 2, 6), ("16", 16, 16), ("16+", 16, None)],
)
def test_ranges_are_closed_or_open_on_one_side(
    text: str, minimum: int | None, maximum: int | None
) -> None:
    span = parse_range(text)
    assert (span.minimum, span.maximum) == (minimum, maximum)
    for edge in (minimum, maximum):
        assert edge is None or span.contains(edge)
    assert minimum is None or not span.contains(Decimal(minimum) - Decimal("0.1"))
    assert maximum is None or not span.contains(Decimal(maximum) + Decimal("0.1"))


@pytest.mark.parametrize("text", ["..", "", "6..2", "a..b", "1...2", "9" * 30, "-1.."])
def test_a_range_that_means_nothing_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="range"):
        parse_range(text)


def test_a_range_of_sizes_is_in_bytes() -> None:
    span = parse_range("64GB..128GB", sizes=True)
    assert span == Range(Decimal(64 * GIB), Decimal(128 * GIB))


@pytest.mark.parametrize("text", ["0.5s", "1.0001h"])
def test_I17_a_duration_is_of_whole_seconds(text: str) -> None:
    """The state keeps whole seconds: a finer lease would look changed on every apply."""
    with pytest.raises(ValueError, match="whole seconds"):
        parse_duration(text)


def test_digits_of_another_script_are_refused() -> None:
    with pytest.raises(ValueError, match="not a duration"):
        parse_duration("\N{ARABIC-INDIC DIGIT ONE}h")
