"""Rows of CSV that a spreadsheet shows as they are: no cell of ours is taken for a formula."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_STARTS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_LONGEST_CELL = 1000


def csv_lines(rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """One line a row, without its line end. Text from outside comes out escaped (I22)."""
    for row in rows:
        yield ",".join(_cell(value) for value in row)


def _cell(value: object) -> str:
    if not isinstance(value, str):
        return str(value)
    text = printable(value, _LONGEST_CELL)
    if text.startswith(_STARTS_A_FORMULA):
        text = "'" + text
    if any(letter in text for letter in ',"\n'):
        return '"' + text.replace('"', '""') + '"'
    return text
