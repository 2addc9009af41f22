"""Backups beside the state, older formats, states put back by hand, and the rescue file."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import stat
import tempfile
from pathlib import Path

import pytest

from reconciler.model.errors import GpuShopperError, StateConflict, StateError
from reconciler.model.pins import ProviderPin
from reconciler.model.record import RecordedState
from reconciler.statefile.files import Files
from reconciler.statefile.format import VERSION, decode, encode
from reconciler.statefile.history import BACKUPS_KEPT
from reconciler.statefile.local_file import LocalFile
from tests.unit.statefile.states import instance, now, state


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "demo.json"


def _open(path: Path, files: Files | None = None) -> LocalFile:
    return LocalFile(path, "demo", now, files=files)


def _turn(path: Path, operation: str = "apply", **changes: object) -> RecordedState:
    """One command that decides something: a turn at the lock and one write."""
    backend = _open(path)
    with backend.lock(operation, timeout_seconds=0):
        found = backend.read()
        serial = found.serial if found else None
        before = found or state()
        decided = before.with_(decided_serial=before.serial + 1, **changes)
        return backend.write(decided, expected_serial=serial)


def _backups(path: Path) -> list[str]:
    return sorted(entry.name for entry in path.parent.glob("*.backup-*"))


def test_each_turn_keeps_the_version_before_it_and_who_wrote_it(path: Path) -> None:
    for operation in ("apply", "state mv", "destroy"):
        _turn(path, operation)
    found = [(one.state.serial, one.state.saved_by) for one in _open(path).backups() if one.state]
    assert found == [(2, "state mv"), (1, "apply")]
    assert _open(path).find().state == _open(path).read()


def test_a_backup_is_a_second_name_and_no_copy(path: Path) -> None:
    _turn(path)
    before = path.stat().st_ino
    _turn(path)
    (backup,) = path.parent.glob("*.backup-*")
    assert backup.stat().st_ino == before
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600


def test_the_number_of_backups_is_bounded_and_the_oldest_go(path: Path) -> None:
    for _ in range(BACKUPS_KEPT + 5):
        _turn(path)
    serials = [one.state.serial for one in _open(path).backups() if one.state]
    assert serials == list(range(BACKUPS_KEPT + 4, 4, -1))


def test_passes_of_a_loop_that_only_say_that_they_were_there_push_no_backup_out(
    path: Path,
) -> None:
    _turn(path)
    _turn(path)
    for _ in range(BACKUPS_KEPT + 5):
        backend = _open(path)
        found = backend.read()
        assert found is not None
        backend.write(found.with_(loop_last_seen=now()), expected_serial=found.serial)
    assert len(_backups(path)) == 1


def test_a_read_lists_no_directory(path: Path) -> None:
    class Watched(Files):
        def names(self, directory: Path) -> list[str]:
            raise AssertionError("a plan must not pay for the history")

    _turn(path)
    assert _open(path, Watched()).read() is not None


def test_a_backup_that_is_damaged_says_so_and_is_not_offered(path: Path) -> None:
    _turn(path)
    _turn(path)
    path.with_name(_backups(path)[0]).write_bytes(b"rubbish")
    (backup,) = _open(path).backups()
    assert backup.state is None
    assert "does not begin as a state file does" in backup.problem


def test_a_backup_that_is_a_link_is_not_followed(path: Path, tmp_path: Path) -> None:
    _turn(path)
    _turn(path)
    backup = path.with_name(_backups(path)[0])
    backup.rename(tmp_path / "elsewhere")
    backup.symlink_to(tmp_path / "elsewhere")
    (found,) = _open(path).backups()
    assert found.state is None


_NOT_IN = {1: ("host", "saved_by", "let_go", "rolled_back", "clock"), 2: ("clock",)}


def _older(of: RecordedState, version: int) -> bytes:
    """``of`` as ``version`` wrote it."""
    fields = json.loads(encode(of))
    for name in ("checksum", *_NOT_IN[version]):
        del fields[name]
    for pin in fields["providers"].values():
        del pin["key"]
    body = json.dumps({**fields, "version": version}, sort_keys=True, separators=(",", ":")) + "\n"
    digest = hashlib.sha256(body.encode()).hexdigest()
    return f'{{"checksum":"sha256:{digest}",{body[1:]}'.encode()


@pytest.mark.parametrize("version", _NOT_IN)
def test_an_older_format_is_upgraded_on_read_and_kept_as_it_was_on_the_first_write(
    path: Path, version: int
) -> None:
    path.parent.mkdir(mode=0o700)
    pins = {"vastai": ProviderPin(type="vastai", account="7")}
    old = _older(state(serial=7, saved_at=now(), providers=pins), version)
    path.write_bytes(old)
    path.chmod(0o600)
    found = _open(path).read()
    assert found == state(serial=7, saved_at=now(), providers=pins)
    assert path.read_bytes() == old  # reading writes nothing
    _turn(path)
    assert json.loads(path.read_bytes())["version"] == VERSION
    (backup,) = path.parent.glob("*.backup-*")
    assert backup.read_bytes() == old


@pytest.mark.parametrize("version", [0, -1, True, "1", None])
def test_a_version_that_never_was_is_damage(version: object) -> None:
    fields = {"lineage": "l", "version": version, "workspace": "demo"}
    body = json.dumps(fields, sort_keys=True, separators=(",", ":")) + "\n"
    digest = hashlib.sha256(body.encode()).hexdigest()
    with pytest.raises(StateError, match="damaged"):
        decode(f'{{"checksum":"sha256:{digest}",{body[1:]}'.encode(), "x")


def test_C11_9_an_older_copy_put_back_by_hand_is_refused_at_the_first_write(path: Path) -> None:
    _turn(path)
    old = path.read_bytes()
    _turn(path)
    _turn(path)
    path.write_bytes(old)
    with pytest.raises(StateError, match="the state has serial 1, but serial 2 was here") as caught:
        _turn(path)
    assert caught.value.exit_code == 13
    assert "state restore 2" in caught.value.fix
    assert path.read_bytes() == old


def test_I28_a_state_with_the_same_serial_and_another_content_keeps_both_backups(
    path: Path,
) -> None:
    _turn(path)
    _turn(path)
    first = _backups(path)[0]
    path.write_bytes(encode(state(serial=1, instances={})))
    _turn(path)
    kept = [path.with_name(name).read_bytes() for name in _backups(path)]
    assert len(set(kept)) == len(kept) == 2
    assert first in _backups(path)


def test_replace_keeps_a_damaged_state_and_refuses_one_that_changed_meanwhile(path: Path) -> None:
    _turn(path)
    path.write_bytes(b"garbage")
    backend = _open(path)
    found = backend.find()
    assert (found.state, bool(found.problem)) == (None, True)
    with backend.lock("state restore", timeout_seconds=0):
        backend.replace(state(serial=9), found=found)
        with pytest.raises(StateConflict, match="changed while this command was at work"):
            backend.replace(state(serial=10), found=found)
    (kept,) = path.parent.glob("*.damaged-*")
    assert kept.read_bytes() == b"garbage"
    assert any("is kept at" in warning for warning in backend.warnings)
    stored = _open(path).read()
    assert stored is not None
    assert (stored.serial, stored.saved_by) == (9, "state restore")


def test_the_serial_of_a_damaged_state_is_made_out_where_it_can_be(path: Path) -> None:
    for _ in range(4):
        _turn(path)
    path.write_bytes(path.read_bytes().replace(b"2.00", b"1.00"))
    assert _open(path).find().serial_hint == 4
    path.write_bytes(b"\0" * 10)
    assert _open(path).find().serial_hint == 0


class Full(Files):
    """A disk without room for anything below ``directory``."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def write(self, descriptor: int, data: memoryview) -> int:
        if Path(os.readlink(f"/proc/self/fd/{descriptor}")).is_relative_to(self.directory):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return super().write(descriptor, data)


def test_C11_8_what_cannot_be_saved_goes_to_another_disk_and_comes_back_from_there(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "elsewhere"))
    _turn(path)
    backend = _open(path, Full(path.parent))
    with pytest.raises(GpuShopperError, match="No space left"):
        backend.write(state(instances={"m-9": instance(9)}), expected_serial=1)
    place = backend.rescue(state(instances={"m-9": instance(9)}, serial=1))
    assert place.startswith(f"{tmp_path}/elsewhere/demo.json.rescue-")
    assert stat.S_IMODE(os.stat(place).st_mode) == 0o600
    assert set(_open(path).load(Path(place)).instances) == {"m-9"}
    assert not list(path.parent.glob(".*"))


def test_without_any_place_a_rescue_says_so_and_raises_nothing(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _turn(path)
    monkeypatch.setattr(tempfile, "tempdir", "/proc")
    monkeypatch.setenv("HOME", "/proc")
    assert _open(path, Full(Path("/"))).rescue(state()) == ""


def test_what_is_loaded_is_a_good_state_of_this_workspace_in_a_file_of_ours(
    path: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other.json"
    other.write_bytes(encode(state(workspace="other")))
    other.chmod(0o600)
    link = tmp_path / "link.json"
    link.symlink_to(other)
    for file, why in ((other, "of workspace other"), (link, "link"), (path, "there is no file")):
        with pytest.raises(StateError, match=why):
            _open(path).load(file)
