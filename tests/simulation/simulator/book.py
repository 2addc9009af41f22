"""A simulated market in memory that answers a thousand questions a run without asking its tables.

What it rents, stops and destroys is the real market's, in its own tables; only what nobody has
changed since it was last read is not read again.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cache
from typing import Any, TypeVar

from reconciler.market import machine_notes
from reconciler.market.errors import NoSuchMachine
from reconciler.market.faults import HEALTHY, Call, Fault, FaultHook, Operation
from reconciler.market.founding import account_of
from reconciler.market.machine import Inside, Machine, Order
from reconciler.market.offer import MarketOffer, Quote
from reconciler.market.prices import PriceBoard
from reconciler.market.rows import read_facts
from reconciler.market.settings import MarketSettings
from reconciler.market.storage import Storage
from reconciler.market.units import microseconds
from reconciler.market.world import World
from tests.markets import START

Answer = TypeVar("Answer")


_Idle = list[sqlite3.Connection]


@cache
def _first(
    offers: tuple[MarketOffer, ...], settings: MarketSettings
) -> tuple[bytes, dict[str, str], _Idle]:
    """The bytes of a new world's database with the facts in it, and databases that say the same
    and that nobody uses: all worlds of one provider begin with the same.
    """
    world = World.create(
        None,
        seed=0,
        started_at=START,
        wall_origin=START,
        offers=offers,
        settings=settings,
    )
    with world:
        connection = world._storage._connection
        world.machine_notes()
        machine_notes.gpu_inside(connection, "")  # makes its table, so that no run has to
        return connection.serialize(), read_facts(connection), []


class _Tables(Storage):
    """Nobody else has them, so that each statement may be a transaction of its own. In truth a run
    is one transaction, which is rolled back: the next one finds them as they were, with all that
    the database has prepared.
    """

    def __init__(self, begin: bytes, idle: _Idle) -> None:
        self.path = None
        self._idle: _Idle | None = idle
        if idle:
            self._connection = idle.pop()
        else:
            self._connection = sqlite3.connect(":memory:", isolation_level=None)
            self._connection.deserialize(begin)
        self._connection.execute("BEGIN")
        self._alone = _Alone(self._connection)

    def transaction(self) -> Any:
        return self._alone

    def close(self) -> None:
        idle, self._idle = self._idle, None
        if idle is not None:
            self._connection.execute("ROLLBACK")
            idle.append(self._connection)


class _Alone:
    """A transaction that can only be left as it ends: what is refused is refused before the first
    change.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._changes = 0

    def __enter__(self) -> sqlite3.Connection:
        self._changes = self._connection.total_changes
        return self._connection

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        assert error is None or self._changes == self._connection.total_changes


class Book(World):
    """A world that numbers its calls in memory and has no scripts: a run's faults come from its
    schedule.
    """

    number = 0
    hook: FaultHook | None = None
    """Asked about the calls that reach a face of this world."""

    @classmethod
    def opened(
        cls, name: str, seed: int, offers: tuple[MarketOffer, ...], settings: MarketSettings
    ) -> Book:
        """As ``World.create`` in memory, which makes each table anew."""
        begin, facts_there, idle = _first(offers, settings)
        account = f"{account_of(seed, START)}-{name}"  # no two providers share one
        own = {"seed": str(seed), "account": account}
        facts = facts_there | own
        storage = _Tables(begin, idle)
        changes = [(value, name) for name, value in own.items()]
        with storage.transaction() as connection:
            connection.executemany("UPDATE world SET value = ? WHERE name = ?", changes)
        made = cls(storage, facts)
        made._seen = {}
        made.known_as = {}
        made.ordered = {}
        return made

    _seen: dict[str, tuple[int, object]]
    known_as: dict[str, str]
    """Ids that were used before, and whose machine has each of them now (C2.13)."""
    ordered: dict[str, str]
    """By id, the label that was asked for, whatever became of it."""
    _shown: list[MarketOffer] | None = None

    def _unchanged(self, name: str, read: Callable[[], Answer]) -> Answer:
        """What ``read`` says, read again only when something was written."""
        changes = self._storage._connection.total_changes
        known = self._seen.get(name)
        if known is None or known[0] != changes:
            known = self._seen[name] = changes, read()
        return known[1]  # type: ignore[return-value]

    def machines(self) -> list[Machine]:
        """Every machine that ever was."""
        return self._unchanged("machines", super().all_machines)

    def all_machines(self) -> list[Machine]:
        return self.machines()

    def all_offers(self) -> list[MarketOffer]:
        if self._shown is None:
            self._shown = super().all_offers()
        return self._shown

    def machine_notes(self) -> dict[str, str]:
        return self._unchanged("notes", super().machine_notes)

    def move_prices(self, percent: int) -> None:
        """Of all that is still to be rented."""
        with self._storage.transaction() as connection:
            connection.execute(
                "UPDATE offers SET base_microusd = base_microusd * ? / 100", (percent,)
            )
        self._offers.clear()  # read once: nothing else changes what is offered
        self._shown = None

    def raise_rate(self, machine_id: str, percent: int) -> None:
        """Of a machine that runs."""
        with self._storage.transaction() as connection:
            connection.execute(
                "UPDATE machines SET gpu_microusd = gpu_microusd * ? / 100 WHERE id = ?",
                (percent, machine_id),
            )

    def readdress(self, machine_id: str) -> None:
        """It is reached at another address, which was nobody's before (C3.10)."""
        with self._storage.transaction() as connection:
            connection.execute(
                "UPDATE machines SET ssh_host = ?, ssh_port = ssh_port + 20000 WHERE id = ?",
                ("203.0.113.1", machine_id),
            )

    def host_of(self, machine: Machine) -> str:
        offers = self._unchanged("hosts", lambda: {one.id: one.host for one in self.all_offers()})
        return offers[machine.offer_id] or ""

    def gone_at(self, machine_id: str) -> int | None:
        """Of the machine that had this id first; None while it lives."""
        return next((one.gone for one in self.machines() if one.id == machine_id), None)

    def rent(self, order: Order, now: datetime, fault: Fault = HEALTHY) -> Machine:
        known = self.machines()
        machine = super().rent(order, now, fault)
        self.ordered[machine.id] = order.label or ""
        self._know([*known, machine])  # ids count up
        return machine

    def destroy(self, machine_id: str, now: datetime, fault: Fault = HEALTHY) -> None:
        real, known = self.known_as.get(machine_id, machine_id), self.machines()
        super().destroy(real, now, fault)
        self._know([self._read(real) if one.id == real else one for one in known])

    def _know(self, machines: list[Machine]) -> None:
        """What all machines are after a change of our own, which need not be read again."""
        self._seen["machines"] = self._storage._connection.total_changes, machines

    def _read(self, machine_id: str) -> Machine:
        query = "SELECT * FROM machines WHERE id = ?"
        row = self._storage._connection.execute(query, (machine_id,)).fetchone()
        return Machine._make(row)

    def begin_call(
        self,
        operation: Operation,
        now: datetime,
        *,
        instance_id: str | None = None,
        offer_id: str | None = None,
        label: str | None = None,
    ) -> tuple[Call, Fault | None]:
        self.number += 1
        call = Call(operation, instance_id, offer_id, self.number, now, label)
        return call, self.hook(call) if self.hook else None

    def list_machines(self, now: datetime, older_by: timedelta = timedelta(0)) -> list[Machine]:
        at = microseconds(self.listing_moment(now) - older_by)
        shown = [
            one
            for one in self.machines()
            if one.listed <= at and (one.gone is None or one.gone > at)
        ]
        return self._as_known(shown) if self.known_as else shown

    def _as_known(self, shown: list[Machine]) -> list[Machine]:
        names = {real: known for known, real in self.known_as.items()}
        return [one._replace(id=names.get(one.id, one.id)) for one in shown]

    def read_machine(self, machine_id: str, now: datetime) -> Machine:
        known = self._unchanged("by id", lambda: {one.id: one for one in self.machines()})
        found = known.get(self.known_as.get(machine_id, machine_id))
        if found is None or found.is_hidden_at(now) or not found.exists_at(now):
            raise NoSuchMachine(f"machine {machine_id} does not exist")
        return found._replace(id=machine_id) if self.known_as else found

    def gpus_inside(self, machine_id: str, now: datetime) -> Inside:
        self.read_machine(machine_id, now)
        return self._unchanged(machine_id, lambda: World.gpus_inside(self, machine_id, now))

    def list_offers(self, now: datetime, models: frozenset[str] = frozenset()) -> list[Quote]:
        at, board = microseconds(now), PriceBoard(self.seed, self.settings, now)
        standing = (
            one
            for one in self.machines()
            if one.created <= at and (one.gone is None or one.gone > at)
        )
        taken = Counter(one.capacity_key for one in standing)
        offers = self.all_offers()
        wanted = [one for one in offers if one.gpu in models] if models else offers
        return board.quotes(wanted, taken)
