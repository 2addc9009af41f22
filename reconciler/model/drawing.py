"""A picture as a value: boxes, lines and words at their places, whoever draws them.

Lengths are in pixels from the upper left corner; ``y`` of words is their base line. Words are as
they came: whoever draws them escapes them.
"""

from __future__ import annotations

from typing import Literal

from reconciler.model.value import dataclass

Anchor = Literal["start", "middle", "end"]


@dataclass(frozen=True, slots=True)
class Box:
    """Filled, without a border."""

    x: float
    y: float
    width: float
    height: float
    colour: str


@dataclass(frozen=True, slots=True)
class Stroke:
    """A straight line."""

    x1: float
    y1: float
    x2: float
    y2: float
    colour: str
    width: float = 1.0
    dashed: bool = False


@dataclass(frozen=True, slots=True)
class Words:
    """One line of text."""

    x: float
    y: float
    text: str
    size: int = 12
    anchor: Anchor = "start"
    colour: str = "#1a1a1a"
    bold: bool = False


@dataclass(frozen=True, slots=True)
class Drawing:
    """What is drawn, the first below the others, on white. ``title`` says it in one sentence."""

    width: int
    height: int
    title: str
    parts: tuple[Box | Stroke | Words, ...]
