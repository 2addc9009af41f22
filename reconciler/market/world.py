"""The simulated GPU market: what can be rented, what is rented, and what time it is there.

Nothing runs in the background. Prices, vacancies, boot stages and preemptions are functions of the
stored rows, the seed and the moment that the caller passes in. Each public call is one transaction,
so separate processes on one file live in one world. What machines cost is not told here but in
``reconciler.market.ledger``.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from pathlib import Path

from reconciler.market import endings, fault_script, machine_notes, orders, volumes
from reconciler.market.errors import MarketError, NoSuchMachine, OfferTaken
from reconciler.market.faults import HEALTHY, OPERATIONS, Call, Fault, Operation
from reconciler.market.founding import facts_of, first_facts_of
from reconciler.market.machine import (
    DEFAULT_DISK_BYTES,
    Inside,
    Machine,
    Order,
    gone_after,
    inside_of,
)
from reconciler.market.market_clock import MarketClock, Pace
from reconciler.market.offer import MarketOffer, Quote
from reconciler.market.prices import PriceBoard
from reconciler.market.rows import (
    all_machines,
    machine_by_id,
    machines_at,
    nodes_taken,
    offer_by_id,
    offers_of,
    read_facts,
)
from reconciler.market.settings import LIVELY, MarketSettings
from reconciler.market.storage import Storage


class World:
    """An open market. Use it as a context manager or call ``close``.

    Raises ``MarketError`` from any method when its file cannot be read or written.
    """

    def __init__(self, storage: Storage, facts: Mapping[str, str]) -> None:
        """Use ``create``, ``open`` or ``open_or_create``."""
        self._storage = storage
        self.seed = int(facts["seed"])
        self.account = facts["account"]
        self.settings = MarketSettings.from_json(facts["settings"])
        self.served_as = ""
        """The face through which calls come now: each shows only its own account's machines and
        those that nobody ordered through a face, and some faults are for one face alone."""
        self._pace: tuple[int, Pace] | None = None
        """As read when the storage had seen that many changes by others."""
        self._offers: dict[str, MarketOffer] = {}

    @classmethod
    def create(
        cls,
        path: Path | None,
        *,
        seed: int,
        started_at: datetime,
        wall_origin: datetime,
        speed: float = 1.0,
        offers: Iterable[MarketOffer] | None = None,
        settings: MarketSettings = LIVELY,
    ) -> World:
        """A new world, in memory for None. Raises ``MarketError`` if the file holds one already.

        Equal arguments make equal worlds, byte for byte. Its clock shows ``started_at`` when the
        wall clock shows ``wall_origin`` and runs ``speed`` times as fast. ``offers`` defaults to
        about 300 that depend on the seed alone.
        """
        facts = first_facts_of(seed, started_at, settings, Pace(started_at, wall_origin, speed))
        return cls._opened(path, facts, offers, may_exist=False)

    @classmethod
    def open(cls, path: Path) -> World:
        """The world in ``path``. Raises ``MarketError`` if there is none."""
        if not path.exists():
            raise MarketError(f"there is no simulated market in {path}")
        return cls._opened(path, None, None, may_exist=True)

    @classmethod
    def open_or_create(
        cls,
        path: Path,
        *,
        seed: int,
        started_at: datetime,
        wall_origin: datetime,
        speed: float = 1.0,
        offers: Iterable[MarketOffer] | None = None,
        settings: MarketSettings = LIVELY,
    ) -> World:
        """The world in ``path`` as it is, or a new one; of two processes only one makes it."""
        facts = first_facts_of(seed, started_at, settings, Pace(started_at, wall_origin, speed))
        return cls._opened(path, facts, offers, may_exist=True)

    @classmethod
    def _opened(
        cls,
        path: Path | None,
        first_facts: Mapping[str, str] | None,
        offers: Iterable[MarketOffer] | None,
        *,
        may_exist: bool,
    ) -> World:
        storage = Storage(path)
        try:
            return cls(storage, facts_of(storage, first_facts, offers, may_exist=may_exist))
        except BaseException:
            storage.close()
            raise

    def close(self) -> None:
        """May be called twice. Nothing else works afterwards, the world's clock included."""
        self._storage.close()

    def __enter__(self) -> World:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- time -------------------------------------------------------------------------------

    def clock(self) -> MarketClock:
        """The market's clock. It follows ``advance``, also when another process calls it."""
        return MarketClock(self.pace)

    def pace(self) -> Pace:
        """How market time follows wall time at present."""
        changes = self._storage.changes()
        if self._pace is None or self._pace[0] != changes:
            with self._storage.transaction() as connection:
                self._pace = changes, Pace.from_facts(read_facts(connection))
        return self._pace[1]

    def advance(self, by: timedelta) -> None:
        """Move the market's clock forward. Raises ValueError for a negative duration."""
        with self._storage.transaction() as connection:
            self._pace = None
            pace = Pace.from_facts(read_facts(connection)).advanced(by)
            for name, value in pace.to_facts().items():
                connection.execute("UPDATE world SET value = ? WHERE name = ?", (value, name))

    # --- offers -----------------------------------------------------------------------------

    def list_offers(self, now: datetime, models: frozenset[str] = frozenset()) -> list[Quote]:
        """What can be rented at ``now``, in the order of ids; no ``models`` = all of them."""
        board = PriceBoard(self.seed, self.settings, now)
        with self._storage.transaction() as connection:
            taken = nodes_taken(connection, now)
            offers = offers_of(connection, models)
        return board.quotes(offers, taken)

    def all_offers(self) -> list[MarketOffer]:
        """Every offer that the market has, rented or not, in the order of ids."""
        with self._storage.transaction() as connection:
            return offers_of(connection, frozenset())

    # --- machines ---------------------------------------------------------------------------

    def rent(self, order: Order, now: datetime, fault: Fault = HEALTHY) -> Machine:
        """Rent one node at its present price. Raises ``OfferTaken`` or ``OrderRefused``.

        Of several callers who want the last node exactly one gets it.
        """
        with self._storage.transaction() as connection:
            offer = self._offer(connection, order.offer_id)
            machine = orders.carry_out(connection, self._terms(now), offer, order, fault)
            if self.served_as:
                machine_notes.write_face(connection, machine.id, self.served_as)
            return machine

    def place_foreign(
        self,
        now: datetime,
        label: str | None = None,
        *,
        offer_id: str | None = None,
        disk_bytes: int = DEFAULT_DISK_BYTES,
    ) -> Machine:
        """A machine that somebody else made in this account, with any label or none.

        Takes the first offer that is not sold out. Raises ``OfferTaken`` if there is none.
        """
        if offer_id is None:
            quotes = self.list_offers(now)
            if not quotes:
                raise OfferTaken("nothing is left to rent")
            offer_id = quotes[0].offer.id
        with self._storage.transaction() as connection:
            offer = self._offer(connection, offer_id)
            if offer is None:
                raise OfferTaken(f"offer {offer_id} does not exist")
            order = Order(offer.id, label, disk_bytes)
            return orders.place(connection, self._terms(now), offer, order, HEALTHY)

    def list_machines(self, now: datetime, older_by: timedelta = timedelta(0)) -> list[Machine]:
        """Every machine as listings show it: as of ``listing_moment``, in the order of ids."""
        with self._storage.transaction() as connection:
            others = machine_notes.of_other_faces(connection, self.served_as)
            shown = machines_at(connection, self.listing_moment(now) - older_by)
        return [one for one in shown if one.id not in others] if others else shown

    def listing_moment(self, now: datetime) -> datetime:
        """Which moment a listing read at ``now`` shows."""
        return now - self.settings.list_lag

    def read_machine(self, machine_id: str, now: datetime) -> Machine:
        """One machine, without any lag. Raises ``NoSuchMachine``."""
        with self._storage.transaction() as connection:
            return self._machine(connection, machine_id, now)

    def gpus_inside(self, machine_id: str, now: datetime) -> Inside:
        """What a driver on the machine would say, whatever was sold. Raises ``NoSuchMachine``."""
        with self._storage.transaction() as connection:
            machine = machine_by_id(connection, machine_id, now)
            lie = machine_notes.gpu_inside(connection, machine_id)
            offer = self._offer(connection, machine.offer_id)
        return inside_of(machine, offer, lie)

    def destroy(self, machine_id: str, now: datetime, fault: Fault = HEALTHY) -> None:
        """Ask for its end; it is gone some seconds later. Asking again changes nothing.

        Raises ``NoSuchMachine``, also when it is gone already.
        """
        with self._storage.transaction() as connection:
            machine = self._machine(connection, machine_id, now)
            if fault.fails_later:
                endings.ask_in_vain(connection, machine, now)
            elif not (fault.spares_stopped and machine.status_at(now) in ("stopped", "failed")):
                endings.ask(connection, machine, now, self._dying(machine_id))

    def set_timer(self, machine_id: str, ends_at: datetime, now: datetime) -> None:
        """It asks for its own end at ``ends_at``, if it runs then, or once it does. Set again, it
        is moved. Raises ``NoSuchMachine``.
        """
        with self._storage.transaction() as connection:
            machine = machine_by_id(connection, machine_id, now)
            endings.ask_by_itself(connection, machine, ends_at, now, self._dying(machine_id))

    def stop(self, machine_id: str, at: datetime) -> None:
        """Preempt it at ``at``: its disk is billed on. Raises ``NoSuchMachine``."""
        with self._storage.transaction() as connection:
            endings.stop(connection, machine_by_id(connection, machine_id, at), at)

    def relabel(self, machine_id: str, label: str | None) -> None:
        """As a person would, in the provider's console (C2.11, C9.3)."""
        with self._storage.transaction() as connection:
            connection.execute("UPDATE machines SET label = ? WHERE id = ?", (label, machine_id))

    def all_machines(self) -> list[Machine]:
        """Every machine that ever was, gone ones included, in the order of ids."""
        with self._storage.transaction() as connection:
            return all_machines(connection)

    def note_machine(self, machine_id: str, note: str) -> None:
        """What a face has to give back about a machine and the market does not know."""
        with self._storage.transaction() as connection:
            machine_notes.write(connection, machine_id, note)

    def machine_notes(self) -> dict[str, str]:
        """Every note by the machine's id."""
        with self._storage.transaction() as connection:
            return machine_notes.read(connection)

    def place_volume(
        self, size_bytes: int, microusd_per_hour: int, machine_id: str | None = None
    ) -> int:
        """A volume that somebody made in this account and may have forgotten; its id."""
        with self._storage.transaction() as connection:
            return volumes.add(connection, size_bytes, microusd_per_hour, machine_id)

    def volumes(self) -> tuple[volumes.MarketVolume, ...]:
        """Every volume of the account."""
        with self._storage.transaction() as connection:
            return volumes.all_volumes(connection)

    # --- calls and faults -------------------------------------------------------------------

    def begin_call(
        self,
        operation: Operation,
        now: datetime,
        *,
        instance_id: str | None = None,
        offer_id: str | None = None,
        label: str | None = None,
    ) -> tuple[Call, Fault | None]:
        """Number and record a provider's call; the scripted fault that it meets, if any."""
        with self._storage.transaction() as connection:
            call = fault_script.record_call(
                connection, operation, now, instance_id, offer_id, label
            )
            return call, fault_script.take_fault(connection, call, self.served_as)

    def calls(self) -> tuple[Call, ...]:
        """The newest 10 000 calls, oldest first."""
        with self._storage.transaction() as connection:
            return fault_script.recorded_calls(connection)

    def script_fault(
        self,
        fault: Fault,
        operation: Operation,
        *,
        times: int | None = None,
        until: datetime | None = None,
        instance_id: str | None = None,
        served_as: str = "",
    ) -> None:
        """Let calls go wrong: the next ``times``, or those before ``until`` (market time), or all.

        Scripts are used in the order in which they were made; every process meets them.
        ``served_as``: only through that face.
        """
        if operation not in OPERATIONS:
            raise ValueError(f"{operation!r} is not an operation of a provider")
        with self._storage.transaction() as connection:
            fault_script.add_script(
                connection, fault, operation, times, until, instance_id, served_as
            )

    def faults(self, now: datetime) -> tuple[fault_script.Script, ...]:
        """The scripts that calls still meet."""
        with self._storage.transaction() as connection:
            return fault_script.scripts_in_force(connection, now)

    def end_fault(self, number: int) -> None:
        """Take one script back; nothing happens where it is gone already."""
        with self._storage.transaction() as connection:
            fault_script.remove_script(connection, number)

    def clear_faults(self) -> None:
        """From now on every call goes as it should, unless a hook says otherwise."""
        with self._storage.transaction() as connection:
            connection.execute("DELETE FROM fault_scripts")

    def dump(self) -> str:
        """The whole world as text; equal for equal worlds."""
        return self._storage.dump()

    # --- inside a transaction ---------------------------------------------------------------

    def _terms(self, now: datetime) -> orders.Terms:
        return orders.Terms(self.seed, self.settings, now)

    def _dying(self, machine_id: str) -> timedelta:
        return gone_after(self.seed, self.settings, machine_id)

    def _machine(self, connection: sqlite3.Connection, machine_id: str, now: datetime) -> Machine:
        if machine_id in machine_notes.of_other_faces(connection, self.served_as):
            raise NoSuchMachine(f"machine {machine_id} does not exist")
        return machine_by_id(connection, machine_id, now)

    def _offer(self, connection: sqlite3.Connection, offer_id: str) -> MarketOffer | None:
        """Read once: what a market offers never changes, only how much of it is free."""
        known = self._offers.get(offer_id)
        if known is None:
            known = offer_by_id(connection, offer_id)
            if known is not None:
                self._offers[offer_id] = known
        return known
