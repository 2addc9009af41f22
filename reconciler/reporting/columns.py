"""Text that fits a plain terminal: cells, aligned tables and wrapped lines.

Everything that is laid out here comes out safe to print (I22): one line stays one line, and no
control, escape or bidirectional character passes.
"""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

from reconciler.model.text import printable
from reconciler.model.value import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

WIDTH = 80
_LONGEST_CELL = 60
_LONGEST_ID = 200
_BELOW = 4
_LONGEST_TEXT = 600
_CUT_MARK = "..."


@dataclass(frozen=True, slots=True)
class Column:
    """``shrink_to``: the least width to which its cells may be cut, 0 for never. ``optional``:
    left out of a table that is still too wide, the largest number first; 0 for never. ``whole``: a
    cell that does not fit is not cut, it stands below its row: an id that is cut is no use.
    """

    title: str
    right: bool = False
    shrink_to: int = 0
    optional: int = 0
    whole: bool = False


def cell(text: str, limit: int = _LONGEST_CELL) -> str:
    """``text`` from outside, safe to print and at most ``limit`` characters."""
    if len(text) <= limit and text.isprintable():
        return text
    return printable(text, limit)


def display_width(text: str) -> int:
    """Columns that ``text`` takes on a terminal; East Asian wide letters take two."""
    if text.isascii():
        return len(text)
    return sum(_letter_width(letter) for letter in text)


def _letter_width(letter: str) -> int:
    if unicodedata.combining(letter):
        return 0
    return 2 if unicodedata.east_asian_width(letter) in "WF" else 1


def cut(text: str, width: int) -> str:
    """``text`` within ``width`` columns; what is cut ends in ``...``."""
    if display_width(text) <= width:
        return text
    mark = _CUT_MARK[:width]
    kept, used = [], len(mark)
    for letter in text:
        used += _letter_width(letter)
        if used > width:
            break
        kept.append(letter)
    return "".join(kept) + mark


def wrap(text: str, *, indent: int = 0, hang: int = 0, width: int = WIDTH) -> list[str]:
    """Lines of at most ``width`` columns, broken at spaces; later ones are ``hang`` deeper.

    Runs of spaces inside a line stay. A word longer than a line is cut.
    """
    lines: list[str] = []
    line, lead = "", " " * indent
    for gap, word in _words(cell(text, _LONGEST_TEXT)):
        if line and display_width(lead + line + gap + word) > width:
            lines.append(lead + line)
            line, lead, gap = "", " " * (indent + hang), ""
        line += cut((gap if line else "") + word, width - len(lead))
    lines.append(lead + line)
    return lines


def _words(text: str) -> Iterator[tuple[str, str]]:
    gap = ""
    for word in text.split(" "):
        if word:
            yield gap, word
            gap = " "
        else:
            gap += " "


def table(
    columns: Sequence[Column],
    rows: Sequence[Sequence[str]],
    *,
    indent: int = 0,
    gap: int = 2,
    width: int = WIDTH,
) -> list[str]:
    """A heading and one line a row, each within ``width`` columns, without trailing spaces; more
    lines below it where a ``whole`` cell does not fit.

    A column whose cells are all empty is left out; without rows there is no table. A table that
    is too wide gets narrow gaps first.
    """
    if not rows:
        return []
    limits = [_LONGEST_ID if column.whole else _LONGEST_CELL for column in columns]
    safe = [[cell(text, limit) for text, limit in zip(row, limits, strict=True)] for row in rows]
    sizes = [max(display_width(row[at]) for row in safe) for at in range(len(columns))]
    shown = [at for at, size in enumerate(sizes) if size]
    for at in shown:
        sizes[at] = max(sizes[at], len(columns[at].title))
    if sum(sizes[at] for at in shown) + gap * (len(shown) - 1) > width - indent:
        gap = 1
    shown = _shrink(columns, sizes, shown, width - indent, gap)
    lines = []
    for row in ([column.title for column in columns], *safe):
        below = [at for at in shown if columns[at].whole and display_width(row[at]) > sizes[at]]
        fitting = ["" if at in below else text for at, text in enumerate(row)]
        lines.append(_row(columns, sizes, shown, fitting, indent, gap, width))
        lead = " " * (indent + _BELOW)
        lines += [lead + part for at in below for part in _folded(row[at], width - len(lead))]
    return lines


def _folded(text: str, width: int) -> Iterator[str]:
    """All of ``text``, in lines of at most ``width`` columns."""
    line, used = "", 0
    for letter in text:
        size = display_width(letter)
        if used + size > width:
            yield line
            line, used = "", 0
        line += letter
        used += size
    yield line


def _shrink(
    columns: Sequence[Column], sizes: list[int], shown: list[int], width: int, gap: int
) -> list[int]:
    """Leave out what may be left out, as little as possible, and cut the widest of the rest.

    Nothing is left out where cutting is enough, and nothing is cut more than that needs.
    """
    while True:
        least = sum(min(sizes[at], columns[at].shrink_to or sizes[at]) for at in shown)
        spare = [at for at in shown if columns[at].optional]
        if least + gap * (len(shown) - 1) <= width or not spare:
            break
        dropped = max(spare, key=lambda at: columns[at].optional)
        shown = [at for at in shown if at != dropped]
    while sum(sizes[at] for at in shown) + gap * (len(shown) - 1) > width:
        soft = [at for at in shown if 0 < columns[at].shrink_to < sizes[at]]
        if not soft:
            break
        sizes[max(soft, key=lambda at: sizes[at])] -= 1
    return shown


def _row(
    columns: Sequence[Column],
    sizes: Sequence[int],
    shown: Sequence[int],
    cells: Sequence[str],
    indent: int,
    gap: int,
    width: int,
) -> str:
    parts = []
    for at in shown:
        text = cut(cells[at], sizes[at])
        padding = " " * (sizes[at] - display_width(text))
        parts.append(padding + text if columns[at].right else text + padding)
    return cut((" " * indent + (" " * gap).join(parts)).rstrip(), width)
