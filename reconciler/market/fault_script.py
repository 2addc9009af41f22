"""Calls and scripted faults in the market's database, so that other processes meet them too.

A script for one provider's face alone has its name before the operation: `vastai:list_instances`.
"""

from __future__ import annotations

import sqlite3
from datetime import datetime

from reconciler.market.faults import Call, Fault, Operation
from reconciler.market.units import microseconds, moment
from reconciler.model.value import dataclass

CALLS_KEPT = 10_000


@dataclass(frozen=True, slots=True)
class Script:
    """A fault that calls to ``where`` meet: an operation, or `FACE:operation`."""

    number: int
    where: str
    fault: Fault
    times_left: int | None
    until: datetime | None


def record_call(
    connection: sqlite3.Connection,
    operation: Operation,
    now: datetime,
    instance_id: str | None,
    offer_id: str | None,
    label: str | None,
) -> Call:
    """Give the call its number and write it down; only the newest 10 000 are kept."""
    added = connection.execute(
        "INSERT INTO calls (operation, instance_id, offer_id, label, at) VALUES (?, ?, ?, ?, ?)",
        (operation, instance_id, offer_id, label, microseconds(now)),
    )
    number = added.lastrowid  # one more than the largest
    assert number is not None
    if number > CALLS_KEPT:
        connection.execute("DELETE FROM calls WHERE number <= ?", (number - CALLS_KEPT,))
    return Call(operation, instance_id, offer_id, number, now, label)


def recorded_calls(connection: sqlite3.Connection) -> tuple[Call, ...]:
    rows = connection.execute(
        "SELECT operation, instance_id, offer_id, number, at, label FROM calls ORDER BY number"
    )
    return tuple(
        Call(operation, instance_id, offer_id, number, moment(at), label)
        for operation, instance_id, offer_id, number, at, label in rows
    )


def add_script(
    connection: sqlite3.Connection,
    fault: Fault,
    operation: Operation,
    times: int | None,
    until: datetime | None,
    instance_id: str | None,
    served_as: str = "",
) -> None:
    """``served_as``: only calls to that face meet it."""
    where = f"{served_as}:{operation}" if served_as else operation
    connection.execute(
        "INSERT INTO fault_scripts (operation, instance_id, fault, times_left, until)"
        " VALUES (?, ?, ?, ?, ?)",
        (where, instance_id, fault.to_json(), times, until and microseconds(until)),
    )


def scripts_in_force(connection: sqlite3.Connection, now: datetime) -> tuple[Script, ...]:
    """In the order in which they are used; what is used up is left out."""
    rows = connection.execute(
        "SELECT number, operation, fault, times_left, until FROM fault_scripts"
        " WHERE (times_left IS NULL OR times_left > 0) AND (until IS NULL OR until > ?)"
        " ORDER BY number",
        (microseconds(now),),
    )
    return tuple(
        Script(
            number, where, Fault.from_json(fault), times, None if until is None else moment(until)
        )
        for number, where, fault, times, until in rows
    )


def remove_script(connection: sqlite3.Connection, number: int) -> None:
    connection.execute("DELETE FROM fault_scripts WHERE number = ?", (number,))


def take_fault(connection: sqlite3.Connection, call: Call, served_as: str = "") -> Fault | None:
    """The oldest script that fits the call; one of its times is then used up."""
    row = connection.execute(
        "SELECT number, fault FROM fault_scripts WHERE operation IN (?, ?)"
        " AND (instance_id IS NULL OR instance_id = ?)"
        " AND (times_left IS NULL OR times_left > 0) AND (until IS NULL OR until > ?)"
        " ORDER BY number LIMIT 1",
        (call.operation, f"{served_as}:{call.operation}", call.instance_id, microseconds(call.at)),
    ).fetchone()
    if row is None:
        return None
    connection.execute(
        "UPDATE fault_scripts SET times_left = times_left - 1 WHERE number = ?", (row[0],)
    )
    return Fault.from_json(row[1])
