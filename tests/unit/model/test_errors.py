"""Errors carry words from outside, which end in terminals, logs and the state."""

from __future__ import annotations

import pytest

from reconciler.model.errors import CreateOutcomeUnknown, ProviderError, RateLimited
from tests.simulation.simulator.provider_trouble import LONG, WORDS


@pytest.mark.parametrize("said", [*WORDS.values(), LONG], ids=[*WORDS, "C13.9"])
def test_I22_the_words_of_a_provider_are_printable_and_short_whatever_an_adapter_made_of_them(
    said: str,
) -> None:
    for error in (
        ProviderError("lab", said, why=said),
        RateLimited("lab", said, delay_seconds=1.0),
        CreateOutcomeUnknown("lab", said, instance_id="7"),
    ):
        text = "".join(error.lines())
        assert text.isprintable()
        assert len(text) < 1000
        assert str(error) == error.what


def test_what_is_printable_and_short_stays_as_it_is() -> None:
    assert ProviderError("lab", "no such machine: 7").what == "lab: no such machine: 7"
    assert ProviderError("lab", "x", why="été 東京").why == "été 東京"
