"""Where commands are born with the program already in memory: one process that forks for each.

Most of a short command's time goes into imports. Here they are done once, before the fork; what
is born is a process of its own, with its own pid, outputs, directory and environment, in which the
command's ``main`` runs as it does in the installed script. ``warm_start.py`` asks for them.

A request is one line of JSON on the socket that is standard input, with four open files: the
three of the new process, and a socket to tell its pid and, when it has ended, how.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import pkgutil
import selectors
import signal
import socket
import sys
import time
from contextlib import suppress
from typing import Any

import reconciler
from reconciler.cli.main import main
from tests.end_to_end import hurried_clock

_LINE_BYTES = 65_536
_PROGRAM_NAME = "gpu-shopper"


def load() -> None:
    """Everything of ours and what most commands use of others."""
    for found in pkgutil.walk_packages(reconciler.__path__, "reconciler."):
        if not found.name.endswith("__main__"):
            importlib.import_module(found.name)
    for name in ("anyio._backends._asyncio", "httpx", "rich.console", "sqlite3", "yaml"):
        importlib.import_module(name)
    _build_models()
    gc.collect()
    gc.freeze()


def _build_models() -> None:
    """Validators are built when they are first needed: here once for all."""
    from pydantic import BaseModel

    kinds: list[type[BaseModel]] = list(BaseModel.__subclasses__())
    while kinds:
        kind = kinds.pop()
        kinds += kind.__subclasses__()
        with suppress(Exception):  # a base that is never used by itself
            kind.model_rebuild()


class Nursery:
    """Forks and tells of the ends. ``serve`` returns in each child, with what it has to do."""

    def __init__(self, requests: socket.socket) -> None:
        self._requests = requests
        self._told: dict[int, socket.socket] = {}
        self._woken, wakes = socket.socketpair()
        wakes.setblocking(False)
        self._wakes = wakes
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wakes.fileno(), warn_on_full_buffer=False)

    def serve(self) -> dict[str, Any] | None:
        """A request, in the child that carries it out; None when nobody asks any more."""
        with selectors.DefaultSelector() as ready:
            ready.register(self._requests, selectors.EVENT_READ)
            ready.register(self._woken, selectors.EVENT_READ)
            while True:
                for key, _ in ready.select():
                    if key.fileobj is self._woken:
                        self._woken.recv(_LINE_BYTES)
                        self._bury()
                    else:
                        line, files, _, _ = socket.recv_fds(self._requests, _LINE_BYTES, 4)
                        if not line:
                            self._close()
                            return None
                        born = self._bear(json.loads(line), files)
                        if born is not None:
                            return born

    def _bear(self, request: dict[str, Any], files: list[int]) -> dict[str, Any] | None:
        tells = socket.socket(fileno=files.pop())
        pid = os.fork()
        if pid:
            for number in files:
                os.close(number)
            self._told[pid] = tells
            tells.sendall(f"{pid}\n".encode())
            return None
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for one in (*self._told.values(), tells, self._woken, self._wakes, self._requests):
            one.close()
        for number, file in enumerate(files):
            os.dup2(file, number)
            os.close(file)
        return request

    def _bury(self) -> None:
        while self._told:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            with self._told.pop(pid) as told, suppress(OSError):
                told.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())

    def _close(self) -> None:
        for pid in self._told:
            os.kill(pid, signal.SIGKILL)


def become(request: dict[str, Any]) -> None:
    """Take on what a new process of this request would have."""
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"])
    time.tzset()
    kept = (sys.stdin, sys.stdout, sys.stderr)  # to close them would close the new ones
    become.__dict__["kept"] = kept
    for name, number, mode in (("stdin", 0, "r"), ("stdout", 1, "w"), ("stderr", 2, "w")):
        at_once = number == 2 or os.isatty(number)
        old = kept[number]
        stream = open(  # noqa: SIM115
            number,
            mode,
            buffering=1 if at_once else -1,
            encoding=old.encoding,
            errors=old.errors,
            closefd=False,
        )
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)
    sys.argv = [_PROGRAM_NAME, *request["arguments"]]
    clock = os.environ.pop(hurried_clock.SETTING, None)
    if clock is not None:
        hurried_clock.HurriedClock.from_text(clock).put_on()


if __name__ == "__main__":
    with socket.socket(fileno=os.dup(0)) as asked:
        load()
        request = Nursery(asked).serve()
    if request is not None:
        become(request)
        main()
