"""I7: whatever call fails, and wherever the process dies, the state is old or new."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reconciler.model.errors import GpuShopperError
from reconciler.statefile.files import Files
from reconciler.statefile.format import decode
from reconciler.statefile.local_file import LocalFile
from tests.unit.statefile.states import instance, now, state

_REAL = Files()
_CALLS = [name for name in vars(Files) if not name.startswith("_")]
_CALLS_OF_A_WRITE = 40  # more than there are; the tests see when it stops being true


class _Dies(BaseException):
    """As kill -9: no handler of ours may answer it."""


class FailingFiles(Files):
    """The real calls; the one numbered ``fail_at`` raises instead, and after a death all do."""

    def __init__(self, fail_at: int, failure: BaseException, *, for_ever: bool = False) -> None:
        self.fail_at = fail_at
        self.failure = failure
        self.for_ever = for_ever
        self.count = 0
        self.failed = ""

    def __getattribute__(self, name: str) -> Any:
        if name not in _CALLS:
            return super().__getattribute__(name)

        def call(*arguments: Any) -> Any:
            self.count += 1
            due = self.count >= self.fail_at if self.for_ever else self.count == self.fail_at
            if due:
                self.failed = self.failed or name
                if name == "close":
                    _REAL.close(*arguments)  # the kernel closes also when it complains
                raise self.failure
            return getattr(_REAL, name)(*arguments)

        return call


def _attempt(path: Path, files: Files) -> None:
    saved = state(instances={"m-9": instance(9)})
    LocalFile(path, "demo", now, files=files).write(saved, expected_serial=1)


def _refusal(path: Path, files: Files) -> GpuShopperError | None:
    try:
        _attempt(path, files)
    except GpuShopperError as error:
        return error
    return None


def _failures(failure: BaseException, path: Path, *, for_ever: bool) -> Iterator[FailingFiles]:
    """One run per call of a write: the N-th fails."""
    for fail_at in range(1, _CALLS_OF_A_WRITE):
        for entry in path.parent.glob("*"):
            entry.unlink()
        for entry in path.parent.glob(".*"):
            entry.unlink()
        LocalFile(path, "demo", now).write(state(), expected_serial=None)
        files = FailingFiles(fail_at, failure, for_ever=for_ever)
        yield files
        if files.count < fail_at:
            return
    raise AssertionError("a write makes more calls than this test thought of")


def _serial(path: Path) -> int:
    return decode(path.read_bytes(), "x").serial


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EROFS, errno.EMFILE])
def test_I7_after_any_failing_call_the_state_is_old_or_new_and_nothing_is_left_over(
    tmp_path: Path, code: int
) -> None:
    path = tmp_path / "state" / "demo.json"
    failed = []
    for files in _failures(OSError(code, os.strerror(code)), path, for_ever=False):
        old = path.read_bytes()
        error = _refusal(path, files)
        if error is not None:
            failed.append(files.failed)
            assert (error.exit_code, bool(error.fix)) == (1, True)
            assert os.strerror(code) in error.what
        assert _serial(path) in (1, 2)
        assert _serial(path) == 2 or path.read_bytes() == old
        assert not list(path.parent.glob(".*"))
    assert {"open", "read", "write", "sync", "replace", "link"} <= set(failed)


def test_I7_C10_1_death_at_any_call_leaves_old_or_new_and_the_next_run_goes_on(
    tmp_path: Path,
) -> None:
    path = tmp_path / "state" / "demo.json"
    died = []
    for files in _failures(_Dies(), path, for_ever=True):
        old = path.read_bytes()
        try:
            _attempt(path, files)
        except _Dies:
            died.append(files.failed)
        serial = _serial(path)
        assert serial == 2 or path.read_bytes() == old
        _forget_the_living_dead(path)
        LocalFile(path, "demo", now).write(state(), expected_serial=serial)
        assert not list(path.parent.glob(".*"))
    assert {"open", "write", "sync", "replace", "link", "remove"} <= set(died)


def _forget_the_living_dead(path: Path) -> None:
    """This process did not really die, so its side-car would name a living holder."""
    path.with_name("demo.json.lock.info").unlink(missing_ok=True)


def test_C10_5_a_disk_that_takes_only_some_bytes_at_a_time_gets_them_all(tmp_path: Path) -> None:
    class Dribbling(Files):
        def write(self, descriptor: int, data: memoryview) -> int:
            return super().write(descriptor, data[:100])

    path = tmp_path / "state" / "demo.json"
    saved = LocalFile(path, "demo", now, files=Dribbling()).write(state(), expected_serial=None)
    assert LocalFile(path, "demo", now).read() == saved


def test_a_file_system_without_hard_links_gets_a_copied_backup(tmp_path: Path) -> None:
    class Linkless(Files):
        def link(self, source: Path, target: Path) -> None:
            raise PermissionError(errno.EPERM, "Operation not permitted")

    path = tmp_path / "state" / "demo.json"
    LocalFile(path, "demo", now).write(state(), expected_serial=None)
    before = path.read_bytes()
    LocalFile(path, "demo", now, files=Linkless()).write(state(), expected_serial=1)
    (backup,) = path.parent.glob("*.backup-*")
    assert backup.read_bytes() == before
    assert backup.stat().st_mode & 0o777 == 0o600


def test_a_new_state_is_synced_before_it_takes_the_name_and_the_directory_after(
    tmp_path: Path,
) -> None:
    calls: list[str] = []

    class Watched(Files):
        def sync(self, descriptor: int) -> None:
            kind = "directory" if os.path.isdir(f"/proc/self/fd/{descriptor}") else "file"
            calls.append(f"sync {kind}")
            super().sync(descriptor)

        def replace(self, source: Path, target: Path) -> None:
            calls.append(f"replace {target.name}")
            super().replace(source, target)

    path = tmp_path / "state" / "demo.json"
    backend = LocalFile(path, "demo", now, files=Watched())
    with backend.lock("apply", timeout_seconds=0):
        calls.clear()
        backend.write(state(), expected_serial=None)
        assert calls == ["sync file", "replace demo.json", "sync directory"]
