from __future__ import annotations

import dataclasses
import errno
import fcntl
import os
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import filelock
import pytest

from reconciler.model.errors import GpuShopperError, StateError, StateLocked
from reconciler.statefile.backend import LockInfo
from reconciler.statefile.local_file import LocalFile
from reconciler.statefile.lock_info import decode_info, encode_info
from tests.unit.statefile.states import NOW, now, state

_HOLDER = """
import sys
from pathlib import Path
from reconciler.clock import wall_now
from reconciler.statefile.local_file import LocalFile
with LocalFile(Path(sys.argv[1]), "demo", wall_now).lock("apply", timeout_seconds=0):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "demo.json"


def _open(path: Path) -> LocalFile:
    return LocalFile(path, "demo", now)


def _info_file(path: Path) -> Path:
    return path.with_name("demo.json.lock.info")


def _start_holder(path: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", _HOLDER, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def _leave_behind(path: Path, **changes: object) -> LockInfo:
    """A side-car without a holder, written as by this process unless changed."""
    with _open(path).lock("apply", timeout_seconds=0) as lock:
        info = dataclasses.replace(lock.info, **changes)  # type: ignore[arg-type]
    _put(path, encode_info(info))
    return info


def _put(path: Path, data: bytes) -> None:
    _info_file(path).write_bytes(data)
    _info_file(path).chmod(0o600)


def _refusal(path: Path) -> str:
    with pytest.raises(StateLocked) as caught, _open(path).lock("plan", timeout_seconds=0):
        pass
    assert caught.value.exit_code == 4
    return "\n".join(caught.value.lines())


def test_bad_input_43_another_process_holds_the_lock_and_is_named(path: Path) -> None:
    with _start_holder(path) as holder:
        message = _refusal(path)
        assert f"pid {holder.pid}" in message
        assert '"apply"' in message
        assert "state unlock" in message
        assert "-lock-timeout" in message
        holder.communicate("")
    with _open(path).lock("plan", timeout_seconds=0) as lock:
        assert lock.held


def test_a_timeout_waits_until_the_holder_lets_go(path: Path) -> None:
    with _start_holder(path) as holder:
        assert holder.stdin is not None
        holder.stdin.close()
        with _open(path).lock("plan", timeout_seconds=30) as lock:
            assert lock.held


def test_a_timeout_that_passes_says_how_long_it_was(path: Path) -> None:
    with _open(path).lock("apply", timeout_seconds=0):
        with pytest.raises(StateLocked) as caught, _open(path).lock("x", timeout_seconds=0.05):
            pass
        assert "within 0.05 seconds" in caught.value.why


def test_C11_1_kill_9_frees_the_lock_and_the_next_holder_is_told_once(path: Path) -> None:
    with _start_holder(path) as holder:
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        pid = holder.pid
    assert _info_file(path).exists()
    after, later = _open(path), _open(path)
    with after.lock("plan", timeout_seconds=0):
        pass
    with later.lock("plan", timeout_seconds=0):
        pass
    assert len(after.warnings) == 1
    assert f"pid {pid}) " in after.warnings[0]
    assert "died without letting go" in after.warnings[0]
    assert later.warnings == []


def test_C11_1_a_killed_holder_that_nobody_reaped_yet_counts_as_dead(path: Path) -> None:
    with _start_holder(path) as holder:
        holder.send_signal(signal.SIGKILL)
        os.waitid(os.P_PID, holder.pid, os.WEXITED | os.WNOWAIT)
        with _open(path).lock("plan", timeout_seconds=0) as lock:
            assert lock.held


def test_bad_input_60_a_reused_pid_does_not_keep_the_lock(path: Path) -> None:
    _leave_behind(path, process_started="1")
    with _open(path).lock("plan", timeout_seconds=0) as lock:
        assert lock.held


def test_bad_input_60_a_holder_from_before_the_last_boot_is_dead(path: Path) -> None:
    _leave_behind(path, boot_id="00000000-0000-0000-0000-000000000000")
    with _open(path).lock("plan", timeout_seconds=0) as lock:
        assert lock.held


@pytest.mark.parametrize(
    ("changes", "evidence"),
    [
        ({}, "alive on this host"),
        ({"host": "elsewhere"}, "nothing proves from here that the process is dead"),
        ({"process_started": ""}, "nothing proves from here that the process is dead"),
        ({"boot_id": ""}, "nothing proves from here that the process is dead"),
        ({"created": NOW + timedelta(hours=3)}, "dated 3h in the future"),
    ],
)
def test_bad_input_60_without_proof_of_death_a_person_decides(
    path: Path, changes: dict[str, object], evidence: str
) -> None:
    left = _leave_behind(path, **changes)
    message = _refusal(path)
    assert evidence in message
    assert f"state unlock {left.id}" in message
    assert _info_file(path).exists()


@pytest.mark.parametrize("data", [b"", b"rubbish", b"[]", b"{}", b'{"ID": 5}', b"\xff\xfe"])
def test_bad_input_60_a_damaged_side_car_can_be_named_and_removed(path: Path, data: bytes) -> None:
    _leave_behind(path)
    _put(path, data)
    damaged = decode_info(data)
    assert f"state unlock {damaged.id}" in _refusal(path)
    assert _open(path).unlock(damaged.id) == damaged
    with _open(path).lock("plan", timeout_seconds=0) as lock:
        assert lock.held


def test_bad_input_60_a_side_car_with_a_naive_time_is_damaged(path: Path) -> None:
    _leave_behind(path)
    _put(path, _info_file(path).read_bytes().replace(b"+00:00", b""))
    assert "since an unknown time" in _refusal(path)


def test_unlock_forgets_a_holder_of_another_host_by_its_id(path: Path) -> None:
    left = _leave_behind(path, host="elsewhere")
    assert _open(path).unlock(left.id) == left
    assert not _info_file(path).exists()


def test_bad_input_44_a_wrong_id_is_refused_with_both_ids(path: Path) -> None:
    left = _leave_behind(path, host="elsewhere")
    with pytest.raises(StateLocked) as caught:
        _open(path).unlock("wrong-id")
    assert caught.value.exit_code == 4
    assert left.id in caught.value.why
    assert "wrong-id" in caught.value.why
    assert _info_file(path).exists()


def test_bad_input_44_C11_15_a_living_holder_is_not_unlocked(path: Path) -> None:
    with _start_holder(path) as holder:
        info = decode_info(_info_file(path).read_bytes())
        with pytest.raises(StateLocked, match=f"pid {holder.pid}") as caught:
            _open(path).unlock(info.id)
        assert "alive" in caught.value.why
        holder.communicate("")


def test_bad_input_44_a_living_pid_is_refused_even_when_the_kernel_lock_is_free(
    path: Path,
) -> None:
    left = _leave_behind(path)
    with pytest.raises(StateLocked) as caught:
        _open(path).unlock(left.id)
    assert "alive on this host" in caught.value.why


def test_M18_a_lock_that_is_a_link_is_refused_and_its_target_untouched(
    path: Path, tmp_path: Path
) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    path.parent.mkdir(mode=0o700)
    for name in ("demo.json.lock", "demo.json.lock.info"):
        path.with_name(name).symlink_to(victim)
        with pytest.raises(StateError, match="a symbolic link") as caught:
            _open(path).lock("plan", timeout_seconds=0).__enter__()
        assert caught.value.exit_code == 13
        path.with_name(name).unlink()
    assert victim.read_text() == "precious"


def test_the_side_car_uses_the_names_of_terraform_and_reads_back(path: Path) -> None:
    with _open(path).lock("apply", timeout_seconds=0) as lock:
        data = _info_file(path).read_bytes()
    assert decode_info(data) == lock.info
    for name in (b'"ID"', b'"Operation"', b'"Who"', b'"Version"', b'"Created"', b'"Path"'):
        assert name in data
    assert lock.info.path == str(path)
    assert lock.info.pid == os.getpid()


def test_bad_input_52_escape_sequences_in_a_side_car_are_not_printed_raw(path: Path) -> None:
    _leave_behind(path, who="\x1b]52;c;evil\x07", host="\x1b[2J", operation="\u202eylppa")
    message = _refusal(path)
    assert "\x1b" not in message
    assert "\u202e" not in message


_WRITER = """
import sys
from pathlib import Path
from reconciler.clock import wall_now
from reconciler.model.errors import StateError
from reconciler.statefile.local_file import LocalFile
backend = LocalFile(Path(sys.argv[1]), "demo", wall_now)
state = backend.read()
print("read", flush=True)
sys.stdin.readline()
try:
    backend.write(state, expected_serial=state.serial)
    print("won")
except StateError as error:
    print(type(error).__name__)
"""


def test_I19_of_several_processes_with_one_serial_exactly_one_writes(path: Path) -> None:
    _open(path).write(state(), expected_serial=None)
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", _WRITER, str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        for _ in range(3)
    ]
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "read\n"
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("\n")
        writer.stdin.flush()
    results = sorted(writer.communicate()[0].strip() for writer in writers)
    assert results.count("won") == 1
    assert set(results) <= {"won", "StateConflict", "StateLocked"}
    stored = _open(path).read()
    assert stored is not None
    assert stored.serial == 2


def _becomes_read_only(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(filelock.FileLock, "acquire", refused)


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS])
def test_C10_15_where_nothing_can_be_locked_nothing_is_written_and_the_fix_is_said(
    path: Path, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the kernel answers for some file systems of a network or a container."""

    def refused(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    LocalFile(path, "demo", now).write(state(), expected_serial=None)
    before = path.read_bytes()
    monkeypatch.setattr(fcntl, "flock", refused)
    for act in (
        lambda: _open(path).lock("apply", timeout_seconds=0).__enter__(),
        lambda: _open(path).write(state(instances={}), expected_serial=1),
    ):
        with pytest.raises(GpuShopperError, match="cannot lock") as caught:
            act()
        assert not isinstance(caught.value, StateError)
        assert "keep the state on a local disk" in caught.value.fix
    assert path.read_bytes() == before
    assert not _info_file(path).exists()
    assert _open(path).read() is not None


def test_C10_6_on_a_read_only_file_system_the_lock_is_held_all_the_same(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    LocalFile(path, "demo", now).write(state(), expected_serial=None)
    _becomes_read_only(monkeypatch)
    with LocalFile(path, "demo", now).lock("reconcile", timeout_seconds=0) as held:
        assert held.still_ours
        with pytest.raises(StateLocked), LocalFile(path, "demo", now).lock("b", timeout_seconds=0):
            pass
    with LocalFile(path, "demo", now).lock("reconcile", timeout_seconds=0):
        pass


def test_C10_6_a_holder_from_before_is_respected(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with LocalFile(path, "demo", now).lock("apply", timeout_seconds=0):
        _becomes_read_only(monkeypatch)
        with pytest.raises(StateLocked), LocalFile(path, "demo", now).lock("b", timeout_seconds=0):
            pass


def test_C10_6_where_nobody_ever_locked_the_state_itself_is_locked_until_somebody_can_write(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    LocalFile(path, "demo", now).write(state(), expected_serial=None)
    lock_file = path.with_name(path.name + ".lock")
    lock_file.unlink(missing_ok=True)
    _becomes_read_only(monkeypatch)
    with LocalFile(path, "demo", now).lock("reconcile", timeout_seconds=0) as held:
        assert held.still_ours
        with pytest.raises(StateLocked), LocalFile(path, "demo", now).lock("b", timeout_seconds=0):
            pass
        lock_file.touch(mode=0o600)
        assert not held.still_ours


def test_I8_a_lock_file_that_goes_missing_ends_the_turn(path: Path) -> None:
    LocalFile(path, "demo", now).write(state(), expected_serial=None)
    with LocalFile(path, "demo", now).lock("reconcile", timeout_seconds=0) as held:
        path.with_name(path.name + ".lock").unlink()
        assert not held.still_ours


def test_C10_6_without_lock_file_and_state_a_read_only_file_system_cannot_be_locked(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path.parent.mkdir(mode=0o700, exist_ok=True)
    _becomes_read_only(monkeypatch)
    with pytest.raises(GpuShopperError, match="cannot lock"):
        LocalFile(path, "demo", now).lock("apply", timeout_seconds=0).__enter__()
