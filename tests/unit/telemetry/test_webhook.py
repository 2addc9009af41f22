from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from http.server import BaseHTTPRequestHandler
from typing import Any

import anyio
import pytest

from reconciler.model.address import Slot
from reconciler.model.notice import Notice, NoticeKind
from reconciler.model.reason import DestroyReason
from reconciler.telemetry.webhook import DeliveryResult, event_bytes, send_notice
from tests.unit.telemetry.receiver import Receiver, plainly, receiver


def notice(**changes: Any) -> Notice:
    fields: dict[str, Any] = {
        "kind": NoticeKind.SOFT_DESTROY,
        "workspace": "demo",
        "message": "fleet.dev[0] is not declared any more",
        "slot": Slot("dev", 0),
        "reason": DestroyReason.UNDECLARED,
        "usd_so_far": Decimal("1.50"),
        "ends_at": datetime(2026, 3, 1, 12, 10, tzinfo=UTC),
        "keep_command": "gpu-shopper extend fleet.dev 1h",
    }
    return Notice(**{**fields, **changes})


def _send(url: str, deadline_seconds: float = 10) -> DeliveryResult:
    async def run() -> DeliveryResult:
        return await send_notice(url, notice(), deadline_seconds=deadline_seconds)

    return anyio.run(run)


def test_a_notice_arrives_whole_with_money_as_text() -> None:
    with receiver(plainly(204)) as hook:
        result = _send(hook.url())
    assert result == DeliveryResult(True, f"http://127.0.0.1:{hook.port}", 204)
    [came] = hook.received
    event = json.loads(came.body)
    assert came.path == "/hook/s3cret?key=s3cret"
    assert came.headers["Content-Type"] == "application/cloudevents+json"
    assert came.headers["Host"] == f"127.0.0.1:{hook.port}"
    assert (event["specversion"], event["type"]) == ("1.0", "gpu-shopper.notice")
    assert event["data"] == {
        "kind": "soft-destroy",
        "workspace": "demo",
        "slot": "fleet.dev[0]",
        "reason": "undeclared",
        "message": "fleet.dev[0] is not declared any more",
        "usd_so_far": "1.50",
        "ends_at": "2026-03-01T12:10:00+00:00",
        "keep_command": "gpu-shopper extend fleet.dev 1h",
    }


def test_the_same_notice_has_the_same_event_id_and_another_one_another() -> None:
    def event_id(message: str) -> object:
        return json.loads(event_bytes(notice(message=message)))["id"]

    assert event_id("a") == event_id("a")
    assert event_id("a") != event_id("b")


def test_bad_input_53_a_lone_surrogate_in_a_message_does_not_stop_a_notice() -> None:
    assert b"\\ud800" in event_bytes(notice(message="x\ud800"))


def test_the_name_localhost_is_kept_in_the_host_header() -> None:
    with receiver(plainly(200)) as hook:
        assert _send(hook.url(host="localhost")).delivered
    assert hook.received[0].headers["Host"] == f"localhost:{hook.port}"


@pytest.mark.parametrize("status", [400, 401, 404, 500, 503])
def test_an_answer_other_than_success_is_a_result_without_the_secret_part_of_the_url(
    status: int,
) -> None:
    with receiver(plainly(status)) as hook:
        result = _send(hook.url())
    assert not result.delivered
    assert result.status == status
    assert result.reason == f"http://127.0.0.1:{hook.port} answered {status}"


def test_bad_input_54_a_redirect_is_not_followed() -> None:
    with (
        receiver(plainly(200)) as other,
        receiver(plainly(307, Location=other.url("/elsewhere"))) as hook,
    ):
        result = _send(hook.url())
    assert not result.delivered
    assert "answered 307 (redirects are not followed)" in result.reason
    assert other.received == []


def test_C6_12_proxies_in_the_environment_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    with receiver(plainly(200)) as proxy, receiver(plainly(200)) as hook:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url(""))
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        assert _send(hook.url()).delivered
    assert len(hook.received) == 1
    assert proxy.received == []


def test_C6_1_nobody_listening_is_a_result() -> None:
    with receiver(plainly(200)) as hook:
        url = hook.url()
    result = _send(url)
    assert not result.delivered
    assert "the connection failed (ConnectError)" in result.reason


def _endless_body(handler: BaseHTTPRequestHandler, mine: Receiver) -> None:
    handler.send_response(200)
    handler.end_headers()
    with suppress(OSError):
        while not mine.gave_up.is_set():
            handler.wfile.write(b"x" * 65536)


def test_C6_7_a_body_without_end_is_not_read() -> None:
    with receiver(_endless_body) as hook:
        assert _send(hook.url()).delivered


def _silence(handler: BaseHTTPRequestHandler, mine: Receiver) -> None:
    mine.gave_up.wait(30)


def _a_byte_now_and_then(handler: BaseHTTPRequestHandler, mine: Receiver) -> None:
    with suppress(OSError):
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nX: ")
        while not mine.gave_up.wait(0.02):
            handler.wfile.write(b"x")


@pytest.mark.parametrize("answer", [_silence, _a_byte_now_and_then])
def test_C6_6_the_deadline_holds_for_the_whole_call(
    answer: Callable[[BaseHTTPRequestHandler, Receiver], None],
) -> None:
    with receiver(answer) as hook:
        result = _send(hook.url(), deadline_seconds=0.3)
    assert not result.delivered
    assert result.reason.endswith("no answer within 0.3 seconds")


def _rubbish(handler: BaseHTTPRequestHandler, mine: Receiver) -> None:
    handler.wfile.write(b"\x1b[2J not http\r\n\r\n")


def _cut_off(handler: BaseHTTPRequestHandler, mine: Receiver) -> None:
    handler.close_connection = True


@pytest.mark.parametrize("answer", [_rubbish, _cut_off])
def test_an_answer_that_is_no_http_is_a_result_without_its_text(
    answer: Callable[[BaseHTTPRequestHandler, Receiver], None],
) -> None:
    with receiver(answer) as hook:
        result = _send(hook.url())
    assert not result.delivered
    assert "(RemoteProtocolError)" in result.reason
    assert "\x1b" not in result.reason
    assert "s3cret" not in result.reason


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/s3cret",
        "https://0251.0376.0251.0376/s3cret",
        "https://2852039166/s3cret",
        "https://user:s3cret@example.com/",
        "file:///s3cret",
        "https://10.0.0.1/s3cret",
        "s3cret",
    ],
)
def test_bad_input_29_a_refused_url_is_refused_again_when_sending(url: str) -> None:
    result = _send(url)
    assert not result.delivered
    assert "the URL is refused" in result.reason
    assert "s3cret" not in result.reason + result.target
