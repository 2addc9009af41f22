"""One login over SSH: OpenSSH's client, told everything and asked nothing.

It reads no configuration of the user or the system, talks to no agent, forwards nothing, and asks
no password. The server's key is recorded at the first contact and checked from then on.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from contextlib import suppress
from typing import TYPE_CHECKING, Literal

import anyio
import anyio.abc

from reconciler.model.text import printable
from reconciler.model.value import dataclass
from reconciler.reporting.ssh_text import ssh_command

if TYPE_CHECKING:
    from reconciler.model.hand_over import SshFiles
    from reconciler.model.instance import SshEndpoint

ANSWER_BYTES_MAX = 64 * 1024
_SAYS_BYTES_MAX = 16 * 1024
_SSH_FAILED = 255
_CONNECT_SECONDS = 10
_SETTINGS = (
    "BatchMode=yes",
    "IdentityAgent=none",
    "PreferredAuthentications=publickey",
    "ForwardAgent=no",
    "ForwardX11=no",
    "ClearAllForwardings=yes",
    "ControlMaster=no",
    "ControlPath=none",
    "PermitLocalCommand=no",
    "UpdateHostKeys=no",
    "CanonicalizeHostname=no",
    "AddKeysToAgent=no",
    "NumberOfPasswordPrompts=0",
    "ConnectionAttempts=1",
    f"ConnectTimeout={_CONNECT_SECONDS}",
    "ServerAliveInterval=5",
    "ServerAliveCountMax=3",
    "LogLevel=ERROR",
)
_ENVIRONMENT = ("PATH", "HOME", "USER", "LOGNAME", "TMPDIR")

LoginEnd = Literal[
    "done",  # somebody was let in, and the command ended
    "refused",  # a server answered and lets this key not in
    "other-key",  # the server's key is not the one that was recorded
    "unreachable",  # no server answered, or not to the end
    "no-client",  # there is no ssh here
]


@dataclass(frozen=True, slots=True)
class Login:
    """``answer``: what the command printed, untouched; ``code`` its exit status, 0 for success.

    ``why`` is safe to print; empty where it is done.
    """

    end: LoginEnd
    answer: str = ""
    code: int = 0
    why: str = ""


async def log_in(
    endpoint: SshEndpoint, alias: str, files: SshFiles, command: str, deadline_seconds: float
) -> Login:
    """Run ``command`` there once. Never raises for what a server does; ends by the deadline.

    Raises ValueError for an endpoint that is not plainly a host, a user and a port: nothing is
    started for it. An answer longer than 64 KiB is no answer.
    """
    words = _words(endpoint, alias, files, command)
    if shutil.which(words[0]) is None:
        return Login("no-client", why="there is no ssh on this machine")
    with anyio.move_on_after(deadline_seconds):
        async with await anyio.open_process(
            words,
            stdin=subprocess.DEVNULL,
            env={name: os.environ[name] for name in _ENVIRONMENT if name in os.environ},
            start_new_session=True,
        ) as process:
            try:
                return await _ended(process)
            finally:
                _end(process)
    return Login("unreachable", why=f"no end within {deadline_seconds:g} s")


def _words(endpoint: SshEndpoint, alias: str, files: SshFiles, command: str) -> list[str]:
    program, *own = ssh_command(endpoint, alias, files)
    settings = [word for setting in _SETTINGS for word in ("-o", setting)]
    return [program, "-F", "/dev/null", "-T", *settings, *own, command]


async def _ended(process: anyio.abc.Process) -> Login:
    answer, says = bytearray(), bytearray()
    assert process.stdout is not None
    assert process.stderr is not None
    whole: list[bool] = []
    async with anyio.create_task_group() as tasks:

        async def read(stream: anyio.abc.ByteReceiveStream, into: bytearray, limit: int) -> None:
            async for chunk in stream:
                into.extend(chunk)
                if len(into) > limit:
                    whole.append(False)
                    _end(process)
                    return

        tasks.start_soon(read, process.stdout, answer, ANSWER_BYTES_MAX)
        tasks.start_soon(read, process.stderr, says, _SAYS_BYTES_MAX)
    code = await process.wait()
    if whole:
        return Login("unreachable", why="it talks without end")
    if code != _SSH_FAILED:
        return Login("done", answer.decode("utf-8", "replace"), code)
    return _failed(says.decode("utf-8", "replace"))


def _failed(says: str) -> Login:
    """By OpenSSH's own words, which have been the same for decades."""
    lines = [line.strip() for line in says.splitlines() if line.strip()]
    why = printable(lines[-1] if lines else "ssh ended without a word", 160)
    if "Host key verification failed" in says or "IDENTIFICATION HAS CHANGED" in says:
        return Login("other-key", why="its SSH server has another key than at the first contact")
    if "Permission denied" in says:
        return Login("refused", why=why)
    return Login("unreachable", why=why)


def _end(process: anyio.abc.Process) -> None:
    """With whatever it has started, so that nobody holds its pipes open."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
