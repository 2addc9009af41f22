"""A drawing as SVG: the same bytes for the same drawing, no script, no link, no outside font."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.drawing import Box, Stroke, Words
from reconciler.model.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.model.drawing import Drawing

_FONT = "DejaVu Sans, Verdana, Helvetica, Arial, sans-serif"
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;"}


def svg_text(drawing: Drawing) -> str:
    """The whole file, ending in a newline. Words from outside are data and nothing else (C13.4)."""
    return "\n".join(_lines(drawing)) + "\n"


def _lines(drawing: Drawing) -> Iterator[str]:
    width, height = drawing.width, drawing.height
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" role="img" font-family="{_FONT}">'
    )
    yield f"<title>{_escaped(drawing.title)}</title>"
    yield f'<rect width="{width}" height="{height}" fill="#ffffff"/>'
    for part in drawing.parts:
        yield _part(part)
    yield "</svg>"


def _part(part: Box | Stroke | Words) -> str:
    match part:
        case Box():
            return (
                f'<rect x="{_number(part.x)}" y="{_number(part.y)}" '
                f'width="{_number(part.width)}" height="{_number(part.height)}" '
                f'fill="{part.colour}"/>'
            )
        case Stroke():
            dashes = ' stroke-dasharray="5 4"' if part.dashed else ""
            return (
                f'<line x1="{_number(part.x1)}" y1="{_number(part.y1)}" '
                f'x2="{_number(part.x2)}" y2="{_number(part.y2)}" '
                f'stroke="{part.colour}" stroke-width="{_number(part.width)}"{dashes}/>'
            )
        case Words():
            bold = ' font-weight="bold"' if part.bold else ""
            return (
                f'<text x="{_number(part.x)}" y="{_number(part.y)}" font-size="{part.size}" '
                f'text-anchor="{part.anchor}" fill="{part.colour}"{bold}>'
                f"{_escaped(part.text)}</text>"
            )


def _number(length: float) -> str:
    """At most two digits behind the point."""
    return f"{length:.2f}".rstrip("0").rstrip(".")


def _escaped(text: str) -> str:
    return "".join(_ENTITIES.get(letter, letter) for letter in printable(text, 200))
