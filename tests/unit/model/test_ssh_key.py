from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.model.ssh_key import parse_public_key

ED25519 = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPv3mJ8mC1rYvH4qJ3b7e2pYk0x4p6r1q8s9t0u1v2w3"


def test_the_comment_is_left_out_because_it_would_stand_in_scripts() -> None:
    hostile = f"  {ED25519}   me@laptop'; rm -rf / #\n"
    assert parse_public_key(hostile) == ED25519


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "one public key on one line"),
        ("ssh-ed25519", "one public key on one line"),
        (f"{ED25519}\n{ED25519}", "one public key on one line"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEA", "private key"),
        (f'command="/bin/sh" {ED25519}', "begins with one of"),
        (ED25519.replace("ssh-ed25519", "ssh-rsa"), "cut or changed"),
        ("ssh-ed25519 AAAA", "cut or changed"),
        ("ssh-ed25519 " + "A" * 60, "cut or changed"),
        (ED25519[:-1] + "!", "cut or changed"),
        ("ssh-dss " + "A" * 60, "begins with one of"),
        ("ssh-rsa " + "A" * 5000, "one public key on one line"),
    ],
)
def test_what_is_no_public_key_is_refused_and_not_repeated(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says) as refused:
        parse_public_key(text)
    assert len(text) < 20 or text[12:32] not in str(refused.value)


@given(st.text())
def test_whatever_passes_is_plain(text: str) -> None:
    try:
        key = parse_public_key(f"{ED25519} {text}")
    except ValueError:
        return
    assert key == ED25519
