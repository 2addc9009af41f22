from __future__ import annotations

from decimal import Decimal

import pytest

from reconciler.transport.json_text import NotJson, read_json


def test_numbers_with_a_point_stay_exact() -> None:
    assert read_json('{"a": 0.1, "b": 12345678901234567890, "c": 1e-7}') == {
        "a": Decimal("0.1"),
        "b": 12_345_678_901_234_567_890,
        "c": Decimal("1E-7"),
    }


def test_what_is_no_number_reaches_the_shapes_which_refuse_it() -> None:
    value = read_json('{"a": NaN, "b": Infinity, "c": -Infinity}')
    assert isinstance(value, dict)
    assert [one.is_finite() for one in value.values()] == [False] * 3


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "not JSON"),
        ("<html>", "not JSON"),
        ('{"a": 1', "not JSON"),
        ('{"a": 1} {"b": 2}', "not JSON"),
        ('{"a": 1, "a": 2}', "twice"),
        ('{"outer": {"a": 1, "a": 2}}', "twice"),
        ("[" * 100_000, "deeply"),
        ("[" * 65 + "]" * 65, "deeply"),
        ('{"a":' * 65 + "1" + "}" * 65, "deeply"),
        ("9" * 5000, "not JSON"),
        ("\ufeff{}", "not JSON"),
    ],
    ids=lambda text: text[:20],
)
def test_C7_what_cannot_be_trusted_is_refused_without_repeating_it(text: str, why: str) -> None:
    with pytest.raises(NotJson, match=why) as caught:
        read_json(text)
    assert len(str(caught.value)) < 60


def test_sixty_four_levels_are_read() -> None:
    assert read_json("[" * 64 + "]" * 64)
