"""The workspace's own SSH key: private, durable before it is used, and never made twice."""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path

import pytest

from reconciler.model.errors import GpuShopperError, StateError
from reconciler.model.ssh_key import parse_public_key
from reconciler.statefile.files import Files
from reconciler.statefile.workspace_key import WorkspaceKey


def key_in(folder: Path, files: Files | None = None) -> WorkspaceKey:
    return WorkspaceKey(folder / "state" / "demo.json", "demo", files or Files(), [])


class Journaled(Files):
    """Writes down what is made durable, in order."""

    def __init__(self) -> None:
        self.steps: list[str] = []

    def sync(self, descriptor: int) -> None:
        self.steps.append(f"sync {os.readlink(f'/proc/self/fd/{descriptor}').split('.tmp-')[0]}")
        super().sync(descriptor)

    def replace(self, source: Path, target: Path) -> None:
        self.steps.append(f"name {target.name}")
        super().replace(source, target)


def test_the_private_key_is_private_and_openssh_reads_it(tmp_path: Path) -> None:
    key = key_in(tmp_path)
    public = key.public()
    assert stat.S_IMODE(key.private_path.stat().st_mode) == 0o600
    assert stat.S_IMODE(key.private_path.parent.stat().st_mode) == 0o700
    assert public == parse_public_key(public)
    assert key.public_path.read_text() == f"{public} gpu-shopper:demo\n"
    derived = subprocess.run(
        ["ssh-keygen", "-y", "-f", str(key.private_path)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert parse_public_key(derived.stdout) == public


def test_the_private_key_is_durable_before_anybody_hears_of_the_public_one(tmp_path: Path) -> None:
    files = Journaled()
    key_in(tmp_path, files).public()
    named = files.steps.index("name demo.id_ed25519")
    synced = files.steps.index(f"sync {tmp_path}/state/.demo.id_ed25519")
    folder = files.steps.index(f"sync {tmp_path}/state", named)
    assert synced < named < folder < files.steps.index("name demo.id_ed25519.pub")


def test_there_is_one_key_for_ever(tmp_path: Path) -> None:
    first = key_in(tmp_path).public()
    assert key_in(tmp_path).public() == first
    key_in(tmp_path).public_path.unlink()
    assert key_in(tmp_path).public() == first
    assert first in key_in(tmp_path).public_path.read_text()


def test_a_public_key_that_nobody_can_use_is_replaced(tmp_path: Path) -> None:
    first = key_in(tmp_path).public()
    key_in(tmp_path).private_path.unlink()
    assert key_in(tmp_path).public() != first


@pytest.mark.parametrize("part", ["private_path", "public_path"])
def test_what_is_no_key_is_refused_and_not_overwritten(part: str, tmp_path: Path) -> None:
    key = key_in(tmp_path)
    key.public()
    key.public_path.unlink()
    path: Path = getattr(key, part)
    path.write_text("not a key")
    with pytest.raises(StateError, match="key"):
        key_in(tmp_path).public()
    assert path.read_text() == "not a key"


def test_a_link_in_place_of_the_key_is_not_followed(tmp_path: Path) -> None:
    key = key_in(tmp_path)
    key.private_path.parent.mkdir(mode=0o700)
    key.private_path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StateError, match="symbolic link"):
        key.public()


def test_a_disk_that_keeps_nothing_gives_no_key(tmp_path: Path) -> None:
    class Full(Files):
        def sync(self, descriptor: int) -> None:
            raise OSError(28, "No space left on device")

    with pytest.raises(GpuShopperError, match="No space left"):
        key_in(tmp_path, Full()).public()


def test_what_a_killed_writer_left_is_swept_away(tmp_path: Path) -> None:
    class Dying(Files):
        def replace(self, source: Path, target: Path) -> None:
            raise KeyboardInterrupt

        def remove(self, path: Path) -> None:
            raise OSError

    with pytest.raises(KeyboardInterrupt):
        key_in(tmp_path, Dying()).public()
    folder = tmp_path / "state"
    assert [one.name for one in folder.iterdir()] != []
    key_in(tmp_path).sweep()
    assert list(folder.iterdir()) == []


def test_I24_half_a_private_key_that_a_killed_run_left_is_removed(tmp_path: Path) -> None:
    key = key_in(tmp_path)
    key.private_path.parent.mkdir(mode=0o700)
    half = key.private_path.with_name(f".{key.private_path.name}.tmp-0123abcd")
    half.write_bytes(b"-----BEGIN OPENSSH PRIVATE KEY-----")
    key.public()
    assert not half.exists()
