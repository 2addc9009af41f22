"""Cells that come from outside: a spreadsheet shows them, and computes nothing."""

from __future__ import annotations

import pytest

from reconciler.reporting.csv_text import csv_lines


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\t", "\r"])
def test_C13_5_no_text_from_outside_is_taken_for_a_formula(sign: str) -> None:
    (line,) = csv_lines([(f"{sign}cmd|' /C calc'!A0", 5)])
    assert not line.lstrip('"').startswith(tuple("=+-@\t\r"))
    assert line.endswith(",5")


def test_C13_2_C13_5_one_row_stays_one_line_of_as_many_cells() -> None:
    (line,) = csv_lines([('a"b', "c,d", "e\r\n=f", "\u202eg")])
    assert line == '"a""b","c,d",e\\x0d\\x0a=f,\\u202eg'
