"""From bytes to the text that may reach the YAML parser.

Everything is refused that an editor and the parser would see differently: other encodings,
control characters, and the line breaks of YAML 1.1, after which a comment could go on as content.
"""

from __future__ import annotations

import re
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from typing import Final

from reconciler.documents.yaml_nodes import Position
from reconciler.model.errors import DocumentError
from reconciler.model.problem import Problem

DOCUMENT_BYTES_MAX: Final = 2**20
CHARACTERS_REPORTED_MAX: Final = 10

_FORBIDDEN = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]|\r(?!\n)"
)
_LINE_BREAKS_OF_YAML_1_1 = frozenset("\x85\u2028\u2029")
# Where the NULs stand when Latin text begins in UTF-16 or UTF-32 (YAML 1.2.2, section 5.2).
_NULS_OF_WIDE_ENCODINGS = frozenset(
    {
        (False, True, False, True),
        (True, False, True, False),
        (False, True, True, True),
        (True, True, True, False),
    }
)
_SAVE_AS_UTF8 = "save the file as UTF-8"
# A run of %TAG lines takes the parser time that grows with its square (4.7 s for 1 MB, measured
# with libyaml 0.2.5), all of it inside one event, so the guard could not stop it.
_DIRECTIVE = re.compile(r"^%", re.MULTILINE)


def decode_document(file: str, raw_bytes: bytes) -> str:
    """The text of ``raw_bytes``, UTF-8 with or without a byte order mark.

    Raises DocumentError when there are more than 1 MiB, the bytes are not UTF-8, or the text holds
    characters or directives that a document may not hold; byte offsets count from 0.
    """
    if len(raw_bytes) > DOCUMENT_BYTES_MAX:
        raise DocumentError([too_large(file, len(raw_bytes))])
    mark_length = len(BOM_UTF8) if raw_bytes.startswith(BOM_UTF8) else 0
    body = raw_bytes[mark_length:]
    _refuse_other_encodings(file, body)
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DocumentError([_invalid_utf8(file, body, error.start, mark_length)]) from None
    problems = _forbidden_characters(file, text, mark_length)
    if not problems:
        problems = _directives(file, text)
    if problems:
        raise DocumentError(problems)
    return text


def position_at(text: str, index: int) -> Position:
    """The place of the character at ``index``; an index past the end is the end."""
    before = text[:index]
    return Position(before.count("\n") + 1, len(before) - before.rfind("\n"))


def too_large(file: str, size_bytes: int | None) -> Problem:
    """The problem of a document over the limit; ``size_bytes`` None when it was not read on."""
    found = f"{size_bytes:,} bytes" if size_bytes is not None else "more"
    return Problem(
        file, 0, 0,
        f"a document may have at most 1 MiB ({DOCUMENT_BYTES_MAX:,} bytes); this one has {found}",
        "split it: every *.fleets.yaml of the directory is read",
    )  # fmt: skip


def _refuse_other_encodings(file: str, body: bytes) -> None:
    if body.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
        found = "UTF-16 or UTF-32 (by its byte order mark at byte offset 0)"
    elif tuple(byte == 0 for byte in body[:4]) in _NULS_OF_WIDE_ENCODINGS:
        found = f"UTF-16 or UTF-32 without a byte order mark (NUL at byte offset {body.index(0)})"
    else:
        return
    message = f"the text seems to be {found}; only UTF-8 is read"
    raise DocumentError([Problem(file, 1, 1, message, _SAVE_AS_UTF8)])


def _invalid_utf8(file: str, body: bytes, start: int, mark_length: int) -> Problem:
    place = position_at(body[:start].decode("utf-8"), start)
    message = (
        f"byte 0x{body[start]:02x} at byte offset {start + mark_length} is not valid UTF-8;"
        " only UTF-8 is read"
    )
    return Problem(file, place.line, place.column, message, _SAVE_AS_UTF8)


def _forbidden_characters(file: str, text: str, mark_length: int) -> list[Problem]:
    problems: list[Problem] = []
    for found in _FORBIDDEN.finditer(text):
        if len(problems) == CHARACTERS_REPORTED_MAX:
            break
        place = position_at(text, found.start())
        offset = len(text[: found.start()].encode()) + mark_length
        message, fix = _describe_character(found.group())
        problems.append(
            Problem(file, place.line, place.column, f"byte offset {offset}: {message}", fix)
        )
    return problems


def _describe_character(character: str) -> tuple[str, str]:
    name = f"U+{ord(character):04X}"
    if character == "\0":
        return "a NUL character", "remove it; the file may be damaged or not text"
    if character == "\r":
        return "a carriage return without a line feed", "end lines with LF or CRLF"
    if character in _LINE_BREAKS_OF_YAML_1_1:
        return (
            f"the invisible line break {name}, which most editors do not show",
            f"remove it, or write \\u{ord(character):04x} inside double quotes",
        )
    if character == "\ufeff":
        return "a byte order mark inside the text", "remove it"
    return f"the control character {name}", "remove it"


def _directives(file: str, text: str) -> list[Problem]:
    found = _DIRECTIVE.search(text)
    if found is None:
        return []
    place = position_at(text, found.start())
    return [
        Problem(
            file, place.line, place.column,
            "a line that starts with % is a YAML directive, which is not read",
            "remove the line; YAML 1.2 is assumed",
        )
    ]  # fmt: skip
