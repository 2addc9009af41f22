"""Vast.ai's filters: ``{"num_gpus": {"gte": 2}}`` over rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

Row = dict[str, Any]
_TESTS: Mapping[str, Callable[[Any, Any], bool]] = {
    "eq": lambda value, wanted: bool(value == wanted),
    "neq": lambda value, wanted: bool(value != wanted),
    "gt": lambda value, wanted: bool(value > wanted),
    "gte": lambda value, wanted: bool(value >= wanted),
    "lt": lambda value, wanted: bool(value < wanted),
    "lte": lambda value, wanted: bool(value <= wanted),
    "in": lambda value, wanted: value in wanted,
    "notin": lambda value, wanted: value not in wanted,
}


def passing(rows: Iterable[Row], filters: Mapping[str, Any]) -> list[Row]:
    """The rows that pass every filter. Raises ValueError for a filter that is none."""
    tests = [
        (column, _test(name), wanted)
        for column, conditions in filters.items()
        for name, wanted in _conditions(conditions)
    ]
    return [row for row in rows if all(_passes(row.get(key), test, w) for key, test, w in tests)]


def ordered(rows: list[Row], order: Iterable[Any]) -> list[Row]:
    """By ``[["dph_total", "asc"], …]``, the first entry weighing most."""
    done = list(rows)
    for column, direction in reversed([tuple(entry) for entry in order]):
        done.sort(
            key=lambda row: (row.get(column) is None, row.get(column) or 0),
            reverse=direction == "desc",
        )
    return done


def _conditions(conditions: object) -> Iterable[tuple[str, Any]]:
    if not isinstance(conditions, dict):
        raise ValueError("a filter must be an object")
    return list(conditions.items())


def _test(name: str) -> Callable[[Any, Any], bool]:
    if name not in _TESTS:
        raise ValueError("an unknown operator")
    return _TESTS[name]


def _passes(value: Any, test: Callable[[Any, Any], bool], wanted: Any) -> bool:
    if isinstance(wanted, str) and isinstance(value, (int, float)):
        wanted = _number(wanted)  # their own command sends numbers as text
    if value is None and isinstance(wanted, bool):
        value = False  # flags that are null count as not set
    try:
        return value is not None and test(value, wanted)
    except TypeError:
        return False


def _number(text: str) -> Any:
    try:
        return float(text)
    except ValueError:
        return text
