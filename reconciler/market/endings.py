"""How a machine ends: asked to, by its own timer, or taken away. Inside a transaction."""

from __future__ import annotations

import sqlite3
from datetime import datetime, timedelta

from reconciler.market.machine import Machine
from reconciler.market.units import microseconds, moment


def ask(connection: sqlite3.Connection, machine: Machine, now: datetime, dying: timedelta) -> None:
    """It is gone after ``dying``. Asked before, nothing changes."""
    if not _asked(machine, now):
        _will_go(connection, machine, now, dying)


def ask_by_itself(
    connection: sqlite3.Connection,
    machine: Machine,
    ends_at: datetime,
    now: datetime,
    dying: timedelta,
) -> None:
    """At ``ends_at``, or when it first runs; one that does not run then asks for nothing."""
    if _asked(machine, now):
        return
    at = max(microseconds(ends_at), machine.running)
    stops = [one for one in (machine.stopped, machine.failed) if one is not None]
    if all(at < one for one in stops):
        _will_go(connection, machine, moment(at), dying)
    else:
        _will_stay(connection, machine)


def stop(connection: sqlite3.Connection, machine: Machine, at: datetime) -> None:
    """What is stopped asks for no end by itself any more. Stopped again, it was stopped before."""
    if machine.destroy_asked is not None and machine.destroy_asked > microseconds(at):
        _will_stay(connection, machine)
    since = min(microseconds(at), machine.stopped or microseconds(at))
    connection.execute("UPDATE machines SET stopped_at = ? WHERE id = ?", (since, machine.id))


def _asked(machine: Machine, now: datetime) -> bool:
    return machine.destroy_asked is not None and machine.destroy_asked <= microseconds(now)


def _will_go(
    connection: sqlite3.Connection, machine: Machine, asked_at: datetime, dying: timedelta
) -> None:
    _set(connection, machine, microseconds(asked_at), microseconds(asked_at + dying))


def _will_stay(connection: sqlite3.Connection, machine: Machine) -> None:
    _set(connection, machine, None, None)


def _set(
    connection: sqlite3.Connection, machine: Machine, asked_at: int | None, gone_at: int | None
) -> None:
    connection.execute(
        "UPDATE machines SET destroy_asked_at = ?, gone_at = ? WHERE id = ?",
        (asked_at, gone_at, machine.id),
    )
