"""What the types of providers can do, side by side: the truth tables as one table."""

from __future__ import annotations

from datetime import timedelta

from reconciler.model.value import dataclass

Fact = bool | int | timedelta | str | tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MatrixRow:
    """One line of the table. ``key`` names it for programs; one fact for each provider."""

    key: str
    meaning: str
    facts: tuple[Fact, ...]


@dataclass(frozen=True, slots=True)
class CapabilityMatrix:
    """``providers`` are types, in the order of the facts of each row."""

    providers: tuple[str, ...]
    rows: tuple[MatrixRow, ...]
