from __future__ import annotations

import pytest

from reconciler.transport.retrying import (
    NEVER_AGAIN,
    Patience,
    asked_pause,
    pause_before_retry,
)
from tests.markets import START

PATIENT = Patience(tries=4, base_seconds=1.0, least_seconds=0.0, longest_seconds=60.0)


def test_pauses_are_drawn_below_a_roof_that_doubles() -> None:
    assert [pause_before_retry(PATIENT, tried, 1.0, None) for tried in (1, 2, 3)] == [2.0, 4.0, 8.0]
    assert [pause_before_retry(PATIENT, tried, 0.0, None) for tried in (1, 2, 3)] == [0.0] * 3
    assert pause_before_retry(PATIENT, 3, 0.5, None) == 4.0


def test_tries_end() -> None:
    assert pause_before_retry(PATIENT, 4, 0.5, None) is None


@pytest.mark.parametrize("asked", [None, 0.0, 5.0])
def test_I26_a_call_of_one_try_is_never_made_again(asked: float | None) -> None:
    assert pause_before_retry(NEVER_AGAIN, 1, 0.0, asked) is None


def test_what_the_provider_asks_for_is_waited_for_up_to_the_cap() -> None:
    assert pause_before_retry(PATIENT, 1, 0.0, 30.0) == 30.0
    assert pause_before_retry(PATIENT, 1, 0.0, 60.0) == 60.0
    assert pause_before_retry(PATIENT, 1, 0.0, 61.0) is None


def test_no_pause_is_shorter_than_the_endpoint_allows() -> None:
    slow = Patience(tries=4, least_seconds=6.5)
    assert pause_before_retry(slow, 1, 0.0, None) == 6.5
    assert pause_before_retry(slow, 1, 0.0, 2.0) == 6.5


def test_the_longest_pause_holds_however_often_it_was_tried() -> None:
    stubborn = Patience(tries=1000, longest_seconds=60.0)
    assert pause_before_retry(stubborn, 900, 1.0, None) == 60.0


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7.0),
        (" 7 ", 7.0),
        ("0", 0.0),
        ("999999999", 999_999_999.0),
        ("Wed, 01 Jul 2026 12:00:30 GMT", 30.0),
        ("Wed, 01 Jul 2026 11:00:00 GMT", 0.0),
        ("Wed, 01 Jul 2026 12:00:30", 30.0),
        (None, None),
        ("", None),
        ("-5", None),
        ("1.5", None),
        ("9" * 400, None),
        ("soon", None),
        ("٣", None),
        ("Wed, 99 Jul 2026 12:00:30 GMT", None),
    ],
)
def test_C8_5_retry_after_in_seconds_or_as_a_date(
    header: str | None, seconds: float | None
) -> None:
    assert asked_pause(header, START) == seconds
