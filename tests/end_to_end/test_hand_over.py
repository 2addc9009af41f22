"""From an order to a shell: the installed command, Vast.ai's face, and a real SSH server."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.model.exit_code import ExitCode
from tests.canaries import found_in
from tests.end_to_end.command import environment, stand_in, started
from tests.end_to_end.test_vastai import VAST, Rehearsal
from tests.end_to_end.test_vastai import rehearsal as vast_rehearsal
from tests.end_to_end.workplace import QUICK
from tests.simulation.vast_shop import VAST_QUICKSTART
from tests.ssh_servers import SshServer, asyncssh_server, needs_ssh, server_of_kind

pytestmark = needs_ssh


@contextmanager
def rehearsal(parent: Path, server: SshServer) -> Iterator[Rehearsal]:
    """A market all of whose machines are ``server``."""
    with vast_rehearsal(parent, VAST, replace(QUICK, ssh_at=f"127.0.0.1:{server.port}")) as shop:
        shop.declare(VAST_QUICKSTART)
        yield shop


@pytest.fixture(params=["asyncssh", "openssh"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SshServer]:
    with server_of_kind(request.param, tmp_path / "ssh") as running:
        yield running


def let_in_what_was_ordered(shop: Rehearsal, server: SshServer) -> None:
    """The machine's own start script would do it: its keys are taken from the face's ledger."""
    (note, *_) = shop.world.machine_notes().values()
    packed = json.loads(note)["env"]["GPU_SHOPPER_KEYS"]
    server.authorize(*base64.b64decode(packed).decode().splitlines())


def wait_until_listed_as_running(shop: Rehearsal) -> None:
    """A listing may lag behind the direct read that found it ready."""
    try:
        shop.server.until(lambda: "running" in shop.run("status").out)
    except AssertionError as error:
        raise AssertionError("".join(shop.said[-2:])) from error


def listened_to(folder: Path) -> dict[str, str]:
    """The ``PATH`` with an ``ssh`` that writes down how it is started, in files that are searched
    for secrets like all others; the surroundings only of a look, not of somebody's own login.
    """
    ssh = shutil.which("ssh")
    script = (
        f'printf "%s\\n" "$@" >> "{folder}/arguments"\n'
        f'[ "$1" = -F ] && env >> "{folder}/surroundings"\n'
        f'exec "{ssh}" "$@"'
    )
    stand_in(folder, "ssh", script)
    return {"PATH": f"{folder}{os.pathsep}{environment(folder)['PATH']}"}


def test_an_order_ends_in_a_shell(server: SshServer, tmp_path: Path) -> None:
    server.says("NVIDIA GeForce RTX 4090", memory=24564, cuda="12.4")
    with rehearsal(tmp_path, server) as shop:
        shop.settings |= listened_to(tmp_path / "bin")
        with started(
            "apply", "-auto-approve", "-json",
            cwd=shop.directory, outputs=tmp_path / "apply", **shop.settings,
        ) as running:  # fmt: skip
            running.until(lambda: bool(shop.world.machine_notes()))
            let_in_what_was_ordered(shop, server)
            applied = running.end()
        assert applied.code == 0, applied.err
        assert "NVIDIA GeForce RTX 4090, driver 550.54.14, CUDA 12.4" in applied.out
        (machine,) = shop.alive()
        known = (shop.directory / "state" / "demo.known_hosts").read_text()
        assert known.startswith(f"gpu-shopper-vastai-{machine.id} ssh-ed25519 ")

        wait_until_listed_as_running(shop)
        inside = shop.run("ssh", "fleet.dev[0]", "nvidia-smi", "-q")
        assert (inside.code, "CUDA Version" in inside.out) == (0, True), inside.err
        config = tmp_path / "config"
        config.write_text(shop.run("ssh-config").out)
        ssh = shutil.which("ssh")
        assert ssh is not None
        words = [ssh, "-F", str(config), "-o", "BatchMode=yes", "dev-0", "echo in"]
        told = subprocess.run(words, capture_output=True, text=True, check=True, timeout=60)
        assert told.stdout.strip() == "in"
        _I10_ssh_was_told_no_more_than_it_needs(tmp_path / "bin")


def _I10_ssh_was_told_no_more_than_it_needs(folder: Path) -> None:
    arguments = (folder / "arguments").read_text()
    assert arguments.count("HostKeyAlias=gpu-shopper-vastai-") > 1
    assert found_in(arguments.encode()) == []
    lines = (folder / "surroundings").read_text().splitlines()
    names = {line.partition("=")[0] for line in lines}
    assert {"PATH", "HOME"} <= names <= {"PATH", "HOME", "PWD", "OLDPWD", "SHLVL", "_"}


def test_a_machine_with_another_gpu_than_was_sold_is_destroyed(tmp_path: Path) -> None:
    with (
        asyncssh_server(tmp_path / "ssh") as server,
        rehearsal(tmp_path, server) as shop,
    ):
        server.says("NVIDIA GeForce RTX 3060", memory=12288)
        shop.declare(f"{VAST_QUICKSTART}    ready: {{on_fail: destroy}}\n")
        with started(
            "apply", "-auto-approve",
            cwd=shop.directory, outputs=tmp_path / "apply", **shop.settings,
        ) as running:  # fmt: skip
            running.until(lambda: bool(shop.world.machine_notes()))
            let_in_what_was_ordered(shop, server)
            shop.server.until(lambda: any(one.gone for one in shop.world.all_machines()))
            running.signal(15)
            applied = running.end()
        assert "inside is NVIDIA GeForce RTX 3060 with 12288 MiB" in applied.err + applied.out
        assert applied.code in (ExitCode.PARTIAL, 143, ExitCode.DESTROY_UNVERIFIED)
        shop.server.until(lambda: shop.alive() == ())
