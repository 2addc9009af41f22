"""Where a replayed plan stops being the recorded one."""

from __future__ import annotations

from itertools import zip_longest

from reconciler.reporting.columns import cell

_LINE_SHOWN = 200


def replay_difference(recorded: str, now: str, *, by: str, this: str) -> list[str]:
    """The first line that differs, and a word on versions; texts that are equal: the actions
    differ behind them.
    """
    lines = zip_longest(recorded.split("\n"), now.split("\n"), fillvalue="(no line)")
    for number, (before, after) in enumerate(lines, 1):
        if before != after:
            return [
                f"The plan differs from the recorded one, first in line {number}:",
                f"  recorded: {cell(before, _LINE_SHOWN)}",
                f"  replayed: {cell(after, _LINE_SHOWN)}",
                *_versions(by, this),
            ]
    text = "The text is the recorded one, but the actions behind it differ."
    return [text, *_versions(by, this)]


def _versions(by: str, this: str) -> list[str]:
    if by == this:
        return [
            f"Recorded and replayed by gpu-shopper {cell(by)}: report this, if nobody altered it."
        ]
    return [
        f"Recorded by gpu-shopper {cell(by)}, replayed by {cell(this)}: another version may decide "
        "otherwise."
    ]
