from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import anyio
import pytest

from reconciler.transport.http_session import PostFailed, post_json
from tests.unit.telemetry.receiver import plainly, receiver


def _post(url: str, addresses: list[str] | None = None, **options: Any) -> int:
    looked_up: list[str] = []

    async def resolve(host: str, port: int) -> list[str]:
        looked_up.append(host)
        return addresses or []

    async def run() -> int:
        return await post_json(url, b"{}", resolve=resolve, **options)

    try:
        return anyio.run(run)
    finally:
        assert len(looked_up) <= 1  # a second look-up could be answered in another way


def _refusal(url: str, addresses: list[str], **options: Any) -> str:
    with pytest.raises(PostFailed) as caught:
        _post(url, addresses, **options)
    return caught.value.what


@pytest.mark.parametrize(
    ("addresses", "reason"),
    [
        (["127.0.0.1"], "this machine, and the URL does not say so"),
        (["::1"], "this machine, and the URL does not say so"),
        (["169.254.169.254"], "link-local"),
        (["::ffff:169.254.169.254"], "link-local"),
        (["fe80::1%1"], "link-local"),
        (["10.0.0.1"], "private"),
        (["224.0.0.1"], "multicast"),
        (["240.0.0.1"], "reserved"),
        (["93.184.216.34", "10.0.0.1"], "private"),
        ([], "has no address"),
        (["rubbish"], "could not be resolved"),
    ],
)
def test_I25_a_name_with_an_address_that_is_refused_is_never_connected_to(
    addresses: list[str], reason: str
) -> None:
    message = _refusal("https://hooks.example.com/s3cret", addresses)
    assert reason in message
    assert message.startswith("https://hooks.example.com: ")
    assert "s3cret" not in message


def test_I25_a_public_name_that_points_at_this_machine_reaches_nothing() -> None:
    with receiver(plainly(200)) as hook:
        _refusal(f"https://hooks.example.com:{hook.port}/", ["127.0.0.1"])
    assert hook.received == []


def test_a_name_server_that_fails_is_named_by_kind_only() -> None:
    async def resolve(host: str, port: int) -> list[str]:
        raise socket.gaierror(-2, "s3cret")

    async def run() -> int:
        return await post_json("https://hooks.example.com/", b"{}", resolve=resolve)

    with pytest.raises(PostFailed, match="could not be resolved") as caught:
        anyio.run(run)
    assert "s3cret" not in caught.value.what


def test_a_name_server_that_hangs_is_within_the_deadline() -> None:
    async def resolve(host: str, port: int) -> list[str]:
        await anyio.sleep_forever()
        return []

    async def run() -> int:
        return await post_json(
            "https://hooks.example.com/", b"{}", resolve=resolve, deadline_seconds=0.05
        )

    with pytest.raises(PostFailed, match=r"no answer within 0\.05 seconds"):
        anyio.run(run)


def test_localhost_is_this_machine_whatever_a_name_server_says() -> None:
    with receiver(plainly(202)) as hook:
        assert _post(hook.url(host="localhost"), ["93.184.216.34"]) == 202
    assert len(hook.received) == 1


@contextmanager
def _listener(serve: Callable[[socket.socket], None]) -> Iterator[int]:
    """A plain TCP server for one connection, for what is said before HTTP."""

    def run() -> None:
        connection, _ = listening.accept()
        with connection:
            serve(connection)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            thread.join()


def test_the_certificate_is_asked_for_the_name_and_not_for_the_address() -> None:
    hellos: list[bytes] = []
    with _listener(lambda connection: hellos.append(connection.recv(65536))) as port:
        message = _refusal(f"https://localhost:{port}/s3cret", [])
    assert b"localhost" in hellos[0]
    assert "the connection failed" in message
    assert "s3cret" not in message


@pytest.mark.parametrize("target", ["/a[b]", "/%zz", "/a/../b", "//x/y", "/?a=%00", "/;:@&='()*!"])
def test_odd_paths_reach_the_same_host(target: str) -> None:
    with receiver(plainly(200)) as hook:
        assert _post(hook.url(target)) == 200
    assert len(hook.received) == 1
