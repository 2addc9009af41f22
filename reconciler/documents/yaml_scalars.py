"""Plain scalars by the YAML 1.2 core schema, minus the forms that people misread.

``no`` and ``on`` stay text, ``12:30`` stays text, ``0.60`` is an exact Decimal. Refused instead of
guessed: ``010``, ``0x1F``, ``1e3``, ``.nan``, numbers of more than 18 digits (RELIABILITY.md, bad
inputs 2 to 6 and 17). Quoted scalars never come here: they are text.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final, TypeAlias

from reconciler.model.value import dataclass

Scalar: TypeAlias = str | int | bool | Decimal | None

NUMBER_DIGITS_MAX: Final = 18

_WORDS: Final[dict[str, Scalar]] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True,
    "false": False, "False": False, "FALSE": False,
}  # fmt: skip
_NUMBER = re.compile(
    r"(?P<sign>[-+]?)(?P<mantissa>[0-9]+(?P<point>\.[0-9]*)?|\.[0-9]+)(?P<exponent>[eE][-+]?[0-9]+)?"
)
_OTHER_BASE = re.compile(r"[-+]?0(?:x[0-9a-fA-F]+|o[0-7]+)")
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_LEADING_ZERO = re.compile(r"0[0-9]")
_BEGINS_NUMBERS: Final = frozenset("0123456789+-.")


@dataclass(frozen=True, slots=True)
class RefusedScalar:
    """A scalar that reads as two different things; ``reason`` holds nothing of its text."""

    reason: str
    fix: str


def resolve_plain(text: str) -> Scalar | RefusedScalar:
    """The value of an unquoted scalar; never raises.

    Integers are ``int``, decimals ``Decimal`` with their digits as written (``12.40`` keeps its
    zero), ``true``/``false`` bool, ``null``, ``~`` and nothing None, all else text.
    """
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in _BEGINS_NUMBERS:
        return text
    if _NOT_FINITE.fullmatch(text):
        return RefusedScalar("not a finite number", "write a finite number")
    if _OTHER_BASE.fullmatch(text):
        return RefusedScalar(
            "a hexadecimal or octal number is not read",
            "write it in decimal, or in quotes if it is text",
        )
    number = _NUMBER.fullmatch(text)
    return _resolve_number(text, number) if number else text


def _resolve_number(text: str, number: re.Match[str]) -> Scalar | RefusedScalar:
    mantissa = number["mantissa"]
    digits = len(mantissa) - mantissa.count(".")
    if digits > NUMBER_DIGITS_MAX:
        return RefusedScalar(
            f"a number of {digits} digits; at most {NUMBER_DIGITS_MAX} are read",
            "write a shorter number, or put it in quotes if it is text",
        )
    if _LEADING_ZERO.match(mantissa):
        decimal = mantissa.lstrip("0") or "0"
        decimal = f"0{decimal}" if decimal.startswith(".") else decimal
        return RefusedScalar(
            "an octal-looking number: some readers take the leading 0 for base 8",
            f"write {number['sign']}{decimal}, or put it in quotes if it is text",
        )
    if number["exponent"]:
        return _refuse_exponent(text, number["exponent"])
    if number["point"] is None and not mantissa.startswith("."):
        return int(text)
    return Decimal(text)


def _refuse_exponent(text: str, exponent: str) -> RefusedScalar:
    steps = exponent[1:].lstrip("+-").lstrip("0")
    small = len(steps) <= 2 and int(steps or "0") <= NUMBER_DIGITS_MAX
    written_out = f"write {Decimal(text):f}" if small else "write all digits"
    return RefusedScalar(
        "a number with an exponent is not read", f"{written_out}, or put it in quotes if it is text"
    )
