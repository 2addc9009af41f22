"""RELIABILITY.md's faults of the wire and of what is said over it, by number: C6, C7 and their kin.

They are drawn only in runs that have a place which is rented through a real adapter.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from email.utils import format_datetime
from typing import Any

import httpx

from reconciler.market.faces.exchange import FaceAnswer, as_text
from reconciler.model.value import dataclass
from tests.simulation.simulator import wire_lines as lines
from tests.simulation.simulator.payload_lies import LIES
from tests.simulation.simulator.wire_lines import Exchange, Way

READS = ("list_offers", "list_instances", "get_instance", "beside")
CHANGES = ("create_instance", "destroy_instance")
BESIDE = "beside"
"""Requests that are none of the five operations: who one is, which keys there are."""
EVERY = (*READS, *CHANGES)


@dataclass(frozen=True, slots=True)
class WireFault:
    """``ways``: one is drawn for each request. ``aims``: what it may be drawn for. ``only``: the
    one provider where it can happen. ``harmless``: nothing may come of it. ``forges``: it may make
    an account look like another one.
    """

    ways: tuple[Way, ...]
    aims: tuple[str, ...] = EVERY
    only: str = ""
    harmless: bool = False
    forges: bool = False


def _lie(*names: str, aims: tuple[str, ...] = EVERY, **rest: Any) -> WireFault:
    return WireFault(tuple(lines.changed(LIES[name]) for name in names), aims, **rest)


# --- C6 ---------------------------------------------------------------------------------------

_HTML = "<html><head><title>Just a moment...</title></head><body>Checking</body></html>"


def _page(status: int) -> FaceAnswer:
    return as_text(status, _HTML, "text/html; charset=iso-8859-1")


def _redirect(where: str) -> FaceAnswer:
    return FaceAnswer(302, b"", {"Location": where})


async def _packed(exchange: Exchange) -> httpx.Response:
    answer = exchange.done()
    told = {**answer.headers, "Content-Encoding": "gzip"}
    return await exchange.back(replace(answer, body=b"\x1f\x8b\x08" + answer.body, headers=told))


def _typed(chance: random.Random) -> Callable[..., FaceAnswer]:
    """Another type or character set is named, or three bytes stand before the text (C6.14)."""
    kind = chance.choice(("text/plain", "application/octet-stream", "text/html; charset=utf-16"))
    start = chance.choice((b"", b"\xef\xbb\xbf"))

    def change(_: Any, answer: FaceAnswer) -> FaceAnswer:
        return replace(answer, body=start + answer.body, headers={"Content-Type": kind})

    return change


# --- C8 ---------------------------------------------------------------------------------------


def _waits(exchange: Exchange) -> str:
    now = exchange.wire.clock.now()
    dates = [now + timedelta(seconds=seconds) for seconds in (-3600, 20, 400)]
    words = ("0", "7", "90", "-5", "99999999999999", "soon", "1.5", "")
    return exchange.chance.choice((*words, *(format_datetime(one, usegmt=True) for one in dates)))


def _too_often(exchange: Exchange) -> FaceAnswer:
    text = "API requests too frequent: endpoint threshold=4.5"
    return replace(as_text(429, text), headers={"Retry-After": _waits(exchange)})


class _PerEndpoint:
    """At most one call of an endpoint in so many seconds, whoever makes it (C8.7)."""

    def __init__(self) -> None:
        self._seen: dict[tuple[int, str], Any] = {}

    async def __call__(self, exchange: Exchange) -> httpx.Response:
        asked, now = exchange.asked, exchange.wire.clock.now()
        endpoint = (id(exchange.wire.face), f"{asked.method} {asked.segments[:3]}")
        before = self._seen.get(endpoint)
        if before is not None and now - before < timedelta(seconds=5):
            exchange.not_done("rate-limited")
            return await exchange.back(as_text(429, "about 4.5 calls in a second"))
        self._seen[endpoint] = now
        return await exchange.back(exchange.done())


# --- C2, C4 -----------------------------------------------------------------------------------


async def _small_pages(exchange: Exchange) -> httpx.Response:
    """Pages of two, and between them a row moves from one to the next (C2.7)."""
    asked = exchange.asked
    small = replace(asked, query={**asked.query, "limit": "2"})
    answer = replace(exchange, asked=small).done()
    if "after_token" in asked.query:
        answer = LIES["moved rows"](exchange.chance)(asked, answer)
    return await exchange.back(answer)


_GONE_WORDS = {
    "vastai": (404, b'{"success": false, "error": "no_such_instance", "msg": "no instance"}'),
    "runpod": (500, b'{"title": "Error", "status": 500, "detail": "pod not found to terminate"}'),
    "tensordock": (200, b'{"status": 404, "error": "Instance not found"}'),
    "lambda": (400, b'{"error": {"code": "global/object-does-not-exist", "message": "gone"}}'),
}


async def _gone_already(exchange: Exchange) -> httpx.Response:
    """A destroy whose answer is lost, and who asks again later hears of it in odd words (C4.9)."""
    answer = exchange.done()
    if answer.status == 404:
        status, body = exchange.chance.choice(list(_GONE_WORDS.values()))
        return await exchange.back(FaceAnswer(status, body, answer.headers))
    if exchange.chance.random() < 0.7:
        raise httpx.ReadError("connection reset by peer")
    return await exchange.back(answer)


async def _not_in_english(exchange: Exchange) -> httpx.Response:
    """A refusal whose words nobody here reads (C7.16)."""
    error = exchange.chance.choice(("no-capacity", "refused", "unavailable", "offer-gone"))
    answer = exchange.not_done(error)
    change = LIES["another language"](exchange.chance)
    return await exchange.back(change(exchange.asked, answer))


def _ways() -> dict[str, WireFault]:
    """New ones for each run: some remember what they saw."""
    elsewhere = _redirect("https://elsewhere.example.com/api")
    without_tls = _redirect("http://console.example.com/api")
    return {
        "C6.1": WireFault((lines.never_leaves("connection refused"),)),
        "C6.2": WireFault((lines.never_leaves("name or service not known"),)),
        "C6.3": WireFault((lines.never_leaves("certificate has expired"),)),
        "C6.4": WireFault((lines.reset,)),
        "C6.5": WireFault((lines.silence,)),
        "C6.6": WireFault((lines.drip,)),
        "C6.7": WireFault((lines.endless,)),
        "C6.8": WireFault((_packed,)),
        "C6.9": WireFault((lines.cut_within_its_length, lines.changed(LIES["truncated"]))),
        "C6.10": WireFault((lines.answered(elsewhere),)),
        "C6.11": WireFault((lines.answered(without_tls),)),
        "C6.13": WireFault((lines.answered(_page(200), _page(502), _page(503)),)),
        "C6.14": WireFault((lines.changed(_typed),)),
        "C6.15": WireFault((lines.dead_when_used_again,)),
        "C6.16": WireFault((lines.black_hole,)),
        "C6.17": WireFault((lines.Swapped(),)),
        "C7.1": _lie("truncated"),
        "C7.2": _lie("null"),
        "C7.3": _lie("numbers as text", forges=True),
        "C7.4": _lie("array or object"),
        "C7.5": _lie("no wrapper"),
        "C7.6": _lie("more fields", harmless=True),
        "C7.7": _lie("doubled key"),
        "C7.8": _lie("floats", forges=True),
        "C7.9": _lie("huge integer"),
        "C7.10": _lie("deep"),
        "C7.11": _lie("lone surrogate", aims=("list_instances", "get_instance", "list_offers")),
        "C7.12": _lie("odd times"),
        "C7.13": _lie("long label", aims=("list_instances", "get_instance")),
        "C7.14": _lie("errors beside data", aims=(BESIDE,), only="runpod"),
        "C7.15": _lie("flags"),
        "C7.16": WireFault((_not_in_english,)),
        "C7.17": _lie("hostile ids", forges=True),
        "C8.4": WireFault((lines.refused(lambda _: as_text(429, "Too Many Requests")),)),
        "C8.5": WireFault((lines.refused(_too_often),)),
        "C8.7": WireFault((_PerEndpoint(),)),
        "C8.10": WireFault((lines.answered(_page(403), arrives=False),)),
        "C2.3": _lie("error and empty list", aims=("list_instances",)),
        "C2.7": WireFault((_small_pages,), ("list_instances",), only="vastai"),
        "C2.12": _lie("other ids", forges=True),
        "C2.16": _lie("list is null", aims=("list_instances",)),
        "C4.9": WireFault((_gone_already,), ("destroy_instance",)),
    }


WIRE_FAULTS: Mapping[str, WireFault] = _ways()
fresh = _ways


_WEIGHTS = {
    "create_instance": 5,
    "list_instances": 3,
    "destroy_instance": 3,
    "get_instance": 2,
    "list_offers": 1,
    BESIDE: 1,
}


def numbers_at(provider: str) -> list[str]:
    """What can go wrong on the wire to it."""
    return [number for number, one in WIRE_FAULTS.items() if one.only in ("", provider)]


def drawn_arguments(number: str, chance: random.Random) -> dict[str, Any]:
    """For how long, how often, and for which calls."""
    aims = WIRE_FAULTS[number].aims
    weights = [_WEIGHTS[aim] for aim in aims]
    (aim,) = chance.choices((*aims, "all"), (*weights, 2 if len(aims) > 1 else 0))
    return {
        "aim": aim,
        "minutes": chance.randint(1, 25),
        "number": number,
        "percent": chance.choice((40, 100, 100)),
        "times": chance.choice((1, 2, 5, None)),
    }
