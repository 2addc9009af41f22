from __future__ import annotations

import pytest

from reconciler.model.hand_over import SshFiles
from reconciler.model.instance import SshEndpoint
from reconciler.reporting.ssh_text import (
    endpoint_text,
    is_plain_endpoint,
    key_alias,
    ssh_command,
    ssh_config,
)
from tests.unit.reporting.hostile import HOSTILE
from tests.unit.reporting.status_rows import machine_row

GOOD = SshEndpoint("203.0.113.7", 22000, "root")
BAD = [
    SshEndpoint("-oProxyCommand=touch /tmp/x", 22, "root"),
    SshEndpoint("-G", 22, "root"),
    SshEndpoint("host\nProxyCommand evil", 22, "root"),
    SshEndpoint("host evil", 22, "root"),
    SshEndpoint("", 22, "root"),
    SshEndpoint("h\u00f6st", 22, "root"),
    SshEndpoint("host", 22, "root\n"),
    SshEndpoint("host", 22, "-l"),
    SshEndpoint("host", 22, "$(id)"),
    SshEndpoint("host", 0, "root"),
    SshEndpoint("host", 65536, "root"),
    SshEndpoint(HOSTILE, 22, HOSTILE),
]


def test_each_reachable_machine_has_a_host_block() -> None:
    rows = [machine_row(1, ssh=None, stage="booting"), machine_row()]
    assert ssh_config(rows) == (
        "# Written by gpu-shopper ssh-config.\n"
        "\n"
        "Host train-0 train.0\n"
        "  HostName 203.0.113.7\n"
        "  Port 22000\n"
        "  User root\n"
        "  HostKeyAlias gpu-shopper-simulated-m-0\n"
        "\n"
        "# fleet.train[1]: no SSH address yet (booting)\n"
    )


def test_two_machines_of_one_slot_do_not_share_a_name() -> None:
    text = ssh_config([machine_row(), machine_row(instance_id="m-new")])
    assert text.count("Host train-0") == 1
    assert "another machine of this slot is left out" in text


@pytest.mark.parametrize("endpoint", BAD)
def test_I22_an_endpoint_that_is_not_plain_never_reaches_ssh(endpoint: SshEndpoint) -> None:
    assert not is_plain_endpoint(endpoint)
    assert endpoint_text(endpoint) == ""
    lines = ssh_config([machine_row(ssh=endpoint)]).splitlines()
    assert [line for line in lines if line and not line.startswith("#")] == []
    with pytest.raises(ValueError, match="not a plain host, user and port"):
        ssh_command(endpoint)


def test_an_id_that_is_not_plain_is_no_host_key_alias() -> None:
    assert "HostKeyAlias" not in ssh_config([machine_row(instance_id="a b\n")])


def test_a_login_is_an_argument_list() -> None:
    assert ssh_command(GOOD) == ["ssh", "-p", "22000", "root@203.0.113.7"]
    alias = ["-o", "HostKeyAlias=gpu-shopper-m-1"]
    assert ssh_command(GOOD, "gpu-shopper-m-1") == [
        "ssh", *alias, "-p", "22000", "root@203.0.113.7"
    ]  # fmt: skip
    assert key_alias("vastai", "m-1") == "gpu-shopper-vastai-m-1"
    assert key_alias("vastai", "m 1; rm") == ""


def test_a_proxy_is_remembered_apart_from_the_machine_itself() -> None:
    """Who answers there may have a key of his own, and neither is taken for the other."""
    direct = key_alias("vastai", "m-1")
    assert key_alias("vastai", "m-1", "203.0.113.7") == direct
    assert key_alias("vastai", "m-1", "2001:db8::1") == direct
    assert key_alias("vastai", "m-1", "ssh5.vast.ai") == f"{direct}-at-ssh5.vast.ai"
    assert key_alias("vastai", "m-1", "a" * 200) == direct
    assert key_alias("vastai", "m-1", "-o evil") == direct
    assert endpoint_text(SshEndpoint("2001:db8::1", 22, "root")) == "root@[2001:db8::1]:22"


FILES = SshFiles("/home/me/my fleets/state/demo.id_ed25519", "/home/me/100%/demo.known_hosts")


def test_the_key_and_the_recorded_host_keys_are_used() -> None:
    words = ssh_command(GOOD, "alias", FILES)
    assert 'IdentityFile="/home/me/my fleets/state/demo.id_ed25519"' in words
    assert 'UserKnownHostsFile="/home/me/100%%/demo.known_hosts"' in words
    assert {"IdentitiesOnly=yes", "StrictHostKeyChecking=accept-new"} <= set(words)
    text = ssh_config([machine_row(own_key=True)], FILES)
    assert '  IdentityFile "/home/me/my fleets/state/demo.id_ed25519"\n' in text
    assert '  UserKnownHostsFile "/home/me/100%%/demo.known_hosts"\n' in text


def test_a_key_that_does_not_open_a_machine_is_not_named() -> None:
    text = ssh_config([machine_row(own_key=False)], FILES)
    assert "Identit" not in text
    assert "UserKnownHostsFile" in text


@pytest.mark.parametrize("path", ['/a"b', "/a\nHost *", "/a\\b", "/${HOME}/x", "relative", HOSTILE])
def test_I22_a_path_that_ssh_would_read_otherwise_is_left_out(path: str) -> None:
    assert ssh_command(GOOD, "alias", SshFiles(path, path)) == ssh_command(GOOD, "alias")
    rows = [machine_row(own_key=True)]
    assert ssh_config(rows, SshFiles(path, path)) == ssh_config(rows)
