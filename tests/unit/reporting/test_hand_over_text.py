"""What other programs are given about the machines: as those programs read it."""

from __future__ import annotations

import shlex
import subprocess

import pytest
import yaml

from reconciler.model.address import Slot
from reconciler.model.hand_over import SshFiles
from reconciler.model.instance import SshEndpoint
from reconciler.model.status import MachineRow
from reconciler.reporting.hand_over_text import ansible_inventory, env_text, hostfile, missing
from tests.unit.reporting.hostile import HOSTILE
from tests.unit.reporting.status_rows import machine_row

FILES = SshFiles("/home/me/my fleets/demo.id_ed25519", "/home/me/my fleets/demo.known_hosts")
BAD = SshEndpoint("$(touch /tmp/x) -oProxyCommand=x", 22, "root; id")


def two_fleets() -> list[MachineRow]:
    return [
        machine_row(1),
        machine_row(0),
        machine_row(0, "two-words", slot=Slot("two-words", 0), gpu_count=2, own_key=True),
        machine_row(2, ssh=None, stage="booting"),
        machine_row(3, stage="doomed"),
        machine_row(4, ssh=BAD),
    ]


def test_a_shell_gets_what_was_meant() -> None:
    script = env_text(two_fleets()) + 'printf "%s|" "$GPU_SHOPPER_TRAIN_HOSTS" '
    script += '"$GPU_SHOPPER_TRAIN_NODES" "$GPU_SHOPPER_TRAIN_1_PORT" "$GPU_SHOPPER_TRAIN_0_USER" '
    script += '"$GPU_SHOPPER_TWO_WORDS_GPUS_PER_NODE"'
    told = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
    assert told.stdout == "203.0.113.7,203.0.113.7|2|22001|root|2|"


def test_a_hostfile_has_a_slot_for_each_gpu_and_says_who_is_missing() -> None:
    assert hostfile(two_fleets()).splitlines() == [
        "# fleet.train[2]: left out, it cannot be entered (booting)",
        "# fleet.train[3]: left out, it cannot be entered (doomed)",
        "# fleet.train[4]: left out, it cannot be entered (running)",
        "train-0 slots=8",
        "train-1 slots=8",
        "two-words-0 slots=2",
    ]
    assert [row.slot.index for row in missing(two_fleets())] == [2, 3, 4]


def test_an_inventory_says_who_is_missing_too() -> None:
    first, second, third, fourth, *_ = ansible_inventory(two_fleets(), FILES).splitlines()
    assert first == "# fleet.train[2]: left out, it cannot be entered (booting)"
    assert second.startswith("# fleet.train[3]")
    assert third.startswith("# fleet.train[4]")
    assert fourth == "all:"


def test_an_inventory_is_yaml_with_everything_that_a_login_needs() -> None:
    read = yaml.safe_load(ansible_inventory(two_fleets(), FILES))
    groups = read["all"]["children"]
    assert {name: list(group["hosts"]) for name, group in groups.items()} == {
        "fleet_train": ["train-0", "train-1"],
        "fleet_two_words": ["two-words-0"],
    }
    host = groups["fleet_two_words"]["hosts"]["two-words-0"]
    assert (host["ansible_host"], host["ansible_port"]) == ("203.0.113.7", 22000)
    words = shlex.split(host["ansible_ssh_common_args"])
    assert f'IdentityFile="{FILES.private_key}"' in words
    assert "HostKeyAlias=gpu-shopper-simulated-m-0" in words
    other = groups["fleet_train"]["hosts"]["train-0"]["ansible_ssh_common_args"]
    assert "IdentityFile" not in other


def test_without_machines_an_inventory_is_empty_and_valid() -> None:
    assert yaml.safe_load(ansible_inventory([], FILES)) == {"all": {}}


@pytest.mark.parametrize("folder", ["/a {{ lookup('pipe', 'id') }}", "/{% x %}", "/{# x"])
def test_I22_a_template_of_ansible_is_never_written(folder: str) -> None:
    files = SshFiles(f"{folder}/key", f"{folder}/known")
    text = ansible_inventory([machine_row(own_key=True)], files)
    assert not any(mark in text for mark in ("{{", "{%", "{#"))


@pytest.mark.parametrize("endpoint", [BAD, SshEndpoint(HOSTILE, 22, HOSTILE)])
def test_I22_a_hostile_address_is_in_no_form(endpoint: SshEndpoint) -> None:
    row = machine_row(ssh=endpoint, provider=HOSTILE, instance_id=HOSTILE)
    assert env_text([row]) == ""
    assert hostfile([row]).startswith("# fleet.train[0]: left out")
    assert "train-0" not in ansible_inventory([row], FILES)


def test_of_two_machines_in_a_slot_the_first_is_named() -> None:
    both = [machine_row(), machine_row(ssh=SshEndpoint("203.0.113.8", 22, "root"))]
    assert hostfile(both) == "train-0 slots=8\n"
    assert "203.0.113.8" not in env_text(both)
