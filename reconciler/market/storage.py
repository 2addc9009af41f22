"""The market's database: one SQLite file that several processes share, or one in memory.

Every change and every read of the world is one transaction that starts by taking the write lock,
so processes see whole calls of each other. The columns of `offers` and `machines`
stand in the order of the fields of `MarketOffer` and `Machine`.
"""

from __future__ import annotations

import os
import sqlite3
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.market.errors import MarketError
from reconciler.waiting import running_loop

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import Callable
    from types import TracebackType

_FORMAT = 1
_APPLICATION_ID = 0x67736D31  # "gsm1"
_LOCK_WAIT_SECONDS = 20.0

_TABLES = """
CREATE TABLE world (
    name TEXT PRIMARY KEY, value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE offers (
    id TEXT PRIMARY KEY, gpu TEXT NOT NULL, gpu_count INTEGER NOT NULL,
    gpu_memory_bytes INTEGER NOT NULL, base_microusd INTEGER NOT NULL,
    disk_microusd_per_gib INTEGER NOT NULL, vcpus INTEGER, memory_bytes INTEGER,
    disk_bytes_max INTEGER, cuda TEXT, region TEXT NOT NULL, country TEXT, host TEXT,
    spot INTEGER NOT NULL, reliability TEXT, verified INTEGER, hosting TEXT,
    stock INTEGER NOT NULL, capacity_key TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE machines (
    id TEXT PRIMARY KEY, label TEXT, offer_id TEXT NOT NULL, capacity_key TEXT NOT NULL,
    gpu TEXT NOT NULL, gpu_count INTEGER NOT NULL, region TEXT NOT NULL, image TEXT,
    disk_bytes INTEGER NOT NULL, gpu_microusd INTEGER NOT NULL, disk_microusd INTEGER NOT NULL,
    ssh_host TEXT NOT NULL, ssh_port INTEGER NOT NULL, created_at INTEGER NOT NULL,
    listed_from INTEGER NOT NULL, prepared_at INTEGER NOT NULL, booting_at INTEGER NOT NULL,
    running_at INTEGER NOT NULL, failed_at INTEGER, stopped_at INTEGER,
    destroy_asked_at INTEGER, gone_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX machines_of_one_place ON machines (capacity_key, gone_at);
CREATE TABLE calls (
    number INTEGER PRIMARY KEY, operation TEXT NOT NULL, instance_id TEXT, offer_id TEXT,
    label TEXT, at INTEGER NOT NULL
) STRICT;
CREATE TABLE fault_scripts (
    number INTEGER PRIMARY KEY, operation TEXT NOT NULL, instance_id TEXT,
    fault TEXT NOT NULL, times_left INTEGER, until INTEGER
) STRICT;
"""


class Storage:
    """One connection. Not for use by two threads."""

    def __init__(self, path: Path | None) -> None:
        """Open ``path`` (made if it is not there), or a database in memory for None.

        Raises ``MarketError`` when the path is not a regular file of ours or not a database.
        """
        self.path = path
        self._seen: tuple[AbstractEventLoop, int] | None = None
        """The loop whose present turn has asked for ``changes`` already, and the answer."""
        if path is not None:
            _claim(path)
        try:
            self._connection = sqlite3.connect(
                ":memory:" if path is None else path,
                timeout=_LOCK_WAIT_SECONDS,
                isolation_level=None,
            )
        except sqlite3.Error as error:
            raise self._unusable(error) from error
        try:
            self.is_empty(self._connection)  # before anything is changed in what may be theirs
            self._connection.execute("PRAGMA journal_mode = WAL")
            # a simulated world may lose its last moments when the machine crashes
            self._connection.execute("PRAGMA synchronous = NORMAL")
        except BaseException as error:
            self._connection.close()
            if isinstance(error, sqlite3.Error):
                raise self._unusable(error) from error
            raise

    def close(self) -> None:
        self._connection.close()

    def transaction(self) -> Transaction:
        """All or nothing. Waits up to 20 s for other processes, then raises ``MarketError``."""
        return Transaction(self._connection, self._unusable)

    def changes(self) -> int:
        """Another number whenever another connection has committed something.

        Asked once in a turn of the event loop: what is done in one turn happens at one moment, and
        a thousand machines that are bought at once ask for the time twenty times each.
        """
        seen = self._seen
        if seen is not None and seen[0].is_running():
            return seen[1]
        version = self._version()
        loop = running_loop()
        if loop is not None:
            self._seen = loop, version
            loop.call_soon(self._end_turn)
        return version

    def _end_turn(self) -> None:
        self._seen = None

    def _version(self) -> int:
        try:
            (version,) = self._connection.execute("PRAGMA data_version").fetchone()
        except sqlite3.Error as error:
            raise self._unusable(error) from error
        return int(version)

    def is_empty(self, connection: sqlite3.Connection) -> bool:
        """True for a database just made. Raises ``MarketError`` for one that is no market."""
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if not application and not tables:
            return True
        if (application, version) != (_APPLICATION_ID, _FORMAT):
            raise self._unusable(f"format {version} is not the market's format {_FORMAT}")
        return False

    def make_tables(self, connection: sqlite3.Connection) -> None:
        for statement in _TABLES.split(";"):
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {_FORMAT}")

    def dump(self) -> str:
        """The whole content as SQL text: two equal worlds have equal dumps."""
        return "\n".join(self._connection.iterdump())

    def _unusable(self, why: object) -> MarketError:
        return MarketError(
            f"the simulated market in {self.path or 'memory'} cannot be used",
            why=str(why),
            fix="move the file away to start a new market; its machines are then forgotten",
        )


class Transaction:
    """``with`` it: ended by COMMIT, by ROLLBACK after an error.

    A class, because five of them for each of a thousand machines are a twentieth of their apply
    where each is a generator.
    """

    __slots__ = ("_connection", "_unusable")

    def __init__(
        self, connection: sqlite3.Connection, unusable: Callable[[object], MarketError]
    ) -> None:
        self._connection = connection
        self._unusable = unusable

    def __enter__(self) -> sqlite3.Connection:
        try:
            self._connection.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:
            raise self._unusable(error) from error
        return self._connection

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self._connection.execute("COMMIT" if error is None else "ROLLBACK")
        except sqlite3.Error as broken:
            raise self._unusable(broken) from broken
        if isinstance(error, sqlite3.Error):
            raise self._unusable(error) from error


def _claim(path: Path) -> None:
    """Make the file if needed, readable by its owner alone; refuse links and devices."""
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
    try:
        descriptor = os.open(path, flags, 0o600)
    except OSError as error:
        raise _unopenable(path, error.strerror or str(error)) from error
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise _unopenable(path, "it is not a regular file")
        os.fchmod(descriptor, 0o600)
    except OSError as error:
        raise _unopenable(path, error.strerror or str(error)) from error
    finally:
        os.close(descriptor)


def _unopenable(path: Path, why: str) -> MarketError:
    return MarketError(
        f"the simulated market's file {path} cannot be opened",
        why=why,
        fix="name a regular file in a directory that you may write to",
    )
