"""Changes of the state: durable, in groups, and never lost to another process or a bad disk."""

from __future__ import annotations

import asyncio
import errno
import os
import stat
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import anyio
import pytest

from reconciler.clock import SystemClock
from reconciler.execution.journal import Journal
from reconciler.model.errors import GpuShopperError, StateConflict, StateError
from reconciler.model.record import RecordedState
from reconciler.planning import transitions
from reconciler.statefile.files import Files
from reconciler.statefile.local_file import LocalFile
from tests.builders import intent, mark_text, recorded_state
from tests.markets import START
from tests.virtual_time import VirtualLoop, run_virtual

Change = Callable[[RecordedState], RecordedState]


class FullDisk(Files):
    """Nothing can be written while ``full``."""

    full = False

    def write(self, descriptor: int, data: memoryview) -> int:
        if self.full:
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().write(descriptor, data)


def place(directory: Path, files: Files | None = None) -> LocalFile:
    return LocalFile(directory / "state" / "demo.json", "demo", lambda: START, files=files)


def begun(index: int) -> Change:
    return transitions.begin_create(intent(index=index, mark=mark_text(index=index)))


def stored(directory: Path) -> RecordedState:
    found = place(directory).read()
    assert found is not None
    return found


def test_changes_made_at_once_share_a_few_writes(tmp_path: Path) -> None:
    async def tell() -> Journal:
        journal = Journal(place(tmp_path), recorded_state(), stored=False)
        async with anyio.create_task_group() as tasks:
            for index in range(200):
                tasks.start_soon(journal.commit, begun(index))
        return journal

    journal = run_virtual(tell)
    assert journal.writes <= 3
    assert len(stored(tmp_path).intents) == 200


def test_a_commit_is_durable_when_it_returns(tmp_path: Path) -> None:
    async def tell() -> None:
        journal = Journal(place(tmp_path), recorded_state(), stored=False)
        for index in range(3):
            await journal.commit(begun(index))
            assert mark_text(index=index) in stored(tmp_path).intents

    run_virtual(tell)


def test_I17_a_change_that_changes_nothing_is_not_written(tmp_path: Path) -> None:
    async def tell() -> None:
        journal = Journal(place(tmp_path), recorded_state(), stored=False)
        await journal.commit(begun(0))
        before = (tmp_path / "state" / "demo.json").read_bytes()
        await journal.commit(begun(0))
        assert journal.writes == 1
        assert (tmp_path / "state" / "demo.json").read_bytes() == before

    run_virtual(tell)


def test_I19_what_another_process_wrote_in_between_is_kept(tmp_path: Path) -> None:
    async def tell() -> None:
        first = Journal(place(tmp_path), recorded_state(), stored=False)
        await first.commit(begun(0))
        second = Journal(place(tmp_path), stored(tmp_path), stored=True)
        await second.commit(begun(1))
        await first.commit(begun(2))
        await second.commit(transitions.create_refused(mark_text(index=0)))
        assert sorted(one.index for one in stored(tmp_path).intents.values()) == [1, 2]
        assert stored(tmp_path).serial == 5
        assert (await first.refresh()).intents == stored(tmp_path).intents

    run_virtual(tell)


def test_a_state_that_was_replaced_is_never_written_over(tmp_path: Path) -> None:
    async def tell() -> None:
        journal = Journal(place(tmp_path), recorded_state(), stored=False)
        await journal.commit(begun(0))
        (tmp_path / "state" / "demo.json").unlink()
        place(tmp_path).write(recorded_state(lineage="another"), expected_serial=None)
        with pytest.raises(StateError, match="replaced while it was in use"):
            await journal.commit(begun(1))
        assert stored(tmp_path).lineage == "another"

    run_virtual(tell)


def test_C10_5_a_change_that_could_not_be_written_goes_with_the_next_one(tmp_path: Path) -> None:
    async def tell() -> None:
        files = FullDisk()
        journal = Journal(place(tmp_path, files), recorded_state(), stored=False)
        await journal.commit(begun(0))
        files.full = True
        with pytest.raises(GpuShopperError, match="No space left"):
            await journal.commit(begun(1))
        assert mark_text(index=1) in journal.state.intents
        assert journal.failure is not None
        assert mark_text(index=1) not in stored(tmp_path).intents
        files.full = False
        await journal.commit(begun(2))
        assert journal.failure is None
        assert sorted(one.index for one in stored(tmp_path).intents.values()) == [0, 1, 2]

    run_virtual(tell)


def test_I28_what_was_learnt_is_saved_although_the_one_who_learnt_it_is_cancelled(
    tmp_path: Path,
) -> None:
    async def tell() -> None:
        journal = Journal(place(tmp_path), recorded_state(), stored=False)
        await journal.commit(begun(0))
        with anyio.CancelScope() as scope:
            scope.cancel()
            await journal.commit(
                transitions.created(intent(), "m-1", None, START + timedelta(seconds=1))
            )
        assert [one.instance_id for one in stored(tmp_path).instances.values()] == ["m-1"]

    run_virtual(tell)


async def attempts(journal: Journal, count: int, first: int = 0) -> list[GpuShopperError | None]:
    """What each of ``count`` announcements, made at once, came to."""
    answers: dict[int, GpuShopperError | None] = {}

    async def announce(index: int) -> None:
        try:
            await journal.announce(begun(index))
        except GpuShopperError as error:
            answers[index] = error
        else:
            answers[index] = None

    async with anyio.create_task_group() as tasks:
        for index in range(first, first + count):
            tasks.start_soon(announce, index)
    return [answers[index] for index in sorted(answers)]


def test_C10_5_a_write_that_fails_fails_for_all_who_share_it_and_is_tried_once(
    tmp_path: Path,
) -> None:
    async def tell() -> None:
        files = FullDisk()
        journal = Journal(place(tmp_path, files), recorded_state(), stored=False)
        await journal.commit(begun(0))
        files.full = True
        answers = await attempts(journal, 50, first=1)
        assert len(answers) == 50
        assert len({id(one) for one in answers}) == 1
        assert answers[0] is journal.failure is not None

    run_virtual(tell)


def test_I2_what_could_not_be_announced_is_taken_back_and_in_no_later_write(
    tmp_path: Path,
) -> None:
    async def tell() -> None:
        files = FullDisk()
        journal = Journal(place(tmp_path, files), recorded_state(), stored=False)
        await journal.commit(begun(0))
        files.full = True
        assert all(await attempts(journal, 3, first=1))
        assert sorted(one.index for one in journal.state.intents.values()) == [0]
        files.full = False
        await journal.commit(begun(9))
        assert sorted(one.index for one in stored(tmp_path).intents.values()) == [0, 9]

    run_virtual(tell)


def test_I8_nothing_is_announced_over_what_another_process_has_written(tmp_path: Path) -> None:
    """It may have read the same state and be about to buy for the same slot."""

    async def tell() -> None:
        paused = Journal(place(tmp_path), recorded_state(), stored=False)
        await paused.commit(begun(0))
        taker = Journal(place(tmp_path), stored(tmp_path), stored=True)
        await taker.announce(begun(1))
        (refused,) = await attempts(paused, 1, first=1)
        assert isinstance(refused, StateConflict)
        assert len(stored(tmp_path).intents) == 2
        await paused.commit(begun(5))
        assert sorted(one.index for one in stored(tmp_path).intents.values()) == [0, 1, 5]
        assert await attempts(paused, 1, first=6) == [None]

    run_virtual(tell)


class BadLastStep(Files):
    """The new state takes its name, and then the directory cannot be synced."""

    bad = False

    def sync(self, descriptor: int) -> None:
        if self.bad and stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EIO, "Input/output error")
        super().sync(descriptor)


def test_C10_7_a_write_of_our_own_that_reported_an_error_is_nobody_elses(tmp_path: Path) -> None:
    async def tell() -> None:
        files = BadLastStep()
        journal = Journal(place(tmp_path, files), recorded_state(), stored=False)
        await journal.commit(begun(0))
        files.bad = True
        with pytest.raises(GpuShopperError, match="Input/output"):
            await journal.commit(begun(1))
        files.bad = False
        assert await attempts(journal, 1, first=2) == [None]
        assert sorted(one.index for one in stored(tmp_path).intents.values()) == [0, 1, 2]

    run_virtual(tell)


class SlowPlace(LocalFile):
    """A write takes a tenth of a second."""

    def write(self, state: RecordedState, *, expected_serial: int | None) -> RecordedState:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        loop.jump(0.1)
        return super().write(state, expected_serial=expected_serial)


def test_writing_takes_a_fifth_of_the_time_at_most_and_then_holds_all_that_came(
    tmp_path: Path,
) -> None:
    async def tell() -> None:
        backend = SlowPlace(tmp_path / "state" / "demo.json", "demo", lambda: START)
        journal = Journal(backend, recorded_state(), stored=False)
        await journal.commit(begun(0))
        async with anyio.create_task_group() as tasks:
            for index in range(1, 201):
                tasks.start_soon(journal.commit, begun(index))
                await SystemClock().sleep(0.05)  # 20 a second for 10 seconds
        assert journal.writes <= anyio.current_time() / 0.5 + 2
        assert len(stored(tmp_path).intents) == 201

    run_virtual(tell)
