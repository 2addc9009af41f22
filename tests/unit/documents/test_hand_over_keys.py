"""`ssh`, `ready`, and what a machine boots: how they are written, merged and refused."""

from __future__ import annotations

from datetime import timedelta

import pytest

from reconciler.documents.loader import load_text
from reconciler.model.errors import DocumentError
from reconciler.model.fleet import Fleet
from reconciler.model.hand_over import Boot, ReadyRules, SshAccess

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPv3mJ8mC1rYvH4qJ3b7e2pYk0x4p6r1q8s9t0u1v2w3"
HEAD = "version: 1\nworkspace: demo\nproviders: {simulated: {}}\n"


def fleet(written: str, defaults: str = "") -> Fleet:
    below = f"defaults: {{resources: {{gpu: RTX4090}}, {defaults}}}\nfleets: {{f: {{{written}}}}}\n"
    return load_text("fleets.yaml", (HEAD + below).encode()).fleets["f"]


def test_nothing_written_means_a_key_a_login_and_a_check() -> None:
    plain = fleet("")
    assert plain.ssh == SshAccess(None, (), True)
    assert plain.ready == ReadyRules(timedelta(minutes=30), True, True, "replace", 2)
    assert plain.boot == Boot()


def test_they_are_merged_key_by_key() -> None:
    found = fleet(
        "ready: {attempts: 3}, ssh: {user: ubuntu}",
        f'ready: {{timeout: 1h, on_fail: keep}}, ssh: {{public_keys: ["{KEY} me@laptop"]}}',
    )
    assert found.ready == ReadyRules(timedelta(hours=1), True, True, "keep", 3)
    assert found.ssh == SshAccess("ubuntu", (KEY,), True)


def test_without_a_login_there_is_no_gpu_check() -> None:
    assert fleet("ready: {ssh: false}").ready.gpu_check is False


def test_image_and_vm_image_are_one_choice() -> None:
    found = fleet("vm_image: ubuntu-22.04", "image: a/b")
    assert (found.image, found.boot.vm_image) == (None, "ubuntu-22.04")
    found = fleet("image: a/b", "vm_image: ubuntu-22.04")
    assert (found.image, found.boot.vm_image) == ("a/b", None)


def test_env_and_secrets_are_one_set_of_names_and_the_last_word_wins() -> None:
    found = fleet("secrets: {A: '${env:A}'}", "env: {A: plain, B: b}")
    assert found.env == {"A": "${env:A}", "B": "b"}
    found = fleet("env: {A: plain}", "secrets: {A: '${env:A}', C: '${env:C}'}")
    assert found.env == {"A": "plain", "C": "${env:C}"}


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ("image: a/b, vm_image: c", "choose one"),
        ("env: {A: x}, secrets: {A: '${env:A}'}", "A stands in env and in secrets"),
        ("secrets: {A: plain}", "a secret never stands here itself"),
        ("ready: {ssh: false, gpu_check: true}", "ssh: false leaves it out"),
        ("ready: {attempts: 0}", "attempts"),
        ("ready: {on_fail: retry}", "did you mean replace?"),
        ("ready: {timeout: 30}", "timeout"),
        ("ssh: {user: 'root; id'}", "a login name"),
        ("ssh: {user: -oProxyCommand=x}", "a login name"),
        ("ssh: {public_keys: ['-----BEGIN OPENSSH PRIVATE KEY-----']}", "private key"),
        ("ssh: {public_keys: ['ssh-ed25519 AAAA']}", "cut or changed"),
        (f"ssh: {{public_keys: {KEY}}}", "list"),
        ("ports: [22]", "port 22"),
        ("ports: [80, 80]", "once"),
        ("ports: [70000]", "65535"),
        ("ports: [0]", "1"),
        ("setup: ''", "shell text"),
        ("vm_image: '-x'", "operating system"),
    ],
)
def test_what_cannot_be_meant_is_refused_where_it_stands(written: str, says: str) -> None:
    with pytest.raises(DocumentError) as refused:
        fleet(written)
    lines = "\n".join(refused.value.lines())
    assert says in lines
    assert "BEGIN OPENSSH" not in lines
