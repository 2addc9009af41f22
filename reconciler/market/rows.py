"""Questions to the market's tables, asked inside a transaction."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import partial

from reconciler.market.errors import NoSuchMachine
from reconciler.market.machine import Machine
from reconciler.market.offer import AS_OFFER, MarketOffer
from reconciler.market.units import microseconds

_INSERT_OFFER = (
    "INSERT INTO offers VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_INSERT_MACHINE = (
    "INSERT INTO machines VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_AS_MACHINE = partial(tuple.__new__, Machine)
_FIRST_MACHINE_ID = 1_000_001


def read_facts(connection: sqlite3.Connection) -> dict[str, str]:
    """What was decided about the world when it was made, and its pace."""
    return dict(connection.execute("SELECT name, value FROM world").fetchall())


def fill(
    connection: sqlite3.Connection, facts: Mapping[str, str], offers: Iterable[MarketOffer]
) -> None:
    """The first rows of a new world."""
    connection.executemany("INSERT INTO world VALUES (?, ?)", facts.items())
    connection.executemany(_INSERT_OFFER, offers)


def offers_of(connection: sqlite3.Connection, models: frozenset[str]) -> list[MarketOffer]:
    """Offers of these GPU models, of all if none is named, in the order of ids."""
    if not models:
        rows = connection.execute("SELECT * FROM offers ORDER BY id")
    else:
        rows = connection.execute(
            "SELECT * FROM offers WHERE gpu IN (SELECT value FROM json_each(?)) ORDER BY id",
            (json.dumps(sorted(models)),),
        )
    return list(map(AS_OFFER, rows))


def offer_by_id(connection: sqlite3.Connection, offer_id: str) -> MarketOffer | None:
    row = connection.execute("SELECT * FROM offers WHERE id = ?", (offer_id,)).fetchone()
    return None if row is None else MarketOffer._make(row)


def nodes_taken(connection: sqlite3.Connection, now: datetime) -> dict[str, int]:
    """How many nodes of each capacity key stand under a machine of this account."""
    query = (
        "SELECT capacity_key, count(*) FROM machines"
        " WHERE created_at <= ? AND (gone_at IS NULL OR gone_at > ?) GROUP BY capacity_key"
    )
    at = microseconds(now)
    return dict(connection.execute(query, (at, at)).fetchall())


def nodes_taken_of(connection: sqlite3.Connection, capacity_key: str, now: datetime) -> int:
    """As ``nodes_taken``, of one capacity key."""
    query = (
        "SELECT count(*) FROM machines WHERE capacity_key = ? AND (gone_at IS NULL OR gone_at > ?)"
    )
    (count,) = connection.execute(query, (capacity_key, microseconds(now))).fetchone()
    return int(count)


def machine_by_id(connection: sqlite3.Connection, machine_id: str, now: datetime) -> Machine:
    row = connection.execute("SELECT * FROM machines WHERE id = ?", (machine_id,)).fetchone()
    machine = None if row is None else Machine._make(row)
    if machine is None or machine.is_hidden_at(now) or not machine.exists_at(now):
        gone = machine is not None and not machine.exists_at(now)
        ended_at = machine.gone_at if machine is not None and gone else None
        raise NoSuchMachine(f"machine {machine_id} does not exist", ended_at)
    return machine


def add_machine(connection: sqlite3.Connection, machine: Machine) -> None:
    connection.execute(_INSERT_MACHINE, machine)


def next_machine_id(connection: sqlite3.Connection) -> str:
    """Ids count up, no machine is ever taken out, and all ids have seven digits."""
    (newest,) = connection.execute("SELECT max(id) FROM machines").fetchone()
    return str(_FIRST_MACHINE_ID if newest is None else int(newest) + 1)


def machines_at(connection: sqlite3.Connection, as_of: datetime) -> list[Machine]:
    """What a listing of that moment shows, in the order of ids."""
    query = (
        "SELECT * FROM machines"
        " WHERE listed_from <= ? AND (gone_at IS NULL OR gone_at > ?) ORDER BY id"
    )
    at = microseconds(as_of)
    return list(map(_AS_MACHINE, connection.execute(query, (at, at))))


def all_machines(connection: sqlite3.Connection) -> list[Machine]:
    """Every machine that ever was, in the order of ids."""
    return list(map(Machine._make, connection.execute("SELECT * FROM machines ORDER BY id")))
