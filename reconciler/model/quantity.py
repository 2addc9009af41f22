"""Durations, sizes and ranges as people write them (SPEC.md section 2, "Units")."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import durationpy

from reconciler.model.value import dataclass

GIB = 2**30
_SIZE_UNITS = {"MB": 2**20, "MIB": 2**20, "GB": GIB, "GIB": GIB, "TB": 2**40, "TIB": 2**40}
_DURATION = re.compile(r"(?:[0-9]+(?:\.[0-9]+)?[wdhms])+")
_CLOCK_TIME = re.compile(r"([0-9]+):([0-9]{2})(?::[0-9]{2})?")
_SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([A-Za-z]+)")
_NUMBER = re.compile(r"[0-9]+(?:\.[0-9]+)?")
LONGEST_DURATION = timedelta(days=366)
NEVER = datetime.fromtimestamp(36**7 - 1, UTC)
"""The end of what has none (``expires_at: never``): the latest moment that a mark can name."""


def parse_duration(text: str) -> timedelta:
    """``90m``, ``1d12h``, ``2w`` as a positive timedelta of at most a year.

    Raises ValueError with the reason and what to write: bare numbers, clock times (``12:30``),
    months, years, zero and negative values are refused (bad inputs 2 and 8).
    """
    if not isinstance(text, str):
        raise ValueError(f'a duration needs a unit: write "{text}h", "{text}m" or "{text}s"')
    written = text.strip()
    clock_time = _CLOCK_TIME.fullmatch(written)
    if clock_time:
        hours, minutes = clock_time.groups()
        raise ValueError(f'a clock time is not a duration: write "{hours}h{minutes}m"')
    if _NUMBER.fullmatch(written):
        raise ValueError(f'a duration needs a unit: write "{written}h", "{written}m"')
    if len(written) > 40 or not _DURATION.fullmatch(written):
        raise ValueError("not a duration: write it like 90m, 4h or 1d12h (units w, d, h, m, s)")
    value = timedelta(seconds=durationpy.from_str(written).total_seconds())
    if not timedelta(0) < value <= LONGEST_DURATION:
        raise ValueError("a duration must be longer than 0 and at most 366d")
    if value.microseconds:
        raise ValueError("a duration is of whole seconds")
    return value


def format_duration(value: timedelta) -> str:
    """The shortest exact way to write it: ``1d12h``, ``90s`` becomes ``1m30s``; ``0s`` for none.

    Fractions of a second are dropped. Negative values carry a leading minus.
    """
    parts = _parts(value)
    sign = "-" if value < timedelta(0) and parts else ""
    return sign + ("".join(parts) or "0s")


def about(value: timedelta) -> str:
    """A duration for a reader: its two largest units (``3h59m``, ``2d4h``)."""
    return "".join(_parts(value)[:2]) or "0s"


def _parts(value: timedelta) -> list[str]:
    """How many of each unit, the largest first; without those of which there is none."""
    seconds = int(abs(value).total_seconds())
    parts = []
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)) if seconds else ():
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count}{unit}")
    return parts


def parse_size(text: str) -> int:
    """``24GB`` as bytes (24 x 2^30, SPEC.md section 2). Raises ValueError saying what to write."""
    match = _SIZE.fullmatch(text.strip()) if isinstance(text, str) and len(text) <= 30 else None
    unit = _SIZE_UNITS.get(match.group(2).upper()) if match else None
    if match is None or unit is None:
        raise ValueError("a size needs a number and a unit: write it like 24GB or 1.5TB")
    return int(Decimal(match.group(1)) * unit)


def format_size(size_bytes: int) -> str:
    """``24GB``; two decimals at most (22.89GB for what a driver reports)."""
    gib = (Decimal(size_bytes) / GIB).quantize(Decimal("0.01")).normalize()
    return f"{gib:f}GB"


@dataclass(frozen=True, slots=True)
class Range:
    """A closed range; ``None`` is open on that side. Bytes, counts or versions, by context."""

    minimum: Decimal | None = None
    maximum: Decimal | None = None

    def contains(self, value: Decimal | int) -> bool:
        above = self.minimum is None or value >= self.minimum
        return above and (self.maximum is None or value <= self.maximum)

    @property
    def is_open(self) -> bool:
        """True when it asks for nothing."""
        return self.minimum is None and self.maximum is None


ANYTHING = Range()


def parse_range(text: str, *, sizes: bool = False) -> Range:
    """``8..``, ``..16``, ``2..6``, ``16`` (exactly) or ``16+`` (read as ``16..``).

    With ``sizes`` each end needs a unit (``64GB..128GB``) and the range is in bytes.
    Raises ValueError saying what to write.
    """
    written = text.strip()
    if written.endswith("+"):
        written = written[:-1] + ".."
    low, dots, high = written.partition("..")
    ends = [_range_end(end, sizes) if end.strip() else None for end in (low, high)]
    minimum, maximum = ends if dots else (ends[0], ends[0])
    if minimum is None and maximum is None:
        raise ValueError("an empty range: write it like 8.., ..16 or 2..6")
    if minimum is not None and maximum is not None and minimum > maximum:
        raise ValueError("the range runs backwards: the smaller end comes first")
    return Range(minimum, maximum)


def _range_end(text: str, sizes: bool) -> Decimal:
    if sizes:
        return Decimal(parse_size(text))
    if len(text) > 20 or not _NUMBER.fullmatch(text.strip()):
        raise ValueError("not a range: write it like 8.., ..16 or 2..6")
    return Decimal(text.strip())
