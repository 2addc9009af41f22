"""What a face must give back about a machine: its environment, its start script.

A table of its own, made when it is first needed: markets from before it are as good as new ones.
"""

from __future__ import annotations

import sqlite3

_TABLE = """
CREATE TABLE IF NOT EXISTS machine_notes (
    machine_id TEXT PRIMARY KEY, note TEXT NOT NULL
) STRICT, WITHOUT ROWID
"""


def write(connection: sqlite3.Connection, machine_id: str, note: str) -> None:
    connection.execute(_TABLE)
    connection.execute("INSERT OR REPLACE INTO machine_notes VALUES (?, ?)", (machine_id, note))


def read(connection: sqlite3.Connection) -> dict[str, str]:
    connection.execute(_TABLE)
    return dict(connection.execute("SELECT machine_id, note FROM machine_notes").fetchall())
