"""Addresses: ``fleet.train`` names a fleet, ``fleet.train[0]`` a slot."""

from __future__ import annotations

import re
from dataclasses import dataclass

FLEET_NAME_PATTERN = r"[a-z]([a-z0-9-]{0,20}[a-z0-9])?"
_ADDRESS = re.compile(
    rf"(?:fleet\.)?(?P<fleet>{FLEET_NAME_PATTERN})(?:\[(?P<index>\d{{1,5}})\]|\.(?P<dotted>\d{{1,5}}))?"
)


@dataclass(frozen=True, slots=True, order=True)
class Slot:
    """One place in a fleet; ordered by fleet name, then number."""

    fleet: str
    index: int

    def __str__(self) -> str:
        return f"fleet.{self.fleet}[{self.index}]"


@dataclass(frozen=True, slots=True)
class Address:
    """A fleet, or one slot of it when ``index`` is set."""

    fleet: str
    index: int | None = None

    def __str__(self) -> str:
        return f"fleet.{self.fleet}" + ("" if self.index is None else f"[{self.index}]")

    def covers(self, fleet: str, index: int) -> bool:
        return self.fleet == fleet and self.index in (None, index)


def parse_address(text: str) -> Address:
    """``fleet.dev``, ``dev``, ``fleet.dev[0]`` or ``fleet.dev.0`` (SPEC.md section 12, 13).

    Raises ValueError saying what to write.
    """
    match = _ADDRESS.fullmatch(text)
    if match is None:
        raise ValueError("not an address: write fleet.NAME or fleet.NAME[0]")
    number = match["index"] or match["dotted"]
    return Address(match["fleet"], None if number is None else int(number))
