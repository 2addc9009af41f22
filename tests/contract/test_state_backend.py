"""What every state backend must do. A new backend adds itself to ``BACKENDS``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from reconciler.model.errors import StateConflict, StateError, StateLocked
from reconciler.statefile.backend import StateBackend
from reconciler.statefile.local_file import LocalFile
from tests.unit.statefile.states import NOW, instance, now, state

Connect = Callable[[], StateBackend]
"""A new client of the same stored state, as another process would make it."""


def _local_file(place: Path) -> StateBackend:
    return LocalFile(place / "state" / "demo.json", "demo", now)


BACKENDS: dict[str, Callable[[Path], StateBackend]] = {"local_file": _local_file}


@pytest.fixture(params=sorted(BACKENDS))
def connect(request: pytest.FixtureRequest, tmp_path: Path) -> Connect:
    return lambda: BACKENDS[request.param](tmp_path)


def test_nothing_stored_reads_as_none(connect: Connect) -> None:
    assert connect().read() is None


def test_what_was_written_is_read_by_the_next_process(connect: Connect) -> None:
    saved = connect().write(state(), expected_serial=None)
    assert saved.serial == 1
    assert saved.saved_at == NOW
    assert connect().read() == saved


def test_I19_the_serial_grows_by_one_with_every_write(connect: Connect) -> None:
    backend = connect()
    saved = backend.write(state(), expected_serial=None)
    for expected in (1, 2, 3):
        saved = backend.write(saved, expected_serial=expected)
        assert saved.serial == expected + 1


def test_I19_a_writer_that_read_an_older_serial_writes_nothing(connect: Connect) -> None:
    mine, theirs = connect(), connect()
    first = mine.write(state(), expected_serial=None)
    stored = theirs.write(first.with_(instances={}), expected_serial=1)
    with pytest.raises(StateConflict, match=r"expected serial 1 .*, found serial 2 ") as caught:
        mine.write(first, expected_serial=1)
    assert caught.value.exit_code == 13
    assert connect().read() == stored


def test_I19_a_state_of_another_lineage_is_never_overwritten(connect: Connect) -> None:
    stored = connect().write(state(), expected_serial=None)
    with pytest.raises(StateConflict, match="lineage-2, found serial 1 of lineage lineage-1"):
        connect().write(state(lineage="lineage-2", serial=1), expected_serial=1)
    assert connect().read() == stored


def test_I19_a_first_write_never_replaces_a_state(connect: Connect) -> None:
    stored = connect().write(state(), expected_serial=None)
    with pytest.raises(StateConflict, match="expected none, found serial 1"):
        connect().write(state(instances={}), expected_serial=None)
    assert connect().read() == stored


def test_I19_a_state_that_vanished_is_not_made_anew_by_a_later_write(connect: Connect) -> None:
    with pytest.raises(StateConflict, match="found none"):
        connect().write(state(serial=4), expected_serial=4)
    assert connect().read() is None


def test_a_state_of_another_workspace_is_refused_before_anything_is_written(
    connect: Connect,
) -> None:
    with pytest.raises(StateError, match="of workspace other, the documents are of demo"):
        connect().write(state(workspace="other"), expected_serial=None)
    assert connect().read() is None


def test_bad_input_43_a_second_holder_is_told_who_holds_the_lock(connect: Connect) -> None:
    with connect().lock("apply", timeout_seconds=0) as held:
        with pytest.raises(StateLocked) as caught, connect().lock("plan", timeout_seconds=0):
            pass
        message = "\n".join(caught.value.lines())
    assert caught.value.exit_code == 4
    assert '"apply"' in message
    assert held.info.who in message
    assert f"host {held.info.host}, pid {held.info.pid}" in message
    assert "for 0s" in message
    assert "-lock-timeout" in message
    assert f"state unlock {held.info.id}" in message


def test_a_lock_can_be_taken_again_once_it_was_released(connect: Connect) -> None:
    with connect().lock("apply", timeout_seconds=0) as first:
        assert first.held
    assert not first.held
    with connect().lock("apply", timeout_seconds=0) as second:
        assert second.info.id != first.info.id


def test_a_lock_is_released_when_its_holder_fails(connect: Connect) -> None:
    with pytest.raises(RuntimeError), connect().lock("apply", timeout_seconds=0):
        raise RuntimeError("the holder fails")
    with connect().lock("apply", timeout_seconds=0) as lock:
        assert lock.held


def test_releasing_a_lock_twice_does_nothing(connect: Connect) -> None:
    with connect().lock("apply", timeout_seconds=0) as lock:
        lock.release()
        lock.release()
        with connect().lock("plan", timeout_seconds=0):
            lock.release()
            with pytest.raises(StateLocked), connect().lock("x", timeout_seconds=0):
                pass


def test_I8_a_writer_without_the_lock_writes_nothing_while_another_holds_it(
    connect: Connect,
) -> None:
    holder = connect()
    stored = holder.write(state(), expected_serial=None)
    with holder.lock("apply", timeout_seconds=0):
        with pytest.raises(StateLocked):
            connect().write(stored.with_(instances={}), expected_serial=1)
        kept = holder.write(stored.with_(instances={"m-7": instance(7)}), expected_serial=1)
    assert connect().read() == kept


def test_bad_input_44_a_living_holder_is_never_forgotten(connect: Connect) -> None:
    with connect().lock("apply", timeout_seconds=0) as held:
        with pytest.raises(StateLocked, match='"apply"') as caught:
            connect().unlock(held.info.id)
        assert caught.value.exit_code == 4
        assert held.held


def test_unlocking_what_is_not_locked_says_so(connect: Connect) -> None:
    assert connect().unlock("any") is None
