"""How much work something is, counted and not timed: the same on every machine."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType

I23_CALLS_MAX = 5_000_000
"""I23 allows 2 s of CPU for any configuration. So many calls take half of that on the slowest
machine that we measured (0.2 µs for each, what they do included).
"""


def calls_of(action: Callable[[], object]) -> int:
    """How many functions ``action`` calls, in Python and in C, before it returns or raises."""
    counted = 0

    def count(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal counted
        if event in ("call", "c_call"):
            counted += 1

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        action()
    finally:
        sys.setprofile(before)
    return counted
