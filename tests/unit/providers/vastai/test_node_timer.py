"""The timer of a machine at Vast.ai: the real script, in a real shell, at Vast.ai's own face."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from reconciler.market.faces.exchange import FaceAnswer, FaceRequest
from reconciler.market.faces.vast import VastFace, key_of
from reconciler.market.faces.vast_nodes import own_key
from reconciler.market.machine import Order
from reconciler.market.world import World
from reconciler.providers.vastai.node_timer import set_command, timer_script
from tests.markets import START, market_offer, small_world

LONG_AGO, FAR_AWAY = START - timedelta(days=400), START + timedelta(days=4000)


@contextmanager
def listening() -> Iterator[tuple[str, list[FaceRequest], threading.Event]]:
    """A server on loopback: its address, what was asked of it, and when something was."""
    asked: list[FaceRequest] = []
    seen = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_DELETE(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            asked.append(FaceRequest.of("DELETE", self.path, dict(self.headers), body))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()
            seen.set()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked, seen
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def running(script: Path, ends_file: Path, path: str, **variables: str) -> Iterator[None]:
    words = ["/bin/sh", str(script), str(ends_file)]
    environment = {"PATH": path, **variables}
    process = subprocess.Popen(words, env=environment, start_new_session=True)
    try:
        yield
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.mark.parametrize("without_curl", [False, True])
def test_a_timer_that_is_over_ends_its_own_machine_with_its_own_key(
    tmp_path: Path, without_curl: bool
) -> None:
    path = "/usr/bin:/bin"
    if without_curl:  # some images have Python alone
        path = str(tmp_path)
        for name in ("cat", "date", "sleep", "tr", "sed"):
            (tmp_path / name).symlink_to(f"/usr/bin/{name}")
        (tmp_path / "python3").symlink_to(os.path.realpath("/usr/bin/python3"))
    with small_world() as world:
        machine = world.rent(Order("o1", "gs1"), START)
        key = own_key(world, machine.id)
        with listening() as (origin, asked, seen):
            script = tmp_path / "timer.sh"
            script.write_text(timer_script(LONG_AGO, timedelta(0), origin))
            with running(
                script, tmp_path / "ends", path, CONTAINER_ID=machine.id, CONTAINER_API_KEY=key
            ):
                assert seen.wait(20)
        (request, *_) = asked
        assert request.body == b"{}"
        assert VastFace().handle_at(world, request, START).status == 200
        (left,) = world.all_machines()
        assert left.gone_at is not None


def test_what_the_file_says_holds_and_what_is_no_time_ends_nothing(tmp_path: Path) -> None:
    ends = tmp_path / "ends"
    script = tmp_path / "timer.sh"
    with listening() as (origin, _, seen):
        script.write_text(timer_script(FAR_AWAY, timedelta(0), origin))
        for text in ("0\n", "17826\n", "now\n", "", "99999999999999\n"):
            ends.write_text(text)
            with running(script, ends, "/usr/bin:/bin", CONTAINER_ID="1", CONTAINER_API_KEY="k"):
                assert not seen.wait(0.15), text
        ends.write_text(f"{int(LONG_AGO.timestamp())}\n")
        with running(script, ends, "/usr/bin:/bin", CONTAINER_ID="1", CONTAINER_API_KEY="k"):
            assert seen.wait(20)


MOMENT = datetime(2026, 7, 1, 18, tzinfo=UTC)
SECONDS = int(MOMENT.timestamp())


@pytest.mark.parametrize(
    ("kept", "was", "holds"),
    [
        (f"{SECONDS - 60}\n", SECONDS - 60, SECONDS),
        (f"{SECONDS + 60}\n", SECONDS + 60, SECONDS + 60),
        (None, 0, SECONDS),
        ("", 0, SECONDS),
        ("now\n", 0, SECONDS),
        ("17826\n", 0, SECONDS),
        ("99999999999999\n", 0, SECONDS),
    ],
)
def test_it_is_only_ever_set_later_and_says_what_held_and_what_holds(
    tmp_path: Path, kept: str | None, was: int, holds: int
) -> None:
    ends = tmp_path / ".gpu-shopper-ends"
    (tmp_path / ".gpu-shopper-ends.pid").write_text(f"{os.getpid()}\n")
    if kept is not None:
        ends.write_text(kept)
    command = set_command(MOMENT).replace("/root", str(tmp_path))
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True)
    assert done.stdout == f"{was} {holds}\n"
    assert ends.read_text() == f"{holds}\n"


@pytest.mark.parametrize("pid", [None, "", "4194304999\n", "x\n"])
def test_where_no_timer_runs_it_says_so_and_sets_nothing(tmp_path: Path, pid: str | None) -> None:
    if pid is not None:
        (tmp_path / ".gpu-shopper-ends.pid").write_text(pid)
    command = set_command(MOMENT).replace("/root", str(tmp_path))
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True)
    assert done.stdout == "0 0\n"
    assert not (tmp_path / ".gpu-shopper-ends").exists()


def test_a_timer_that_could_not_ask_does_not_run_and_one_that_can_is_seen(tmp_path: Path) -> None:
    bare, ends, script = tmp_path / "bin", tmp_path / ".gpu-shopper-ends", tmp_path / "timer.sh"
    bare.mkdir()
    for name in ("cat", "date", "sleep", "tr", "sed"):
        (bare / name).symlink_to(f"/usr/bin/{name}")
    script.write_text(timer_script(FAR_AWAY, timedelta(0), "http://127.0.0.1:1"))
    words = ["/bin/sh", str(script), str(ends)]
    done = subprocess.run(words, env={"PATH": str(bare)}, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "there is neither curl nor python3\n")
    assert not ends.exists()
    command = set_command(MOMENT).replace("/root", str(tmp_path))
    with running(script, ends, "/usr/bin:/bin"):
        while not ends.exists():
            os.sched_yield()
        told = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True)
    far = int(FAR_AWAY.timestamp())
    assert told.stdout == f"{far} {far}\n"


@pytest.mark.parametrize(("kept", "asks"), [(None, False), (f"{SECONDS - 10**7}\n", True)])
def test_a_machine_that_was_made_anew_lives_for_a_margin_at_least(
    tmp_path: Path, kept: str | None, asks: bool
) -> None:
    """What it was ordered with is over, and what it was told later is lost."""
    ends, script = tmp_path / "ends", tmp_path / "timer.sh"
    if kept is not None:
        ends.write_text(kept)
    with listening() as (origin, _, seen):
        script.write_text(timer_script(LONG_AGO, timedelta(minutes=10), origin))
        with running(script, ends, "/usr/bin:/bin", CONTAINER_ID="1", CONTAINER_API_KEY="k"):
            assert seen.wait(20 if asks else 0.15) is asks


def asked_as(key: str, world: World, method: str, machine_id: str) -> FaceAnswer:
    target = f"/api/v0/instances/{machine_id}/"
    request = FaceRequest.of(method, target, {"Authorization": f"Bearer {key}"}, b"{}")
    return VastFace().handle_at(world, request, START)


def test_the_key_of_a_machine_ends_that_machine_and_does_nothing_else() -> None:
    with small_world(market_offer("o1"), market_offer("o2")) as world:
        mine, other = (world.rent(Order(name, "gs1"), START) for name in ("o1", "o2"))
        key = own_key(world, mine.id)
        for method, machine_id in (("GET", mine.id), ("DELETE", other.id), ("GET", other.id)):
            refused = asked_as(key, world, method, machine_id)
            assert json.loads(refused.body)["error"] == "auth_error"
        assert asked_as(key, world, "DELETE", mine.id).status == 200
        assert asked_as(key_of(world), world, "GET", other.id).status == 200
