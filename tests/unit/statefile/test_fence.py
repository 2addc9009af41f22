"""I8: a holder whose turn was taken learns it before its next call, and saves what it knows."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.model.errors import StateLocked
from reconciler.statefile.files import Files
from reconciler.statefile.local_file import LocalFile
from tests.unit.statefile.states import instance, now, state


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "demo.json"


def _open(path: Path) -> LocalFile:
    return LocalFile(path, "demo", now)


def _take_away(path: Path) -> None:
    """What makes a take-over from a living holder possible: somebody removes the lock's files."""
    path.with_name("demo.json.lock").unlink()
    path.with_name("demo.json.lock.info").unlink()


def test_I8_the_fence_lets_the_holder_and_whoever_holds_nothing_pass(path: Path) -> None:
    backend = _open(path)
    backend.fence()
    with backend.lock("apply", timeout_seconds=0):
        for contender in range(3):  # contenders touch the lock's file and take nothing
            with pytest.raises(StateLocked), _open(path).lock(str(contender), timeout_seconds=0):
                pass
            backend.fence()
    backend.fence()


def test_I8_C10_3_a_holder_whose_turn_was_taken_is_stopped_at_the_fence(path: Path) -> None:
    paused, new = _open(path), _open(path)
    with paused.lock("apply", timeout_seconds=0):
        _take_away(path)
        with new.lock("reconcile", timeout_seconds=0):
            new.fence()
            with pytest.raises(StateLocked, match='no longer ours: "reconcile" by') as caught:
                paused.fence()
            assert caught.value.exit_code == 4


def test_I8_a_lock_that_was_only_removed_is_lost_too(path: Path) -> None:
    backend = _open(path)
    with backend.lock("apply", timeout_seconds=0):
        path.with_name("demo.json.lock").unlink()
        with pytest.raises(StateLocked, match="no longer ours: someone took it over"):
            backend.fence()


def test_I8_the_ex_holder_writes_nothing_during_the_new_turn_and_what_it_learnt_after_it(
    path: Path,
) -> None:
    paused, new = _open(path), _open(path)
    first = paused.write(state(), expected_serial=None)
    with paused.lock("apply", timeout_seconds=0):
        _take_away(path)
        with new.lock("reconcile", timeout_seconds=0), pytest.raises(StateLocked):
            paused.write(first.with_(instances={}), expected_serial=1)
        learnt = {**first.instances, "m-5": instance(5)}
        saved = paused.write(first.with_(instances=learnt), expected_serial=1)
    assert set(saved.instances) == {"m-0", "m-5"}


def test_the_ex_holder_leaves_the_side_car_of_the_new_one_alone(path: Path) -> None:
    paused, new = _open(path), _open(path)
    lock = paused.lock("apply", timeout_seconds=0).__enter__()
    _take_away(path)
    with new.lock("reconcile", timeout_seconds=0):
        lock.release()
        assert path.with_name("demo.json.lock.info").exists()
        new.fence()


def test_a_holder_that_could_not_say_who_it_is_holds_all_the_same(path: Path) -> None:
    class Nameless(Files):
        def replace(self, source: Path, target: Path) -> None:
            raise OSError(28, "No space left on device")

    backend = LocalFile(path, "demo", now, files=Nameless())
    with backend.lock("apply", timeout_seconds=0):
        backend.fence()
    assert "locked all the same" in backend.warnings[0]
