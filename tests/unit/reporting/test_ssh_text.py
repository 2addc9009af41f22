from __future__ import annotations

import pytest

from reconciler.model.instance import SshEndpoint
from reconciler.reporting.ssh_text import endpoint_text, is_plain_endpoint, ssh_command, ssh_config
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
        "  HostKeyAlias gpu-shopper-m-0\n"
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
    assert ssh_command(GOOD, "m-1") == ["ssh", *alias, "-p", "22000", "root@203.0.113.7"]
    assert ssh_command(GOOD, "m 1; rm") == ["ssh", "-p", "22000", "root@203.0.113.7"]
    assert endpoint_text(SshEndpoint("2001:db8::1", 22, "root")) == "root@[2001:db8::1]:22"
