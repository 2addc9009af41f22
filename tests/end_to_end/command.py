"""The installed command ``gpu-shopper`` in a process of its own, and bounded waits for it.

Nothing here sleeps: a wait is a wait for the process or its terminal, with a limit, after which
what was waited for is looked at again.
"""

from __future__ import annotations

import os
import pty
import select
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from tests.canaries import PLANTED, found_in, secrets_in
from tests.end_to_end.warm_start import PROGRAM, Process, start

__all__ = ["PROGRAM", "Ended", "Person", "Running", "environment", "gpu_shopper", "started"]

_LIMIT_SECONDS = 60.0
_TURN_SECONDS = 0.02
_TURNS = int(_LIMIT_SECONDS / _TURN_SECONDS)


@dataclass(frozen=True, slots=True)
class Ended:
    """What a command left: its exit code and everything that it said."""

    code: int
    out: str
    err: str


def environment(home: Path, **changes: str) -> dict[str, str]:
    """Nothing of the surroundings but the PATH, so that every machine runs the same test, and
    credentials that must be seen nowhere.
    """
    path = os.pathsep.join([str(PROGRAM.parent), os.environ.get("PATH", os.defpath)])
    usual = {"PATH": path, "HOME": str(home), "LANG": "C.UTF-8", "COLUMNS": "100"}
    return {**usual, **PLANTED, **changes}


def gpu_shopper(*arguments: str, cwd: Path, env: Mapping[str, str] | None = None) -> Ended:
    """Run the command to its end, with nothing to read and nobody at the terminal."""
    surroundings = environment(cwd) if env is None else env
    with TemporaryFile() as out, TemporaryFile() as err, _nothing() as nothing:
        files = (nothing.fileno(), out.fileno(), err.fileno())
        process = start(arguments, cwd=cwd, env=surroundings, files=files)
        try:
            code = process.wait(timeout=_LIMIT_SECONDS)
        finally:
            process.kill()
            process.wait()
        said = [_all_of(file) for file in (out, err)]
    _keeps_secrets("".join(said), surroundings)
    return Ended(code, *said)


def _keeps_secrets(said: str, surroundings: Mapping[str, str]) -> None:
    assert found_in(said.encode(), secrets_in(surroundings)) == [], "I10"


def _nothing() -> IO[bytes]:
    return Path(os.devnull).open("rb")


def _all_of(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode().replace("\r\n", "\n")


class Running:
    """A command at work. Its output goes to files, so that it never waits for a reader."""

    def __init__(self, process: Process, out: Path, err: Path) -> None:
        self._process = process
        self._out = out
        self._err = err

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def err(self) -> str:
        """What it has said on standard error until now."""
        return self._err.read_text()

    @property
    def out(self) -> str:
        """What it has said on standard output until now."""
        return self._out.read_text()

    def until(self, holds: Callable[[], bool]) -> None:
        """Wait until ``holds``; fails when the command ends before, or after a minute."""
        for _ in range(_TURNS):
            over = self._process.poll() is not None
            if holds():
                return
            assert not over, f"ended before: {self._process.returncode}\n{self.err}"
            self._wait(_TURN_SECONDS)
        raise AssertionError(f"it did not happen within {_LIMIT_SECONDS:g} s\n{self.err}")

    def signal(self, number: int) -> None:
        self._process.send_signal(number)

    def end(self) -> Ended:
        """Wait for the command's own end."""
        assert self._wait(_LIMIT_SECONDS), f"still running\n{self.err}"
        return Ended(self._process.wait(), self._out.read_text(), self.err)

    def _wait(self, seconds: float) -> bool:
        try:
            self._process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            return False
        return True


@contextmanager
def started(*arguments: str, cwd: Path, outputs: Path, **env: str) -> Iterator[Running]:
    """The command, started; killed at the end of the block if it still runs.

    Its output goes to files in ``outputs``, a directory that is made.
    """
    outputs.mkdir(parents=True)
    out, err = outputs / "out", outputs / "err"
    surroundings = environment(cwd, **env)
    with out.open("wb") as to_out, err.open("wb") as to_err, _nothing() as nothing:
        files = (nothing.fileno(), to_out.fileno(), to_err.fileno())
        process = start(arguments, cwd=cwd, env=surroundings, files=files)
    running = Running(process, out, err)
    try:
        yield running
    finally:
        process.kill()
        process.wait()
    _keeps_secrets(running.out + running.err, surroundings)


class Person:
    """Somebody at a terminal, where the command runs."""

    def __init__(self, process: Process, terminal: int) -> None:
        self._process = process
        self._terminal = terminal
        self.seen = ""
        self._read_to = 0

    def reads(self, text: str) -> None:
        """Wait until ``text`` appears behind what was waited for before."""
        while (found := self.seen.find(text, self._read_to)) < 0:
            assert self._more(), f"{text!r} never came:\n{self.seen}"
        self._read_to = found + len(text)

    def types(self, line: str) -> None:
        os.write(self._terminal, line.encode() + b"\n")

    def signal(self, number: int) -> None:
        self._process.send_signal(number)

    def waits(self, until: Callable[[], bool]) -> None:
        """Wait until something holds elsewhere."""
        for _ in range(_TURNS):
            if until():
                return
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout=_TURN_SECONDS)
        raise AssertionError(f"it did not happen within {_LIMIT_SECONDS:g} s:\n{self.seen}")

    def goes_away(self) -> None:
        """Close the window; the command runs on without a terminal, as after ``disown``."""
        os.close(self._terminal)
        self._terminal = -1

    def end(self) -> int:
        """Read to the end; the exit code."""
        while self._terminal >= 0 and self._more():
            pass
        return self._process.wait(timeout=_LIMIT_SECONDS)

    def close(self) -> None:
        if self._terminal >= 0:
            self.goes_away()

    def _more(self) -> bool:
        ready, _, _ = select.select([self._terminal], [], [], _LIMIT_SECONDS)
        assert ready, f"nothing came for {_LIMIT_SECONDS:g} s:\n{self.seen}"
        try:
            data = os.read(self._terminal, 65_536)
        except OSError:  # how Linux says that the other side is closed
            return False
        self.seen += data.decode(errors="replace")
        return bool(data)


@contextmanager
def at_a_terminal(*arguments: str, cwd: Path, **env: str) -> Iterator[Person]:
    """The command with a pseudo-terminal as its input and both outputs."""
    terminal, other_side = pty.openpty()
    try:
        surroundings = environment(cwd, TERM="xterm", **env)
        process = start(arguments, cwd=cwd, env=surroundings, files=(other_side,) * 3)
    finally:
        os.close(other_side)
    person = Person(process, terminal)
    try:
        yield person
    finally:
        process.kill()
        process.wait()
        person.close()
    _keeps_secrets(person.seen, surroundings)


def stand_in(folder: Path, name: str, script: str) -> Path:
    """An executable ``name`` in ``folder``, to be found before the real one; the folder."""
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return folder
