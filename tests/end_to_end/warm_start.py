"""The command in a process of its own that begins with the program loaded (``nursery.py``).

It saves the third of a second that every start of the interpreter with all our modules takes,
hundreds of times in one run of the tests. GPU_SHOPPER_COLD_STARTS=1 in the surroundings of the
tests starts the installed script each time instead.
"""

from __future__ import annotations

import atexit
import functools
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from tests.end_to_end import hurried_clock

PROGRAM = Path(sys.executable).with_name("gpu-shopper")
_NURSERY = Path(__file__).with_name("nursery.py")
_ROOT = Path(__file__).parents[2]
_LOCALE = "C.UTF-8"
_LONGEST_SECONDS = 120.0

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell's background job ignores Ctrl-C, and so would every command that it starts.
    signal.signal(signal.SIGINT, signal.default_int_handler)


class Process(Protocol):
    """What is asked of a process that was started."""

    pid: int

    @property
    def returncode(self) -> int | None: ...
    def poll(self) -> int | None: ...
    def wait(self, timeout: float | None = None) -> int: ...
    def kill(self) -> None: ...
    def send_signal(self, sig: int) -> None: ...


class Warm:
    """As ``subprocess.Popen``. Its parent is the nursery, which tells how it ended."""

    def __init__(self, tells: socket.socket) -> None:
        self._tells = tells
        self._said = b""
        tells.settimeout(_LONGEST_SECONDS)
        self.pid = self._next()
        self.returncode: int | None = None

    def _next(self) -> int:
        while b"\n" not in self._said:
            more = self._tells.recv(64)
            assert more, "the nursery is gone"
            self._said += more
        line, _, self._said = self._said.partition(b"\n")
        return int(line)

    def poll(self) -> int | None:
        try:
            return self.wait(timeout=0)
        except subprocess.TimeoutExpired:
            return None

    def wait(self, timeout: float | None = None) -> int:
        if self.returncode is None:
            self._tells.settimeout(timeout)
            try:
                self.returncode = self._next()
            except (TimeoutError, BlockingIOError):
                raise subprocess.TimeoutExpired([str(PROGRAM)], timeout or 0.0) from None
            self._tells.close()
        return self.returncode

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def send_signal(self, sig: int) -> None:
        if self.poll() is None:
            with suppress(ProcessLookupError):  # as Popen: it may end between the two lines
                os.kill(self.pid, sig)


@functools.cache
def _nursery() -> socket.socket:
    ours, theirs = socket.socketpair()
    process = subprocess.Popen(
        [sys.executable, str(_NURSERY)],
        env={"PATH": os.defpath, "LANG": _LOCALE, "PYTHONPATH": str(_ROOT)},
        stdin=theirs.fileno(),
        start_new_session=True,
    )
    theirs.close()

    def close() -> None:
        ours.close()
        process.wait()

    atexit.register(close)
    return ours


def start(
    arguments: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str],
    files: tuple[int, int, int],
) -> Process:
    """The command, started; ``files`` become its standard input and both outputs."""
    if not _may_be_warm(env):
        stdin, stdout, stderr = files
        return subprocess.Popen(
            [PROGRAM, *arguments], cwd=cwd, env=env, stdin=stdin, stdout=stdout, stderr=stderr
        )
    line = json.dumps({"arguments": [*arguments], "cwd": str(cwd), "env": dict(env)}).encode()
    mine, its = socket.socketpair()
    with its:
        socket.send_fds(_nursery(), [line], [*files, its.fileno()])
    return Warm(mine)


def _may_be_warm(env: Mapping[str, str]) -> bool:
    """Not where the interpreter would begin otherwise; the script knows no other clock."""
    if hurried_clock.SETTING in env:
        return True
    if os.environ.get("GPU_SHOPPER_COLD_STARTS"):
        return False
    others = [name for name in env if name.startswith(("PYTHON", "LC_"))]
    return env.get("LANG") == _LOCALE and not others
