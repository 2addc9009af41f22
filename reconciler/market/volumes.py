"""Volumes of the account in the market's database: what somebody left there, and what it costs.

A table of its own, made when it is first needed: markets from before it are as good as new ones.
"""

from __future__ import annotations

import sqlite3

from reconciler.model.value import dataclass

_TABLE = """
CREATE TABLE IF NOT EXISTS volumes (
    id INTEGER PRIMARY KEY, size_bytes INTEGER NOT NULL, microusd_per_hour INTEGER NOT NULL,
    machine_id TEXT
) STRICT
"""
_FIRST_ID = 700_001


@dataclass(frozen=True, slots=True)
class MarketVolume:
    """``machine_id`` is where it is mounted; None for nowhere. It is billed all the same."""

    id: int
    size_bytes: int
    microusd_per_hour: int
    machine_id: str | None


def add(
    connection: sqlite3.Connection, size_bytes: int, microusd_per_hour: int, machine_id: str | None
) -> int:
    connection.execute(_TABLE)
    (newest,) = connection.execute("SELECT max(id) FROM volumes").fetchone()
    number = _FIRST_ID if newest is None else newest + 1
    connection.execute(
        "INSERT INTO volumes VALUES (?, ?, ?, ?)",
        (number, size_bytes, microusd_per_hour, machine_id),
    )
    return number


def all_volumes(connection: sqlite3.Connection) -> tuple[MarketVolume, ...]:
    """In the order of ids."""
    connection.execute(_TABLE)
    rows = connection.execute("SELECT * FROM volumes ORDER BY id").fetchall()
    return tuple(MarketVolume(*row) for row in rows)
