"""Secrets are recognised by name or by shape (bad input 27). All tokens here are made up."""

from __future__ import annotations

import pytest

from reconciler.documents.secret_guard import looks_secret, names_secret

HEX_64 = "0f1e2d3c4b5a69788796a5b4c3d2e1f0" * 2
MIXED_40 = "q7Rk2ZpX9vLm4TnB8wYc3HdJ6sFg1KaQ5eUi0oPz"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("api_key", "x"),
        ("apiKey", "anything"),
        ("VAST_API_KEY", "abc"),
        ("HF_TOKEN", "abc"),
        ("token", "010"),
        ("client-secret", "abc"),
        ("db_password", "hunter2"),
        ("PGPASSWORD", "hunter2"),
        ("AWS_SECRET_ACCESS_KEY", "abc"),
        ("ssh_private_key", "abc"),
        ("key", "abc"),
        ("api_key_2", "abc"),
        ("note", "sk-proj-1a2b3c4d5e6f7g8h"),
        ("note", "ghp_0123456789abcdefghij"),
        ("note", "Authorization: Bearer " + MIXED_40),
        ("note", "AKIA" + "ABCDEFGH12345678"),
        ("note", "-----BEGIN OPENSSH PRIVATE KEY-----"),
        ("note", "https://user:pass@example.com/"),
        ("note", "https://hooks.slack.com/services/T0/B0/x"),
        ("note", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0"),
        ("note", HEX_64),
        ("note", "0x" + HEX_64),
        ("note", MIXED_40),
    ],
)
def test_a_secret_is_recognised(key: str, value: str) -> None:
    assert looks_secret(key, value)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("api_key", ""),
        ("api_key", "  "),
        ("api_key", "${env:VAST_API_KEY}"),
        ("token", "${file:token.txt}"),
        ("max_tokens", "4096"),
        ("TOKENIZERS_PARALLELISM", "false"),
        ("public_key", "abc"),
        ("keyboard", "abc"),
        ("ssh", "ssh-ed25519 " + MIXED_40),
        ("gpu", "RTX4090"),
        ("ttl", "12:30"),
        ("workspace", "alice-laptop-7k2p"),
        ("image", "pytorch/pytorch:2.4.0-cuda12.4-cudnn9-runtime"),
        ("image", "repo@sha256:" + HEX_64),
        ("commit", "0f1e2d3c4b5a69788796a5b4c3d2e1f012345678"),
        ("model", "meta-llama/Llama-3.1-70B-Instruct-GPTQ-INT4"),
        ("note", "a long sentence of ordinary words about nothing at all"),
        ("note", "9" * 100),
        ("note", "task-runner-1234567890abcdef"),
    ],
)
def test_an_ordinary_value_is_shown(key: str, value: str) -> None:
    assert not looks_secret(key, value)


def test_a_name_alone_tells_a_secret() -> None:
    assert names_secret("secrets")
    assert not names_secret("fleets")
