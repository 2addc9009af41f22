"""Logins over real sockets, to real SSH servers."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest

from reconciler.clock import process_seconds
from reconciler.model.hand_over import SshFiles
from reconciler.model.instance import SshEndpoint
from reconciler.planning.gpu_check import QUESTION, read_answer
from reconciler.statefile.files import Files
from reconciler.statefile.workspace_key import WorkspaceKey
from reconciler.transport.ssh_login import Login, log_in
from tests.ssh_servers import SshServer, asyncssh_server, needs_ssh, server_of_kind

pytestmark = needs_ssh
ALIAS = "gpu-shopper-vastai-1"


@pytest.fixture
def key(tmp_path: Path) -> WorkspaceKey:
    made = WorkspaceKey(tmp_path / "a folder" / "demo.json", "demo", Files(), [])
    made.public()
    return made


@pytest.fixture(params=["asyncssh", "openssh"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SshServer]:
    with server_of_kind(request.param, tmp_path / "server") as running:
        yield running


def enter(
    endpoint: SshEndpoint,
    key: WorkspaceKey,
    command: str = "echo in",
    *,
    alias: str = ALIAS,
    seconds: float = 20,
) -> Login:
    files = SshFiles(str(key.private_path), str(key.known_hosts))
    return anyio.run(log_in, endpoint, alias, files, command, seconds)


def test_the_key_of_the_workspace_opens_it_and_the_driver_is_read(
    server: SshServer, key: WorkspaceKey
) -> None:
    server.authorize(key.public())
    server.says("NVIDIA H100 80GB HBM3", count=2, memory=81559, cuda="12.8")
    found = enter(server.endpoint, key, QUESTION)
    assert found.end == "done", found
    seen = read_answer(found.answer)
    assert [gpu.name for gpu in seen.gpus] == ["NVIDIA H100 80GB HBM3"] * 2
    assert str(seen.cuda) == "12.8"


def test_a_server_that_does_not_know_the_key_is_there_and_refuses(
    server: SshServer, key: WorkspaceKey
) -> None:
    assert enter(server.endpoint, key).end == "refused"


def test_the_host_key_is_recorded_at_the_first_contact_and_checked_after(
    server: SshServer, key: WorkspaceKey, tmp_path: Path
) -> None:
    server.authorize(key.public())
    assert enter(server.endpoint, key).end == "done"
    recorded = key.known_hosts.read_text()
    assert recorded.startswith(f"{ALIAS} ssh-ed25519 ")
    with asyncssh_server(tmp_path / "impostor") as impostor:
        impostor.authorize(key.public())
        assert enter(impostor.endpoint, key).end == "other-key"
        assert enter(impostor.endpoint, key, alias="gpu-shopper-vastai-2").end == "done"
    assert key.known_hosts.read_text().startswith(recorded)
    assert enter(server.endpoint, key).end == "done"


def test_a_command_that_fails_is_a_login_all_the_same(server: SshServer, key: WorkspaceKey) -> None:
    server.authorize(key.public())
    assert enter(server.endpoint, key, "exit 9") == Login("done", code=9)


def test_nothing_of_the_users_own_ssh_is_used(
    server: SshServer, key: WorkspaceKey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    (home / ".ssh").mkdir(parents=True)
    (home / ".ssh" / "config").write_text(f"Host *\n ProxyCommand touch {tmp_path}/ran\n")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "agent"))
    monkeypatch.setenv("SSH_ASKPASS", "/bin/false")
    server.authorize(key.public())
    assert enter(server.endpoint, key, 'echo "[$SSH_AUTH_SOCK]"').end == "done"
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "endpoint",
    [
        SshEndpoint("-oProxyCommand=touch /tmp/x", 22, "root"),
        SshEndpoint("127.0.0.1 -oProxyCommand=id", 22, "root"),
        SshEndpoint("127.0.0.1", 0, "root"),
        SshEndpoint("127.0.0.1", 70000, "root"),
        SshEndpoint("h\u00f6st", 22, "root"),
        SshEndpoint("127.0.0.1", 22, "-oProxyCommand=id"),
    ],
)
def test_I22_a_hostile_address_starts_nothing(endpoint: SshEndpoint, key: WorkspaceKey) -> None:
    with pytest.raises(ValueError, match="not a plain host, user and port"):
        enter(endpoint, key)


def test_no_server_is_unreachable(key: WorkspaceKey) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        endpoint = SshEndpoint("127.0.0.1", taken.getsockname()[1], "root")
        assert enter(endpoint, key).end == "unreachable"


def test_a_server_that_never_speaks_is_given_up_at_the_deadline(key: WorkspaceKey) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        endpoint = SshEndpoint("127.0.0.1", silent.getsockname()[1], "root")
        found = enter(endpoint, key, seconds=1)
    assert found == Login("unreachable", why="no end within 1 s")


def test_a_machine_that_talks_without_end_is_cut_off(key: WorkspaceKey, tmp_path: Path) -> None:
    with server_of_kind("openssh", tmp_path / "server") as server:
        server.authorize(key.public())
        before = process_seconds()
        found = enter(server.endpoint, key, "yes gpu-shopper")
        assert found.end == "unreachable"
        assert process_seconds() - before < 5


def test_without_an_ssh_client_it_says_so(
    key: WorkspaceKey, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    found = enter(SshEndpoint("127.0.0.1", 22, "root"), key)
    assert found.end == "no-client"


def test_no_child_is_left_behind(key: WorkspaceKey) -> None:
    children = Path(f"/proc/{os.getpid()}/task/{threading.get_native_id()}/children")
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        endpoint = SshEndpoint("127.0.0.1", silent.getsockname()[1], "root")
        before = children.read_text()
        enter(endpoint, key, seconds=1)
    assert children.read_text() == before
