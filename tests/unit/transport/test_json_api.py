"""The door to a provider's API, against a network that a test plays, and once over a socket."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import Any

import anyio
import httpx
import pytest

from reconciler import __version__
from reconciler.clock import LoopClock, SystemClock
from reconciler.transport.api_base import parse_api_base
from reconciler.transport.json_api import (
    BODY_BYTES_MAX,
    ApiAnswer,
    CallFailed,
    Endpoint,
    JsonApi,
)
from reconciler.transport.pacing import Pace
from reconciler.transport.retrying import NEVER_AGAIN, Patience
from tests.markets import START
from tests.virtual_time import run_virtual

KEY = "k3y-0123456789abcdef"
OFTEN = Pace(1000, 1.0)
READ = Endpoint("GET", "/things/{}/", OFTEN, Patience(tries=3))
CREATE = Endpoint("PUT", "/things/{}/", OFTEN, NEVER_AGAIN)
Play = Callable[[httpx.Request], httpx.Response]


class Network(httpx.AsyncBaseTransport):
    """Plays answers in turn, the last one for ever; ``asked`` is what came, and when."""

    def __init__(self, *answers: Play) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[float, httpx.Request]] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.asked.append((anyio.current_time(), request))
        play = self.answers[min(len(self.asked), len(self.answers)) - 1]
        return play(request)


def answering(status: int, body: bytes | str = b"{}", **headers: str) -> Play:
    content = body.encode() if isinstance(body, str) else body
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return lambda _: httpx.Response(status, headers=named, stream=httpx.ByteStream(content))


def failing(error: type[httpx.TransportError]) -> Play:
    def play(request: httpx.Request) -> httpx.Response:
        raise error(f"could not send {request.headers['Authorization']}")

    return play


def call(
    network: httpx.AsyncBaseTransport, endpoint: Endpoint = READ, *ids: str, **more: Any
) -> ApiAnswer:
    async def run() -> ApiAnswer:
        base = parse_api_base("https://api.example.com/v1")
        door = JsonApi(base, KEY, LoopClock(START), lambda: 0.5, transport=network)
        try:
            return await door.call(endpoint, *(ids or ("7",)), **more)
        finally:
            await door.close()

    return run_virtual(run)


def failure(
    network: httpx.AsyncBaseTransport, endpoint: Endpoint = READ, **more: Any
) -> CallFailed:
    with pytest.raises(CallFailed) as caught:
        call(network, endpoint, **more)
    said = " ".join(caught.value.lines())
    assert KEY not in said
    assert said.startswith("https://api.example.com: ")
    return caught.value


def test_the_key_stands_in_one_header_and_nowhere_else() -> None:
    network = Network(answering(200, '{"a": 0.1}'))
    answer = call(network, READ, query={"limit": "25"})
    ((_, request),) = network.asked
    assert request.headers["Authorization"] == f"Bearer {KEY}"
    assert request.headers["User-Agent"] == f"gpu-shopper/{__version__}"
    assert KEY not in str(request.url)
    assert str(request.url) == "https://api.example.com/v1/things/7/?limit=25"
    assert (answer.status, answer.not_json) == (200, "")


def test_C7_17_an_id_that_leads_elsewhere_stays_one_segment() -> None:
    network = Network(answering(200))
    call(network, READ, "../users/1")
    ((_, request),) = network.asked
    assert request.url.raw_path == b"/v1/things/..%2Fusers%2F1/"


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_read_is_tried_again_and_the_last_answer_counts(status: int) -> None:
    network = Network(answering(status, "busy"), answering(status), answering(200, "[1]"))
    assert call(network).value == [1]
    assert [moment for moment, _ in network.asked] == [0.0, 1.0, 3.0]


def test_an_answer_that_says_no_is_not_asked_for_twice() -> None:
    network = Network(answering(404, '{"error": "not_found"}'))
    assert call(network).status == 404
    assert len(network.asked) == 1


def test_tries_end_with_the_last_answer() -> None:
    network = Network(answering(503, "maintenance"))
    answer = call(network)
    assert (answer.status, answer.excerpt, answer.not_json) == (503, "maintenance", "not JSON")
    assert len(network.asked) == 3


def test_C8_5_retry_after_is_honoured_and_a_huge_one_ends_the_tries() -> None:
    network = Network(answering(429, Retry_After="20"), answering(200))
    call(network)
    assert [moment for moment, _ in network.asked] == [0.0, 20.0]
    network = Network(answering(429, Retry_After="86400"))
    assert call(network).asked_seconds == 86400.0
    assert len(network.asked) == 1


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_I26_a_create_is_sent_once_whatever_the_answer(status: int) -> None:
    network = Network(answering(status))
    assert call(network, CREATE, body={"image": "x"}).status == status
    assert len(network.asked) == 1


@pytest.mark.parametrize(
    ("error", "sent"),
    [
        (httpx.ConnectError, False),
        (httpx.ConnectTimeout, False),
        (httpx.ReadError, True),
        (httpx.WriteError, True),
        (httpx.RemoteProtocolError, True),
        (httpx.ReadTimeout, True),
    ],
)
def test_I26_a_create_that_broke_is_sent_once_and_says_whether_it_may_have_left(
    error: type[httpx.TransportError], sent: bool
) -> None:
    network = Network(failing(error))
    assert failure(network, CREATE, body={}).sent is sent
    assert len(network.asked) == 1


def test_a_read_that_broke_is_tried_again() -> None:
    network = Network(failing(httpx.ReadError), failing(httpx.ConnectError), answering(200))
    assert call(network).status == 200


def test_C6_6_one_deadline_holds_for_the_whole_answer_however_slowly_it_drips() -> None:
    class Slow(httpx.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            while True:
                await LoopClock(START).sleep(4)
                yield b" "

    network = Network(lambda _: httpx.Response(200, stream=Slow()))
    failed = failure(network, CREATE, body={})
    assert "no answer within 30 seconds" in failed.what
    assert failed.sent


def test_C6_7_an_answer_without_end_is_cut_off() -> None:
    class Endless(httpx.AsyncByteStream):
        given = 0

        async def __aiter__(self) -> AsyncIterator[bytes]:
            while True:
                Endless.given += 2**20
                yield b" " * 2**20

    network = Network(lambda _: httpx.Response(200, stream=Endless()))
    assert "larger than 16 MiB" in failure(network, CREATE, body={}).what
    assert Endless.given <= BODY_BYTES_MAX + 2**20


def test_an_answer_of_16_mib_is_read_and_one_byte_more_is_refused() -> None:
    whole = b'"' + b"x" * (BODY_BYTES_MAX - 2) + b'"'
    assert len(whole) == 16 * 2**20
    assert call(Network(answering(200, whole)), READ).not_json == ""
    assert "larger than 16 MiB" in failure(Network(answering(200, whole + b" ")), CREATE).what


def test_C6_8_nothing_packed_is_asked_for_or_unpacked() -> None:
    network = Network(answering(200, b"\x1f\x8b", Content_Encoding="gzip"))
    assert "packed" in failure(network, CREATE, body={}).what
    assert network.asked[0][1].headers["Accept-Encoding"] == "identity"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_C6_10_a_redirect_is_refused_and_both_hosts_are_named(status: int) -> None:
    network = Network(answering(status, Location="https://else.example.net/x?key=s3cret"))
    failed = failure(network, CREATE, body={})
    assert "else.example.net" in failed.what
    assert "s3cret" not in failed.what
    assert len(network.asked) == 1


def test_C6_12_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")

    async def mounts() -> int:
        base = parse_api_base("https://api.example.com")
        door = JsonApi(base, KEY, SystemClock(), lambda: 0.5)
        client = door._opened()
        count = len(client._mounts)
        await door.close()
        return count

    assert anyio.run(mounts) == 0


def test_I10_a_key_that_is_echoed_is_cut_out_of_the_answer_before_anyone_sees_it() -> None:
    secret = 'a "quoted" pass/word'
    echo = json.dumps({"msg": f"Invalid key {KEY}", "env": secret, "url": "pass%2Fword"})
    answer = call(Network(answering(400, echo)), CREATE, body={}, secrets=[secret])
    everything = repr(answer)
    assert KEY not in everything
    assert "quoted" not in everything
    assert "[redacted]" in everything


def test_bad_input_45_what_is_no_json_is_kept_as_80_escaped_characters() -> None:
    answer = call(Network(answering(200, "<html>\x1b[2J" + "x" * 500)))
    assert answer.value is None
    assert answer.excerpt.startswith("<html>\\x1b[2J")
    assert len(answer.excerpt) <= 80


# --- over a socket ------------------------------------------------------------------------------


@contextmanager
def dumb_server(answer: bytes) -> Iterator[tuple[int, list[bytes]]]:
    """Takes each connection, reads once, says ``answer`` and hangs up."""
    listener = socket.create_server(("127.0.0.1", 0))
    connections: list[bytes] = []

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                connections.append(connection.recv(65_536))
                connection.sendall(answer)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listener.getsockname()[1], connections
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def _over_a_socket(port: int, endpoint: Endpoint) -> ApiAnswer:
    async def run() -> ApiAnswer:
        base = parse_api_base(f"http://127.0.0.1:{port}")
        door = JsonApi(base, KEY, SystemClock(), lambda: 0.0)
        try:
            return await door.call(endpoint, "7", body={})
        finally:
            await door.close()

    return anyio.run(run)


def test_an_answer_over_a_socket() -> None:
    with dumb_server(b'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"a": 1}\n') as (port, seen):
        assert _over_a_socket(port, CREATE).value == {"a": 1}
    assert len(seen) == 1


def test_C6_9_a_cut_answer_is_no_answer() -> None:
    cut = b"HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n{}"
    with dumb_server(cut) as (port, seen), pytest.raises(CallFailed) as caught:
        _over_a_socket(port, CREATE)
    assert caught.value.sent
    assert len(seen) == 1


def test_C6_1_a_port_where_nobody_listens_means_that_nothing_left() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(CallFailed) as caught:
        _over_a_socket(port, CREATE)
    assert not caught.value.sent


def heard(*answers: Play) -> dict[str, datetime]:
    """What a clock has heard of the time from the answers to one call."""

    async def run() -> dict[str, datetime]:
        wall = LoopClock(START)
        clock = SystemClock(wall.now, wall.elapsed_seconds)
        base = parse_api_base("https://api.example.com/v1")
        door = JsonApi(base, KEY, clock, lambda: 0.0, transport=Network(*answers))
        with suppress(CallFailed):
            await door.call(READ, "7")
        await door.close()
        return dict(clock.readings().said)

    return run_virtual(run)


DATE = "Wed, 01 Jul 2026 13:00:00 GMT"


@pytest.mark.parametrize("status", [200, 401, 404, 500])
def test_I31_the_date_of_an_answer_is_heard_whatever_the_answer(status: int) -> None:
    said = heard(answering(status, Date=DATE))
    assert {name: one.hour for name, one in said.items()} == {"api.example.com": 13}


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Date": ""},
        {"Date": "yesterday"},
        {"Date": "Wed, 01 Jul 2026 13:00:60 GMT"},
        {"Date": "Fri, 31 Dec 9999 23:59:59 GMT"},
        {"Date": DATE, "Age": "86400"},
    ],
)
def test_I31_a_date_that_cannot_be_read_or_comes_from_a_cache_is_none(
    headers: dict[str, str],
) -> None:
    assert heard(answering(200, **headers)) == {}


def test_I31_the_date_of_a_redirect_is_nobodys() -> None:
    assert heard(answering(302, Location="https://evil.example/", Date=DATE)) == {}
