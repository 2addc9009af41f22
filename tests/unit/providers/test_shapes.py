"""Fields of JSON answers."""

from __future__ import annotations

from decimal import Decimal

import pytest
from pydantic import BaseModel

from reconciler.providers.shapes import Number


class _Row(BaseModel):
    reliability: Number = None


@pytest.mark.parametrize("text", ["1E+999999999", "-1E+999999999", "1E+1000001", "NaN", "Infinity"])
def test_I23_a_number_that_is_none_is_left_out(text: str) -> None:
    """Found by fuzzing: an exponent that no arithmetic can hold ended in a traceback."""
    assert _Row.model_validate({"reliability": Decimal(text)}).reliability is None


def test_a_number_is_kept_as_it_is() -> None:
    assert _Row.model_validate({"reliability": Decimal("0.997")}).reliability == Decimal("0.997")
