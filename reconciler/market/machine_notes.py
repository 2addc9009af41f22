"""What else is known of a machine: what was ordered with it, and what is really inside.

A table of its own, made when it is first needed: markets from before it are as good as new ones.
"""

from __future__ import annotations

import sqlite3

_TABLE = """
CREATE TABLE IF NOT EXISTS machine_notes (
    machine_id TEXT PRIMARY KEY, note TEXT NOT NULL
) STRICT, WITHOUT ROWID
"""
_LIES = """
CREATE TABLE IF NOT EXISTS machine_insides (
    machine_id TEXT PRIMARY KEY, gpu TEXT NOT NULL
) STRICT, WITHOUT ROWID
"""
_FACES = """
CREATE TABLE IF NOT EXISTS machine_faces (
    machine_id TEXT PRIMARY KEY, face TEXT NOT NULL
) STRICT, WITHOUT ROWID
"""


def write(connection: sqlite3.Connection, machine_id: str, note: str) -> None:
    query = "INSERT OR REPLACE INTO machine_notes VALUES (?, ?)"
    try:
        connection.execute(query, (machine_id, note))
    except sqlite3.OperationalError:  # the first one
        connection.execute(_TABLE)
        connection.execute(query, (machine_id, note))


def write_inside(connection: sqlite3.Connection, machine_id: str, gpu: str) -> None:
    """Another GPU is in it than was sold."""
    connection.execute(_LIES)
    connection.execute("INSERT OR REPLACE INTO machine_insides VALUES (?, ?)", (machine_id, gpu))


def gpu_inside(connection: sqlite3.Connection, machine_id: str) -> str | None:
    """None for a machine that is what was sold."""
    query = "SELECT gpu FROM machine_insides WHERE machine_id = ?"
    try:
        row = connection.execute(query, (machine_id,)).fetchone()
    except sqlite3.OperationalError:  # nobody has lied yet
        connection.execute(_LIES)
        return None
    return None if row is None else str(row[0])


def read(connection: sqlite3.Connection) -> dict[str, str]:
    connection.execute(_TABLE)
    return dict(connection.execute("SELECT machine_id, note FROM machine_notes").fetchall())


def write_face(connection: sqlite3.Connection, machine_id: str, face: str) -> None:
    """It was ordered from the provider that this face plays: no other one knows of it."""
    connection.execute(_FACES)
    connection.execute("INSERT OR REPLACE INTO machine_faces VALUES (?, ?)", (machine_id, face))


def of_other_faces(connection: sqlite3.Connection, face: str) -> frozenset[str]:
    """The machines that are in another provider's account; the market itself ("") knows all."""
    if not face:
        return frozenset()
    connection.execute(_FACES)
    query = "SELECT machine_id FROM machine_faces WHERE face <> ?"
    return frozenset(one for (one,) in connection.execute(query, (face,)))
