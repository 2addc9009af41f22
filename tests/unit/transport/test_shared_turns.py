"""Turns that several processes take at one endpoint, with real processes where it matters."""

from __future__ import annotations

import itertools
import stat
import subprocess
import sys
from pathlib import Path

import anyio
import pytest

from reconciler.clock import LoopClock
from reconciler.transport import shared_turns
from reconciler.transport.cache_place import cache_place
from reconciler.transport.pacing import Pace, Pacer
from reconciler.transport.shared_turns import (
    LOCK_PATIENCE_SECONDS,
    LONGEST_WAIT_SECONDS,
    SharedTurns,
)
from tests.markets import START
from tests.virtual_time import run_virtual

ONE_IN_THREE = Pace(1, 3.0)
_TAKE = """
import sys
from pathlib import Path
from reconciler.clock import SystemClock
from reconciler.transport.pacing import Pace
from reconciler.transport.shared_turns import SharedTurns

def turns():
    return SharedTurns(Path(sys.argv[1]), "key")

clock, mine = SystemClock(), turns()
print("ready", flush=True)
sys.stdin.readline()
for _ in range(int(sys.argv[2])):
    while (turn := mine.take("GET x", Pace(2, 0.01), clock.elapsed_seconds())) is None:
        mine = turns()  # the other process was not let run while it held the file
    print(turn)
"""
_HOLD = """
import fcntl, os, sys
descriptor = os.open(sys.argv[1], os.O_RDWR)
fcntl.flock(descriptor, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""


def the_file(folder: Path) -> Path:
    (path,) = folder.iterdir()
    return path


def test_I26_two_processes_together_keep_the_pace_of_one(tmp_path: Path) -> None:
    takers = [
        subprocess.Popen(
            [sys.executable, "-c", _TAKE, str(tmp_path), "2000"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    for taker in takers:
        assert taker.stdout is not None
        assert taker.stdout.readline() == "ready\n"
    for taker in takers:
        assert taker.stdin is not None
        taker.stdin.write("go\n")
        taker.stdin.flush()
    told = [taker.communicate(timeout=60)[0].split() for taker in takers]
    begun = sorted(float(word) for words in told for word in words)
    assert len(begun) == 4000
    assert all(later - first > 0.01 - 1e-5 for first, later in zip(begun, begun[2:], strict=False))


def test_a_holder_that_was_killed_holds_up_nobody(tmp_path: Path) -> None:
    turns = SharedTurns(tmp_path, "key")
    assert turns.take("GET x", ONE_IN_THREE, 100.0) == 100.0
    with _holder(the_file(tmp_path)) as holder:
        holder.kill()
        holder.wait()
        assert turns.take("GET x", ONE_IN_THREE, 101.0) == 103.0


def test_a_holder_that_is_stuck_costs_a_quarter_of_a_second_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = itertools.count()
    monkeypatch.setattr(shared_turns, "process_seconds", lambda: next(looks) * 0.01)
    turns = SharedTurns(tmp_path, "key")
    turns.take("DELETE x", ONE_IN_THREE, 100.0)
    with _holder(the_file(tmp_path)):
        assert [turns.take("DELETE x", ONE_IN_THREE, 101.0) for _ in range(20)] == [None] * 20
    assert next(looks) < (LOCK_PATIENCE_SECONDS / 0.01) + 30, "as one wait and 19 short looks"


class _holder:
    """Another process that has locked ``path`` and does not let go."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> subprocess.Popen[str]:
        self._process = subprocess.Popen(
            [sys.executable, "-c", _HOLD, str(self._path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "held\n"
        return self._process

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()


def test_turns_are_one_interval_apart_whoever_takes_them(tmp_path: Path) -> None:
    first, second = SharedTurns(tmp_path, "key"), SharedTurns(tmp_path, "key")
    moments = [one.take("GET x", ONE_IN_THREE, 10.0) for one in (first, second, first, second)]
    assert moments == [10.0, 13.0, 16.0, 19.0]
    assert SharedTurns(tmp_path, "another").take("GET x", ONE_IN_THREE, 10.0) == 10.0
    assert first.take("GET y", ONE_IN_THREE, 10.0) == 10.0


def test_I10_nothing_of_the_key_is_written_and_nobody_else_may_read(tmp_path: Path) -> None:
    SharedTurns(tmp_path, "https://x secret-key-3141").take("GET x", ONE_IN_THREE, 10.0)
    path = the_file(tmp_path)
    assert "secret" not in path.name
    assert b"secret" not in path.read_bytes()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"rubbish",
        b"\0" * 100,
        b"\xff\xfe",
        b"another-boot 5.0 .",
        b"{boot} nan .",
        b"{boot} 1e300 .",
        b"{boot} -5 .",
        b"{boot} 99.0",
        b"{boot} 99.0 . 98.0 .",
    ],
)
def test_a_damaged_file_is_an_empty_one(tmp_path: Path, content: bytes) -> None:
    turns = SharedTurns(tmp_path, "key")
    turns.take("GET x", ONE_IN_THREE, 10.0)
    boot = the_file(tmp_path).read_bytes().split()[0]
    the_file(tmp_path).write_bytes(content.replace(b"{boot}", boot))
    assert turns.take("GET x", ONE_IN_THREE, 100.0) == 100.0


def test_no_turn_is_so_far_away_that_a_destroy_would_wait_for_it(tmp_path: Path) -> None:
    turns = SharedTurns(tmp_path, "key")
    slow = Pace(1, 100.0)
    moments = [turns.take("DELETE x", slow, 10.0) for _ in range(6)]
    assert moments == [10.0, 110.0, 210.0, 310.0, None, None]
    assert LONGEST_WAIT_SECONDS == 300


def test_a_link_in_the_place_of_the_file_is_not_followed(tmp_path: Path) -> None:
    folder, prey = tmp_path / "turns", tmp_path / "prey"
    folder.mkdir()
    prey.write_text("precious")
    turns = SharedTurns(folder, "key")
    turns.take("GET x", ONE_IN_THREE, 10.0)
    path = the_file(folder)
    path.unlink()
    path.symlink_to(prey)
    assert turns.take("GET x", ONE_IN_THREE, 20.0) is None
    assert prey.read_text() == "precious"


def test_who_gives_up_waiting_gives_its_turn_back(tmp_path: Path) -> None:
    turns = SharedTurns(tmp_path, "key")

    async def run() -> list[float]:
        clock = LoopClock(START)
        mine, others = Pacer(clock, turns), Pacer(clock, turns)
        begun = []
        await others.turn("GET x", ONE_IN_THREE)
        begun.append(clock.elapsed_seconds())
        with anyio.move_on_after(1):
            await mine.turn("GET x", ONE_IN_THREE)
        await others.turn("GET x", ONE_IN_THREE)
        return [*begun, clock.elapsed_seconds()]

    assert run_virtual(run) == [0.0, 3.0]


def test_the_folder_is_made_for_its_owner_alone_or_there_is_none(tmp_path: Path) -> None:
    place = cache_place({"XDG_CACHE_HOME": str(tmp_path / "cache")}, "turns")
    assert place == tmp_path / "cache/gpu-shopper/turns"
    assert stat.S_IMODE(place.stat().st_mode) == 0o700
    place.chmod(0o777)
    assert cache_place({"HOME": "/x", "XDG_CACHE_HOME": str(tmp_path / "cache")}, "turns") == place
    assert stat.S_IMODE(place.stat().st_mode) == 0o700
    assert cache_place({}, "turns") is None
    assert cache_place({"HOME": "relative"}, "turns") is None
    (tmp_path / "file").write_text("")
    assert cache_place({"XDG_CACHE_HOME": str(tmp_path / "file")}, "turns") is None
    (tmp_path / "cache/gpu-shopper/turns").rmdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "cache/gpu-shopper/turns").symlink_to(tmp_path / "elsewhere")
    assert cache_place({"XDG_CACHE_HOME": str(tmp_path / "cache")}, "turns") is None
