"""Text from outside, made safe to print.

Labels, names, file contents and provider messages may hold escape sequences that repaint a
terminal, bidirectional controls that reorder a line, or lone surrogates that cannot be encoded
(RELIABILITY.md, bad inputs 26, 45, 52, 53). Everything of that kind passes through here first.
"""

from __future__ import annotations

_CUT_MARK = "..."


def printable(text: str, limit: int = 80) -> str:
    """``text`` on one line, at most ``limit`` characters, safe for terminal, log and JSON.

    Control characters, ESC, C1, bidirectional and other format controls, line and paragraph
    separators, unassigned characters and lone surrogates become ``\\xNN``, ``\\uNNNN`` or
    ``\\UNNNNNNNN``; ordinary letters of any script stay. Cut text ends in ``...`` and never
    inside an escape. Repeating it changes nothing.

    >>> printable("red\\x1b[31m")
    'red\\\\x1b[31m'
    """
    if len(text) <= limit and text.isprintable():
        return text
    pieces: list[str] = []
    length = 0
    for character in text[: limit + 1]:
        piece = character if character.isprintable() else _escape(character)
        pieces.append(piece)
        length += len(piece)
        if length > limit:
            return _cut(pieces, length, limit)
    return "".join(pieces)


def _cut(pieces: list[str], length: int, limit: int) -> str:
    room = max(0, limit - len(_CUT_MARK))
    while length > room:
        length -= len(pieces.pop())
    return ("".join(pieces) + _CUT_MARK)[:limit]


def _escape(character: str) -> str:
    code = ord(character)
    if code <= 0xFF:
        return f"\\x{code:02x}"
    if code <= 0xFFFF:
        return f"\\u{code:04x}"
    return f"\\U{code:08x}"
