from __future__ import annotations

import os
import socket
import stat
from pathlib import Path

import pytest

from reconciler.model.errors import GpuShopperError, StateError
from reconciler.model.mark import workspace_part
from reconciler.statefile.files import Files
from reconciler.statefile.local_file import LocalFile
from tests.unit.statefile.states import now, state


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "demo.json"


def _open(path: Path) -> LocalFile:
    return LocalFile(path, "demo", now)


def _written(path: Path) -> bytes:
    _open(path).write(state(), expected_serial=None)
    return path.read_bytes()


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def _message(error: GpuShopperError) -> str:
    return "\n".join(error.lines())


def test_I24_everything_that_is_made_is_private_under_any_umask(path: Path) -> None:
    before = os.umask(0)
    try:
        backend = _open(path)
        with backend.lock("apply", timeout_seconds=0):
            saved = backend.write(state(), expected_serial=None)
            locked = {entry.name: _mode(entry) for entry in path.parent.iterdir()}
        _open(path).write(saved, expected_serial=1)
    finally:
        os.umask(before)
    after = {entry.name: _mode(entry) for entry in path.parent.iterdir()}
    assert _mode(path.parent) == 0o700
    assert locked == dict.fromkeys(["demo.json", "demo.json.lock", "demo.json.lock.info"], 0o600)
    backup = "demo.json.backup-000000001-" + workspace_part("demo", "lineage-1")[5:]
    assert after == dict.fromkeys(["demo.json", backup, "demo.json.lock"], 0o600)


def test_reading_creates_nothing(path: Path) -> None:
    assert _open(path).read() is None
    assert not path.parent.exists()


def test_bad_input_59_a_state_that_others_may_write_is_refused(path: Path) -> None:
    data = _written(path)
    path.chmod(0o620)
    with pytest.raises(StateError) as caught:
        _open(path).read()
    assert caught.value.exit_code == 13
    assert f"{path} (mode 0620)" in _message(caught.value)
    assert path.read_bytes() == data


def test_bad_input_59_a_state_that_others_may_read_is_tightened_with_a_warning(path: Path) -> None:
    _written(path)
    path.chmod(0o644)
    backend = _open(path)
    assert backend.read() is not None
    assert _mode(path) == 0o600
    assert backend.warnings == [f"{path} could be read by others (mode 0644): now 0600"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_bad_input_59_a_state_of_another_owner_is_refused(path: Path) -> None:
    _written(path)
    os.chown(path, 12345, 12345)
    with pytest.raises(StateError, match="it belongs to another user"):
        _open(path).read()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
def test_a_directory_of_another_owner_is_refused(path: Path) -> None:
    _written(path)
    os.chown(path.parent, 12345, 12345)
    with pytest.raises(StateError, match="it belongs to another user"):
        _open(path).read()


@pytest.mark.parametrize("target", ["victim.json", "missing.json"])
def test_bad_input_59_a_state_that_is_a_link_is_neither_read_nor_written_through(
    path: Path, target: str
) -> None:
    victim = path.with_name("victim.json")
    data = _written(victim)
    path.symlink_to(path.with_name(target))
    with pytest.raises(StateError, match="a symbolic link"):
        _open(path).read()
    with pytest.raises(StateError, match="a symbolic link"):
        _open(path).write(state(), expected_serial=None)
    assert victim.read_bytes() == data
    assert path.is_symlink()


def test_M18_a_link_that_appears_between_looking_and_opening_is_not_followed(
    path: Path, tmp_path: Path
) -> None:
    class Swapped(Files):
        def status(self, path: Path) -> os.stat_result:
            found = super().status(path)
            if path.name == "demo.json":
                path.unlink()
                path.symlink_to(victim)
            return found

    _written(path)
    victim = tmp_path / "victim.json"
    victim.write_bytes(path.read_bytes())
    victim.chmod(0o600)
    with pytest.raises(GpuShopperError, match="cannot read"):
        LocalFile(path, "demo", now, files=Swapped()).read()


def test_C10_9_a_directory_that_became_a_link_is_refused(path: Path, tmp_path: Path) -> None:
    _written(path)
    path.parent.rename(tmp_path / "elsewhere")
    path.parent.symlink_to(tmp_path / "elsewhere")
    for attempt in (_open(path).read, lambda: _open(path).write(state(), expected_serial=None)):
        with pytest.raises(StateError, match="a symbolic link, not a directory"):
            attempt()


def test_bad_input_42_a_pipe_is_named_and_never_waited_for(path: Path) -> None:
    path.parent.mkdir(mode=0o700)
    os.mkfifo(path, 0o600)
    with pytest.raises(StateError, match="a named pipe"):
        _open(path).read()


def test_bad_input_42_a_directory_or_a_socket_is_named(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path.mkdir(parents=True, mode=0o700)
    with pytest.raises(StateError, match="a directory"):
        _open(path).read()
    path.rmdir()
    monkeypatch.chdir(path.parent)  # socket paths are short
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path.name)
        with pytest.raises(StateError, match="a socket"):
            _open(path).read()


def test_a_directory_that_others_may_write_is_closed_to_them_with_a_warning(path: Path) -> None:
    path.parent.mkdir()
    path.parent.chmod(0o775)
    backend = _open(path)
    backend.write(state(), expected_serial=None)
    assert _mode(path.parent) == 0o700
    assert backend.warnings == [f"others could write in {path.parent} (mode 0775): now 0700"]


def test_the_directory_of_a_fresh_clone_is_closed_without_a_word(path: Path) -> None:
    path.parent.mkdir()
    path.parent.chmod(0o755)
    backend = _open(path)
    backend.write(state(), expected_serial=None)
    assert _mode(path.parent) == 0o700
    assert backend.warnings == []


def test_the_backup_is_the_version_before_the_first_write_of_a_run(path: Path) -> None:
    _written(path)
    second = _open(path)
    before = path.read_bytes()
    saved = second.write(state(instances={}), expected_serial=1)
    second.write(saved, expected_serial=2)
    (backup,) = path.parent.glob("*.backup-*")
    assert backup.read_bytes() == before
    assert path.read_bytes() != before


def test_bad_input_57_a_damaged_state_is_refused_naming_the_good_backup(path: Path) -> None:
    _written(path)
    _open(path).write(state(), expected_serial=1)
    for damage in (b"", path.read_bytes()[:-30], path.read_bytes().replace(b"2.00", b"1.00")):
        path.write_bytes(damage)
        with pytest.raises(StateError) as caught:
            _open(path).read()
        assert caught.value.exit_code == 13
        assert "a good backup with serial 1, saved 2026-03-01 12:00:00 UTC" in caught.value.fix
        assert "gpu-shopper state restore 1" in caught.value.fix
        with pytest.raises(StateError):
            _open(path).write(state(), expected_serial=None)
        assert path.read_bytes() == damage


def test_bad_input_57_damage_after_the_first_look_is_seen_at_the_next(path: Path) -> None:
    backend = _open(path)
    written = _written(path)
    known = backend.read()
    path.write_bytes(written.replace(b'"serial":1', b'"serial":7'))
    with pytest.raises(StateError, match="damaged"):
        backend.read()
    path.write_bytes(written)
    assert backend.read() == known


def test_bad_input_57_a_damaged_backup_is_not_offered(path: Path) -> None:
    _written(path)
    path.write_bytes(b"")
    path.with_name("demo.json.backup-000000001-abcde").write_bytes(b"rubbish")
    with pytest.raises(StateError) as caught:
        _open(path).read()
    assert "there is no good backup" in caught.value.fix


def test_a_state_of_another_workspace_is_refused_naming_both(path: Path) -> None:
    _written(path)
    with pytest.raises(StateError, match="of workspace demo, the documents are of prod") as caught:
        LocalFile(path, "prod", now).read()
    assert caught.value.exit_code == 13


def test_a_missing_state_beside_a_good_backup_is_mentioned(path: Path) -> None:
    _written(path)
    _open(path).write(state(), expected_serial=1)
    path.unlink()
    backend = _open(path)
    assert backend.read() is None
    assert "there is no state at" in backend.warnings[0]
    assert "a good backup with serial 1" in backend.warnings[0]


def test_a_temporary_file_that_a_killed_writer_left_is_removed_by_the_next(path: Path) -> None:
    _written(path)
    path.with_name(".demo.json.tmp-0badcafe").write_bytes(b"half")
    path.with_name(".other.json.tmp-0badcafe").write_bytes(b"not ours")
    _open(path).write(state(), expected_serial=1)
    assert [entry.name for entry in path.parent.glob(".*")] == [".other.json.tmp-0badcafe"]


def test_bad_input_38_a_place_that_cannot_be_made_is_an_io_error_naming_it(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a directory")
    path = tmp_path / "file" / "state" / "demo.json"
    with pytest.raises(GpuShopperError) as caught:
        _open(path).write(state(), expected_serial=None)
    assert caught.value.exit_code == 1
    assert str(path.parent) in _message(caught.value)


def test_bad_input_52_an_escape_sequence_in_the_path_never_reaches_the_terminal(
    tmp_path: Path,
) -> None:
    path = tmp_path / "\x1b[2Jdemo.json"
    path.write_bytes(b"")
    path.chmod(0o600)
    with pytest.raises(StateError) as caught:
        _open(path).read()
    assert "\x1b" not in _message(caught.value)
