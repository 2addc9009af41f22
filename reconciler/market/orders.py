"""An order becomes a machine, or is refused. Inside a transaction."""

from __future__ import annotations

import sqlite3
from datetime import datetime
from typing import NamedTuple

from reconciler.market import machine_notes
from reconciler.market.errors import OfferTaken, OrderRefused
from reconciler.market.faults import Fault
from reconciler.market.machine import Machine, Order, fate_of, new_machine
from reconciler.market.offer import MarketOffer
from reconciler.market.prices import PriceBoard
from reconciler.market.rows import add_machine, next_machine_id, nodes_taken_of
from reconciler.market.settings import MarketSettings

LABEL_LENGTH_MAX = 64


class Terms(NamedTuple):
    """The market at the moment of the order."""

    seed: int
    settings: MarketSettings
    now: datetime

    def board(self) -> PriceBoard:
        """Prices and vacancies then."""
        return PriceBoard(self.seed, self.settings, self.now)


def carry_out(
    connection: sqlite3.Connection,
    terms: Terms,
    offer: MarketOffer | None,
    order: Order,
    fault: Fault,
) -> Machine:
    """The machine, if a node of ``offer`` is free. Raises ``OfferTaken`` or ``OrderRefused``."""
    if order.label is not None and len(order.label) > LABEL_LENGTH_MAX:
        raise OrderRefused(f"a label has at most {LABEL_LENGTH_MAX} characters")
    board = terms.board()
    if offer is None or _free_nodes(connection, offer, board, terms.now) < 1:
        raise OfferTaken(f"offer {order.offer_id} is not available")
    limit = offer.disk_bytes_max
    if order.disk_bytes < 0 or (limit is not None and order.disk_bytes > limit):
        raise OrderRefused(f"offer {offer.id} has no disk of {order.disk_bytes} bytes")
    bid = order.bid_microusd
    if bid is not None and board.price(offer.id, offer.base_microusd) > bid:
        raise OfferTaken(f"offer {offer.id} asks more than the bid")
    return place(connection, terms, offer, order, fault)


def place(
    connection: sqlite3.Connection, terms: Terms, offer: MarketOffer, order: Order, fault: Fault
) -> Machine:
    """The machine at the present price, whether or not a node is free."""
    seed, settings, now = terms
    machine_id = next_machine_id(connection)
    price = terms.board().price(offer.id, offer.base_microusd)
    fate = fate_of(seed, settings, machine_id, bool(offer.spot), now)
    machine = new_machine(machine_id, offer, order, price, fate, now, fault)
    add_machine(connection, machine)
    if order.note and not fault.forgets_order:
        machine_notes.write(connection, machine_id, order.note)
    if fault.gpu_inside is not None:
        machine_notes.write_inside(connection, machine_id, fault.gpu_inside)
    return machine


def _free_nodes(
    connection: sqlite3.Connection, offer: MarketOffer, board: PriceBoard, now: datetime
) -> int:
    taken = nodes_taken_of(connection, offer.capacity_key, now)
    return offer.stock - taken - board.rented_by_others(offer.capacity_key, offer.stock)
