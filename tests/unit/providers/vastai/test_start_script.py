"""What a machine at Vast.ai does when it starts, carried out by a real shell."""

from __future__ import annotations

import subprocess
from datetime import timedelta
from pathlib import Path
from typing import Any

from reconciler.providers.base import CreateRequest
from reconciler.providers.vastai.orders import order_of
from tests.builders import offer
from tests.markets import START

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPv3mJ8mC1rYvH4qJ3b7e2pYk0x4p6r1q8s9t0u1v2w3"
OTHER = KEY.replace("w3", "w4")


def order(**changes: Any) -> dict[str, Any]:
    ends_at = START + timedelta(hours=4)
    taken = offer("30412345", provider="vastai")
    return order_of(CreateRequest("gs1-train-0-k3v9", taken, 2**30, None, {}, ends_at, **changes))


def start(home: Path, sent: dict[str, Any]) -> None:
    script = sent["onstart"].replace("/root", str(home)).replace("/etc/", f"{home}/")
    assert len(sent["onstart"]) < 4048
    variables = {name: value for name, value in sent["env"].items() if not name.startswith("-p ")}
    variables["PATH"] = "/usr/bin:/bin"
    subprocess.run(["sh", "-c", script], env=variables, check=True, timeout=20)


def test_the_keys_are_let_in_beside_those_of_the_account_however_often_it_starts(
    tmp_path: Path,
) -> None:
    (tmp_path / ".ssh").mkdir()
    authorized = tmp_path / ".ssh" / "authorized_keys"
    authorized.write_text("ssh-ed25519 AAAAaccount\n")
    sent = order(ssh_public_keys=(KEY, OTHER))
    for _ in range(2):
        start(tmp_path, sent)
    assert authorized.read_text().splitlines() == ["ssh-ed25519 AAAAaccount", KEY, OTHER]
    assert authorized.stat().st_mode & 0o777 == 0o600


def test_setup_runs_once_with_whatever_characters_it_has(tmp_path: Path) -> None:
    text = f"echo \"it's $((1+1)) & 'é'\" >> {tmp_path}/done\nexit 3\n"
    sent = order(ssh_public_keys=(KEY,), setup=text)
    for _ in range(2):
        start(tmp_path, sent)
    assert (tmp_path / "done").read_text() == "it's 2 & 'é'\n"


def test_ports_go_as_flags_in_the_environment() -> None:
    assert order(ports=(8000, 9000))["env"] == {
        "-p 8000:8000": "1",
        "-p 9000:9000": "1",
        "GPU_SHOPPER_NODE": "gs1-train-0-k3v9",
    }
