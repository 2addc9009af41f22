"""Real SSH servers on loopback: asyncssh always, OpenSSH's own where it is installed.

Each takes one authorized key and runs what it is told by ``sh``, with a folder of our own first on
the PATH: a script called ``nvidia-smi`` in there is what a machine says of its GPUs.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from reconciler.model.instance import SshEndpoint

SSHD = shutil.which("sshd") or shutil.which("sshd", path="/usr/sbin:/sbin")
NVIDIA_SMI = """#!/bin/sh
case "$1" in
  -q) echo "CUDA Version                              : {cuda}" ;;
  *) for one in $(seq {count}); do echo "{name}, {memory} MiB, {driver}"; done ;;
esac
"""
needs_ssh = pytest.mark.skipif(shutil.which("ssh") is None, reason="no OpenSSH client is here")


@dataclass
class SshServer:
    """A server that runs. ``logins`` are the commands it has run."""

    port: int
    folder: Path
    user: str
    log: Path = field(init=False)

    def __post_init__(self) -> None:
        self.log = self.folder / "commands"

    @property
    def endpoint(self) -> SshEndpoint:
        return SshEndpoint("127.0.0.1", self.port, self.user)

    def says(
        self,
        name: str = "NVIDIA GeForce RTX 4090",
        *,
        count: int = 1,
        memory: int = 24564,
        driver: str = "550.54.14",
        cuda: str = "12.4",
    ) -> None:
        """From now on its GPUs are these."""
        text = NVIDIA_SMI.format(name=name, count=count, memory=memory, driver=driver, cuda=cuda)
        self.script(text)

    def script(self, text: str) -> None:
        path = self.folder / "bin" / "nvidia-smi"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)

    def authorize(self, *public_keys: str) -> None:
        """Let these in, and nobody else."""
        (self.folder / "authorized").write_text("".join(f"{key}\n" for key in public_keys))
        (self.folder / "authorized").chmod(0o600)


@contextmanager
def asyncssh_server(folder: Path, *, greeting: str = "") -> Iterator[SshServer]:
    """A server in a thread of this process. ``greeting`` comes before whatever a command says."""
    folder.mkdir(parents=True, exist_ok=True)
    server = SshServer(0, folder, "root")
    server.authorize()
    ready = threading.Event()
    loops: list[asyncio.AbstractEventLoop] = []
    stop = asyncio.Event()

    async def handle(process: asyncssh.SSHServerProcess[str]) -> None:
        env = {**os.environ, "PATH": f"{folder / 'bin'}:{os.environ['PATH']}"}
        run = await asyncio.create_subprocess_exec(
            "sh", "-c", process.command or "true", env=env,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, err = await run.communicate()
        process.stdout.write(greeting + out.decode())
        process.stderr.write(err.decode())
        process.exit(run.returncode or 0)

    class Gate(asyncssh.SSHServer):
        def public_key_auth_supported(self) -> bool:
            return True

        def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
            shown = key.export_public_key("openssh").decode().split()[:2]
            return " ".join(shown) in (folder / "authorized").read_text().splitlines()

    async def serve() -> None:
        host_key = folder / "asyncssh_host_key"
        if not host_key.exists():
            asyncssh.generate_private_key("ssh-ed25519").write_private_key(host_key)
        async with await asyncssh.create_server(
            Gate, "127.0.0.1", 0, server_host_keys=[str(host_key)], process_factory=handle
        ) as acceptor:
            server.port = acceptor.get_port()
            loops.append(asyncio.get_running_loop())
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    assert ready.wait(20)
    try:
        yield server
    finally:
        loops[0].call_soon_threadsafe(stop.set)
        thread.join(20)


@contextmanager
def openssh_server(folder: Path) -> Iterator[SshServer]:
    """OpenSSH's sshd as the user who runs the tests."""
    assert SSHD is not None
    folder.mkdir(parents=True, exist_ok=True)
    host_key = folder / "host_key"
    if not host_key.exists():
        words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(host_key)]
        subprocess.run(words, check=True)
    port = _free_port()
    user = subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip()
    server = SshServer(port, folder, user)
    server.authorize()
    (folder / "sshd_config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {host_key}\nPidFile none\n"
        f"AuthorizedKeysFile {folder / 'authorized'}\nStrictModes no\nUsePAM no\n"
        "PasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin yes\n"
        f"SetEnv PATH={folder / 'bin'}:/usr/bin:/bin\n"
    )
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    words = [SSHD, "-D", "-e", "-f", str(folder / "sshd_config")]
    with (folder / "sshd.log").open("wb") as log:
        process = subprocess.Popen(words, stdout=log, stderr=log)
        try:
            _wait_for(port, process, folder / "sshd.log")
            yield server
        finally:
            process.terminate()
            process.wait(20)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number: int = probe.getsockname()[1]
        return number


def _wait_for(port: int, process: subprocess.Popen[Any], log: Path) -> None:
    for _ in range(200):
        assert process.poll() is None, log.read_text()
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            threading.Event().wait(0.05)
        else:
            return
    raise AssertionError(f"sshd does not listen: {log.read_text()}")


@contextmanager
def server_of_kind(kind: str, folder: Path) -> Iterator[SshServer]:
    """``asyncssh``, or ``openssh``, which is skipped where there is none."""
    if kind == "openssh" and SSHD is None:
        pytest.skip("no sshd is here")
    with (asyncssh_server if kind == "asyncssh" else openssh_server)(folder) as server:
        yield server
