"""What every chart is made of: colours, scales, axes, legends."""

from __future__ import annotations

from decimal import ROUND_CEILING, Decimal
from typing import TYPE_CHECKING

from reconciler.model.drawing import Box, Stroke, Words
from reconciler.model.text import printable
from reconciler.model.value import dataclass
from reconciler.reporting.columns import cut, display_width

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442")
"""Okabe and Ito: told apart by people who see no red or no green."""
OTHERS_COLOUR = "#999999"
INK, QUIET, GRID, LIMIT = "#1a1a1a", "#555555", "#dddddd", "#b00020"
LETTER = 0.62
"""The width of a letter, in sizes of the font: rather too wide."""
_STEPS = (Decimal(1), Decimal(2), Decimal("2.5"), Decimal(5), Decimal(10))


@dataclass(frozen=True, slots=True)
class Frame:
    """Where a chart's data stand, and what is at its top: ``most`` dollars."""

    left: float
    top: float
    width: float
    height: float
    most: Decimal

    @property
    def bottom(self) -> float:
        return self.top + self.height

    def y(self, usd: Decimal) -> float:
        """Where an amount stands."""
        return self.bottom - self.height * float(usd / self.most)


def ticks(most: Decimal, count: int = 5) -> list[Decimal]:
    """Round amounts from 0 to the first that is not below ``most``, some ``count`` of them."""
    if most <= 0:
        return [Decimal(0), Decimal(1)]
    rough = most / count
    unit = Decimal(1).scaleb(rough.adjusted())
    step = next(unit * one for one in _STEPS if unit * one >= rough)
    number = int((most / step).to_integral_value(ROUND_CEILING))
    return [step * at for at in range(number + 1)]


def money(usd: Decimal) -> str:
    """As short as an axis needs it."""
    if usd == usd.to_integral_value():
        return f"${usd:,.0f}"
    return f"${usd:,.2f}" if usd == round(usd, 2) else f"${usd.normalize():f}"


def short(text: str, width: float, size: int = 12) -> str:
    """``text``, safe, and cut to ``width`` pixels."""
    return cut(printable(text, 200), max(3, int(width / (size * LETTER))))


def text_width(text: str, size: int = 12) -> float:
    """About how many pixels it takes."""
    return display_width(text) * size * LETTER


def amount_axis(frame: Frame, marks: Sequence[Decimal]) -> Iterator[Stroke | Words]:
    """Grid lines across ``frame``, each with its amount at the left."""
    for mark in marks:
        y = frame.y(mark)
        yield Stroke(frame.left, y, frame.left + frame.width, y, GRID if mark else QUIET)
        yield Words(frame.left - 8, y + 4, money(mark), 11, "end", QUIET)


def legend(
    names: Sequence[str], colours: Sequence[str], x: float, y: float, width: float
) -> Iterator[Box | Words]:
    """One below the other."""
    for at, (name, colour) in enumerate(zip(names, colours, strict=True)):
        top = y + 20 * at
        yield Box(x, top - 10, 12, 12, colour)
        yield Words(x + 18, top, short(name, width - 18), 12, colour=INK)


def headings(title: str, below: str, width: float) -> Iterator[Words]:
    yield Words(24, 34, short(title, width - 48, 18), 18, bold=True)
    yield Words(24, 56, short(below, width - 48, 12), 12, colour=QUIET)
