from __future__ import annotations

import os
from pathlib import Path

import pytest

from reconciler.documents.references import resolve_reference
from reconciler.model.errors import CredentialsMissing

_VALUE = "https://hooks.example.com/T0PSECRET"


def _refusal(text: str, environ: dict[str, str], root: Path) -> str:
    with pytest.raises(CredentialsMissing) as caught:
        resolve_reference(text, environ=environ, root=root)
    assert caught.value.exit_code == 77
    message = "\n".join(caught.value.lines())
    assert "T0PSECRET" not in message
    return message


@pytest.mark.parametrize("text", ["plain", "", "https://x/", "$HOME", "${HOME}", "${other:X}"])
def test_text_that_refers_to_nothing_stays_as_it_is(text: str, tmp_path: Path) -> None:
    assert resolve_reference(text, environ={}, root=tmp_path) == text


@pytest.mark.parametrize("allowed", ["HOOK", "OTHER, HOOK ,THIRD", "HOOK,"])
def test_a_variable_that_the_environment_allows_is_resolved(allowed: str, tmp_path: Path) -> None:
    environ = {"HOOK": _VALUE, "GPU_SHOPPER_ALLOW_ENV": allowed}
    assert resolve_reference("${env:HOOK}", environ=environ, root=tmp_path) == _VALUE


@pytest.mark.parametrize("allowed", [None, "", "*", "HOOK2", "HOO*", "hook", "OTHER HOOK"])
def test_a_document_alone_cannot_choose_a_secret(allowed: str | None, tmp_path: Path) -> None:
    environ = {"HOOK": _VALUE}
    if allowed is not None:
        environ["GPU_SHOPPER_ALLOW_ENV"] = allowed
    message = _refusal("${env:HOOK}", environ, tmp_path)
    assert "${env:HOOK} is not allowed: GPU_SHOPPER_ALLOW_ENV does not name it" in message
    assert "GPU_SHOPPER_ALLOW_ENV=HOOK" in message


def test_a_star_never_allows_anything(tmp_path: Path) -> None:
    _refusal("${env:*}", {"*": _VALUE, "GPU_SHOPPER_ALLOW_ENV": "*"}, tmp_path)


def test_bad_input_36_an_allowed_variable_that_is_not_set_or_empty_is_named(
    tmp_path: Path,
) -> None:
    allowed = {"GPU_SHOPPER_ALLOW_ENV": "HOOK"}
    assert "is not set" in _refusal("${env:HOOK}", allowed, tmp_path)
    assert "is empty" in _refusal("${env:HOOK}", {**allowed, "HOOK": ""}, tmp_path)


@pytest.mark.parametrize(
    "text", ["https://evil.example/?${env:HOOK}", "${env:HOOK}/x", "${env:HOOK", "${env:${env:A}}"]
)
def test_a_secret_cannot_be_made_a_part_of_something_else(text: str, tmp_path: Path) -> None:
    environ = {"HOOK": _VALUE, "GPU_SHOPPER_ALLOW_ENV": "HOOK"}
    assert "must be the whole value" in _refusal(text, environ, tmp_path)


def test_an_allowed_file_inside_the_configuration_is_read_without_its_last_line_end(
    tmp_path: Path,
) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "hook").write_text(_VALUE + "\r\n")
    environ = {"GPU_SHOPPER_ALLOW_FILES": "secrets/hook"}
    for text in ("${file:secrets/hook}", "${file:./secrets/../secrets/hook}"):
        assert resolve_reference(text, environ=environ, root=tmp_path) == _VALUE


def test_an_allowed_file_outside_is_read_by_its_full_path(tmp_path: Path) -> None:
    secret = tmp_path / "run" / "hook"
    secret.parent.mkdir()
    secret.write_text(_VALUE)
    environ = {"GPU_SHOPPER_ALLOW_FILES": str(secret)}
    text = f"${{file:{secret}}}"
    assert resolve_reference(text, environ=environ, root=tmp_path / "conf") == _VALUE


def test_bad_input_23_a_file_that_is_not_listed_is_never_read(tmp_path: Path) -> None:
    root = tmp_path / "conf"
    root.mkdir()
    (tmp_path / "passwd").write_text(_VALUE)
    (root / "*").write_text(_VALUE)
    for environ in ({}, {"GPU_SHOPPER_ALLOW_FILES": "*,other"}):
        for text in ("${file:../passwd}", "${file:*}"):
            message = _refusal(text, environ, root)
            assert "GPU_SHOPPER_ALLOW_FILES does not name it" in message


def test_bad_input_23_a_link_cannot_turn_an_allowed_file_into_another(tmp_path: Path) -> None:
    root = tmp_path / "conf"
    root.mkdir()
    (tmp_path / "private_key").write_text(_VALUE)
    (root / "hook").symlink_to(tmp_path / "private_key")
    (root / "folder").symlink_to(tmp_path)
    environ = {"GPU_SHOPPER_ALLOW_FILES": "hook,folder/private_key"}
    for text in ("${file:hook}", "${file:folder/private_key}"):
        assert "leads out of the configuration directory" in _refusal(text, environ, root)


def test_a_file_that_cannot_hold_a_secret_is_refused_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "large").write_text("x" * (64 * 1024 + 1))
    (tmp_path / "binary").write_bytes(b"T0PSECRET\xff")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    reasons = {
        "empty": "is empty",
        "large": "is larger than 64 KiB",
        "binary": "is not text in UTF-8",
        "folder": "cannot be read",
        "pipe": "cannot be read",
        "missing": "No such file",
    }
    environ = {"GPU_SHOPPER_ALLOW_FILES": ",".join(reasons)}
    for name, reason in reasons.items():
        assert reason in _refusal(f"${{file:{name}}}", environ, tmp_path)


def test_a_file_of_exactly_the_limit_is_read(tmp_path: Path) -> None:
    (tmp_path / "large").write_text("x" * 64 * 1024)
    environ = {"GPU_SHOPPER_ALLOW_FILES": "large"}
    assert len(resolve_reference("${file:large}", environ=environ, root=tmp_path)) == 64 * 1024
