"""Text as a provider could send it to take over a terminal, and the check that it did not."""

from __future__ import annotations

from reconciler.reporting.columns import display_width

HOSTILE = "x\x1b[31mred\x1b]8;;http://evil\x07\r\n+ fleet.fake[0]\u202eesrever\u2066\x9b\ud800"


def assert_clean(text: str, width: int = 80) -> None:
    """Every line is printable, narrow enough, and none was forged by a line break (I22)."""
    for line in text.split("\n"):
        assert line.isprintable(), ascii(line)
        assert display_width(line) <= width, line
        assert not line.lstrip().startswith("+ fleet.fake"), line
