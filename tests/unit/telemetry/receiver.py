"""A real HTTP server on this machine, for what is sent out."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Received:
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """``port`` to send to, and what came, in order."""

    port: int = 0
    received: list[Received] = field(default_factory=list)
    gave_up: threading.Event = field(default_factory=threading.Event)

    def url(self, path: str = "/hook/s3cret?key=s3cret", host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}{path}"


Answer = Callable[[BaseHTTPRequestHandler, Receiver], None]


def plainly(status: int, **headers: str) -> Answer:
    def answer(handler: BaseHTTPRequestHandler, receiver: Receiver) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return answer


@contextmanager
def receiver(answer: Answer) -> Iterator[Receiver]:
    """Runs until the block ends; joins its threads."""
    mine = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            mine.received.append(Received(self.path, dict(self.headers.items()), body))
            answer(self, mine)

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = False
    mine.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield mine
    finally:
        mine.gave_up.set()
        server.shutdown()
        server.server_close()
        thread.join()
