"""What can become of a request and of its answer on the way, below what either of them says
(RELIABILITY.md C6): lines that break, stall, drip or lead elsewhere.
"""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from email.utils import format_datetime
from typing import Any

import httpx

from reconciler.market.faces.exchange import FaceAnswer, FaceRequest
from reconciler.market.faults import Fault
from reconciler.model.value import dataclass
from tests.faces import Change
from tests.simulation.simulator.face_places import SimulatedWire

_NEVER = 3600.0
_PIECE = bytes(2**20)
_NOT_DONE = Fault(error="unavailable", done=False)


@dataclass(slots=True)
class Exchange:
    """One request, half of its way behind it. ``chance`` is the fault's own."""

    wire: SimulatedWire
    asked: FaceRequest
    chance: random.Random

    def done(self) -> FaceAnswer:
        """It is carried out."""
        return self.wire.done(self.asked)

    def not_done(self, error: Any = None) -> FaceAnswer:
        """It has arrived and is refused, or lost there: it has no effect."""
        fault = Fault(error=error, done=False) if error else _NOT_DONE
        return self.wire.done(self.asked, fault)

    def done_or_not(self) -> FaceAnswer:
        return self.done() if self.chance.random() < 0.5 else self.not_done()

    async def pause(self, seconds: float) -> None:
        await self.wire.clock.sleep(seconds)

    async def back(self, answer: FaceAnswer) -> httpx.Response:
        """The whole answer arrives."""
        return await self.carried(answer, httpx.ByteStream(answer.body))

    async def carried(
        self, answer: FaceAnswer, body: httpx.AsyncByteStream | httpx.ByteStream
    ) -> httpx.Response:
        """The head of the answer arrives, and ``body`` in its own time."""
        await self.pause((answer.after + self.wire.latency / 2).total_seconds())
        headers = {"Date": format_datetime(self.wire.clock.now(), usegmt=True), **answer.headers}
        return httpx.Response(answer.status, headers=headers, stream=body)


Way = Callable[[Exchange], Awaitable[httpx.Response]]


class _Pieces(httpx.AsyncByteStream):
    """A body that comes bit by bit. ``broken``: the line breaks at its end."""

    def __init__(self, pieces: AsyncIterator[bytes], *, broken: bool = False) -> None:
        self._pieces = pieces
        self._broken = broken

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for piece in self._pieces:
            yield piece
        if self._broken:
            raise httpx.RemoteProtocolError("peer closed connection without the complete body")


# --- nothing leaves ---------------------------------------------------------------------------


def never_leaves(why: str) -> Way:
    """Refused, no name, no good certificate."""

    async def way(_: Exchange) -> httpx.Response:
        raise httpx.ConnectError(why)

    return way


async def black_hole(exchange: Exchange) -> httpx.Response:
    """Nobody answers at the address (C6.16)."""
    await exchange.pause(5.0)
    raise httpx.ConnectTimeout("timed out")


# --- no answer comes --------------------------------------------------------------------------


async def reset(exchange: Exchange) -> httpx.Response:
    """Before or after it was carried out (C6.4)."""
    exchange.done_or_not()
    raise httpx.ReadError("connection reset by peer")


async def dead_when_used_again(exchange: Exchange) -> httpx.Response:
    """A connection that was kept too long (C6.15)."""
    exchange.done_or_not()
    raise httpx.RemoteProtocolError("server disconnected without sending a response")


async def silence(exchange: Exchange) -> httpx.Response:
    """The caller gives up at its deadline (C6.5)."""
    answer = exchange.done_or_not()
    return await exchange.back(replace(answer, after=timedelta(seconds=_NEVER)))


# --- the answer comes in a bad way ------------------------------------------------------------


async def drip(exchange: Exchange) -> httpx.Response:
    """Each piece in good time, all of them never or late (C6.6)."""
    answer = exchange.done()
    seconds = exchange.chance.choice((0.5, 10.0))

    async def pieces() -> AsyncIterator[bytes]:
        size = max(1, len(answer.body) // 12)
        for start in range(0, len(answer.body), size):
            await exchange.pause(seconds)
            yield answer.body[start : start + size]

    return await exchange.carried(answer, _Pieces(pieces()))


async def endless(exchange: Exchange) -> httpx.Response:
    """C6.7."""
    answer = exchange.done()

    async def pieces() -> AsyncIterator[bytes]:
        yield answer.body[:-1]
        while True:
            await exchange.pause(0.1)
            yield _PIECE

    return await exchange.carried(answer, _Pieces(pieces()))


async def cut_within_its_length(exchange: Exchange) -> httpx.Response:
    """C6.9, where the head said how long it would be."""
    answer = exchange.done()
    length = {**answer.headers, "Content-Length": str(len(answer.body))}

    async def pieces() -> AsyncIterator[bytes]:
        yield answer.body[: exchange.chance.randrange(len(answer.body) + 1)]

    told = replace(answer, headers=length)
    return await exchange.carried(told, _Pieces(pieces(), broken=True))


class Swapped:
    """Two answers of one process are handed to each other's question (C6.17).

    Not of two creates: then each record has the id of the other machine, which its mark denies. The
    engine says so (exit 8) and touches neither before its lease ends: no promise of convergence.
    """

    def __init__(self) -> None:
        self._waiting: dict[int, list[FaceAnswer]] = {}

    async def __call__(self, exchange: Exchange) -> httpx.Response:
        key = id(exchange.wire.process)
        mine = [exchange.done()]
        if exchange.asked.method in ("PUT", "POST"):
            return await exchange.back(mine[0])
        other = self._waiting.pop(key, None)
        if other is not None:
            mine[0], other[0] = other[0], mine[0]
        else:
            self._waiting[key] = mine
            await exchange.pause(3.0)
            if self._waiting.get(key) is mine:
                del self._waiting[key]
        return await exchange.back(mine[0])


# --- an answer that was changed or made on the way --------------------------------------------


def changed(change: Callable[[random.Random], Change]) -> Way:
    """It is carried out, and its answer says something else."""

    async def way(exchange: Exchange) -> httpx.Response:
        answer = exchange.done()
        return await exchange.back(change(exchange.chance)(exchange.asked, answer))

    return way


def answered(*answers: FaceAnswer, arrives: bool = True) -> Way:
    """By somebody in front of the provider. ``arrives``: perhaps after it was carried out there."""

    async def way(exchange: Exchange) -> httpx.Response:
        if arrives:
            exchange.done_or_not()
        return await exchange.back(exchange.chance.choice(answers))

    return way


def refused(make: Callable[[Exchange], FaceAnswer]) -> Way:
    """By the provider itself: nothing was done."""

    async def way(exchange: Exchange) -> httpx.Response:
        exchange.not_done()
        return await exchange.back(make(exchange))

    return way
