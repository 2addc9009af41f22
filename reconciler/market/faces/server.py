"""Faces behind a real socket, on this machine only."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.market.faces.exchange import FaceAnswer, FaceRequest
from reconciler.market.faces.mounts import AllFaces
from reconciler.market.world import World

if TYPE_CHECKING:
    from collections.abc import Callable

HOST = "127.0.0.1"
BODY_BYTES_MAX = 2**20
_IDLE_SECONDS = 30.0
_HEADERS_OF_ITS_OWN = frozenset({"content-length", "connection", "date", "server"})


class FaceServer(ThreadingHTTPServer):
    """Serves the market in ``path`` as every provider that has a face; port 0: any free one.

    Each request opens the market anew, so that other commands work on it at the same time. A
    request whose answer is late holds up no other.
    """

    daemon_threads = True

    def __init__(self, path: Path, port: int, log: Callable[[str], None]) -> None:
        self.log = log
        self._path = path
        self._faces = AllFaces()
        self._turn = threading.Lock()
        self._stopped = threading.Event()
        super().__init__((HOST, port), _Handler)

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.server_port}"

    def server_close(self) -> None:
        """Late answers are not waited for."""
        self._stopped.set()
        super().server_close()

    def answer(self, request: FaceRequest) -> FaceAnswer:
        """One at a time."""
        with self._turn, World.open(self._path) as world:
            answer = self._faces.handle(world, request)
            speed = world.pace().speed
        if answer.after:
            self._stopped.wait(answer.after.total_seconds() / speed)
        return answer


class _Handler(BaseHTTPRequestHandler):
    server: FaceServer
    timeout = _IDLE_SECONDS

    def _serve(self) -> None:
        length = self.headers.get("Content-Length", "0")
        if not length.isascii() or not length.isdigit() or int(length) > BODY_BYTES_MAX:
            self.send_error(413)
            return
        request = FaceRequest.of(
            self.command, self.path, dict(self.headers.items()), self.rfile.read(int(length))
        )
        answer = self.server.answer(request)
        path = self.path.partition("?")[0]
        self.server.log(f"{self.command} {path} {answer.status}")
        self._send(answer)

    def _send(self, answer: FaceAnswer) -> None:
        try:
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                if name.lower() not in _HEADERS_OF_ITS_OWN:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)
        except OSError:  # the caller did not wait
            self.close_connection = True

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve

    def log_message(self, format: str, *args: object) -> None:
        """Silent: what is said is said by the server's own log, escaped."""
