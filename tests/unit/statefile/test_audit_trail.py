"""I20, I24: what is decided and done stands in the trail, and the trail stands in nobody's way."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reconciler.model.audit import TrailVerdict
from reconciler.model.errors import GpuShopperError, StateError
from reconciler.model.reason import DestroyReason
from reconciler.model.record import Doom, RecordedState
from reconciler.statefile.audit_files import TrailFiles
from reconciler.statefile.audit_trail import AuditTrail, this_actor
from reconciler.statefile.audit_verification import verified
from reconciler.statefile.files import Files
from reconciler.statefile.local_file import LocalFile
from tests.unit.statefile.states import NOW, instance, intent, now, state
from tests.unit.statefile.test_failing_disk import FailingFiles

MACHINES = 5


def place(tmp_path: Path) -> Path:
    return tmp_path / "state" / "demo.json"


def current(tmp_path: Path) -> Path:
    return tmp_path / "state" / "demo.json.audit.jsonl"


def audited(path: Path, files: Files | None = None) -> LocalFile:
    return LocalFile(path, "demo", now, files=files, audited=True)


def grown(before: RecordedState, index: int) -> RecordedState:
    return before.with_(
        instances={**before.instances, f"m-{index}": instance(index, ready_at=None)}
    )


def written(path: Path, count: int = MACHINES, backend: LocalFile | None = None) -> RecordedState:
    """A state that was saved ``count`` times more, one machine each time."""
    backend = backend or audited(path)
    stored = backend.read()
    for _ in range(count):
        base = stored or state(instances={}, intents={})
        after = grown(base, len(base.instances))
        stored = backend.write(after, expected_serial=stored.serial if stored else None)
    assert stored is not None
    return stored


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines() if line.endswith('"}')]


def verdict(path: Path) -> TrailVerdict:
    trail = TrailFiles(path, Files(), [])
    contents = [(one.name, trail.bytes_of(one)) for one in trail.all()]
    found = LocalFile(path, "demo", now).read()
    return verified(contents, found.trail if found else None)


def told(path: Path) -> list[str]:
    return [f"{one['action']} {one['outcome']}" for one in lines(path)]


def test_I20_an_intent_stands_in_the_trail_before_the_state_holds_it(tmp_path: Path) -> None:
    seen: list[bool] = []

    class Watched(Files):
        def replace(self, source: Path, target: Path) -> None:
            if target.name == "demo.json":
                seen.append("p-1" in current(tmp_path).read_text())
            super().replace(source, target)

    backend = audited(place(tmp_path), Watched())
    backend.write(state(intents={"p-1": intent(1)}), expected_serial=None)
    assert seen == [True]


def test_the_trail_is_synced_once_for_each_save_and_private(tmp_path: Path) -> None:
    synced: list[str] = []

    class Watched(Files):
        def sync(self, descriptor: int) -> None:
            synced.append(os.path.basename(os.readlink(f"/proc/self/fd/{descriptor}")))
            super().sync(descriptor)

    path = place(tmp_path)
    machines = {f"m-{index}": instance(index) for index in range(100)}
    backend = audited(path, Watched())
    first = backend.write(state(instances={}, intents={}), expected_serial=None)
    synced.clear()
    backend.write(first.with_(instances=machines), expected_serial=1)
    assert synced.count(current(tmp_path).name) == 1
    assert current(tmp_path).stat().st_mode & 0o777 == 0o600


def test_a_save_with_nothing_to_tell_opens_no_file_to_write_in_it(tmp_path: Path) -> None:
    path = place(tmp_path)
    stored = written(path, 1)
    before = current(tmp_path).read_bytes()
    opened: list[str] = []

    class Watched(Files):
        def open(self, path: Path, flags: int) -> int:
            if flags & (os.O_RDWR | os.O_WRONLY):
                opened.append(path.name)
            return super().open(path, flags)

    passed = stored.with_(loop_last_seen=NOW)
    saved = audited(path, Watched()).write(passed, expected_serial=stored.serial)
    assert saved.trail == stored.trail
    assert not [name for name in opened if "audit" in name]
    assert current(tmp_path).read_bytes() == before


def test_each_line_hangs_on_the_one_before_over_many_processes(tmp_path: Path) -> None:
    path = place(tmp_path)
    for _ in range(4):
        written(path, 2)
    found = verdict(path)
    assert (found.findings, found.first) == ((), 1)
    assert found.last == len(lines(current(tmp_path)))
    assert [one["n"] for one in lines(current(tmp_path))] == list(range(1, found.last + 1))


def test_no_value_of_env_and_no_reference_is_in_it(tmp_path: Path) -> None:
    written(place(tmp_path))
    text = current(tmp_path).read_text()
    assert "TOKEN" not in text
    assert "training:1" not in text


# --- crashes ----------------------------------------------------------------------------------


@pytest.mark.parametrize("cut", [1, 10, 200])
def test_C10_8_a_line_cut_by_a_crash_is_healed_and_told(tmp_path: Path, cut: int) -> None:
    path = place(tmp_path)
    stored = written(path)
    trail = current(tmp_path)
    whole = trail.read_bytes()
    half = b'{"n":7,"at":"2026-03-01T12:00:00Z","action":"crea' * 8
    trail.write_bytes(whole + half[:cut])
    assert not verdict(path).damaged
    backend = audited(path)
    backend.write(grown(stored, 77), expected_serial=stored.serial)
    found = verdict(path)
    assert not found.damaged
    (gap,) = found.findings
    assert gap.where.endswith(f":{whole.count(10) + 1}")
    assert "cut after" in gap.what
    assert told(trail)[-2:] == ["gap torn", "adopt done"]
    assert any("gap" in warning for warning in backend.warnings)
    assert trail.read_bytes().startswith(whole + half[:cut]), "nothing is ever taken away"


def test_C10_1_death_at_any_call_leaves_a_trail_that_verifies(tmp_path: Path) -> None:
    class Dies(BaseException):
        pass

    died = set()
    for fail_at in range(1, 80):
        folder = tmp_path / str(fail_at)
        path = place(folder)
        stored = written(path, 2)
        files = FailingFiles(fail_at, Dies(), for_ever=True)
        try:
            audited(path, files).write(grown(stored, 9), expected_serial=stored.serial)
        except Dies:
            died.add(files.failed)
        path.with_name("demo.json.lock.info").unlink(missing_ok=True)
        assert not verdict(path).damaged, fail_at
        written(path, 1)
        assert not verdict(path).damaged, fail_at
        if files.count < fail_at:
            assert {"open", "write", "sync", "replace", "read_from"} <= died
            return
    raise AssertionError("a write makes more calls than this test thought of")


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EROFS])
def test_I20_any_failing_call_of_the_trail_leaves_the_save_alone_and_is_told_later(
    tmp_path: Path, code: int
) -> None:
    class OnlyTheTrail(FailingFiles):
        """Fails the N-th call that has to do with the trail, and no other."""

        def __getattribute__(self, name: str) -> Any:
            call = super().__getattribute__(name)
            if name.startswith("_") or not callable(call):
                return call

            def chosen(*arguments: Any) -> Any:
                about = arguments[0] if arguments else ""
                if isinstance(about, int):
                    about = os.readlink(f"/proc/self/fd/{about}")
                if "audit" in str(about):
                    return call(*arguments)
                return getattr(Files(), name)(*arguments)

            return chosen

    for fail_at in range(1, 30):
        path = place(tmp_path / str(fail_at))
        stored = written(path, 2)
        files = OnlyTheTrail(fail_at, OSError(code, os.strerror(code)))
        backend = audited(path, files)
        saved = backend.write(grown(stored, 9), expected_serial=stored.serial)
        assert saved.serial == stored.serial + 1
        if files.count < fail_at:
            assert fail_at > 5
            return
        assert saved.trail is not None
        if not saved.trail.missed:
            continue  # what failed was the look at its end, for an older state: it proves nothing
        assert any("audit trail" in warning for warning in backend.warnings)
        after = written(path, 1)
        assert after.trail is not None
        assert after.trail.missed == 0
        assert "gap unwritten" in told(path.with_name("demo.json.audit.jsonl"))
        assert not verdict(path).damaged
    raise AssertionError("more calls than this test thought of")


def test_a_save_that_fails_is_told_once_and_the_next_run_says_that_it_was_not_saved(
    tmp_path: Path,
) -> None:
    class NoReplace(Files):
        def replace(self, source: Path, target: Path) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

    path = place(tmp_path)
    stored = written(path, 1)
    doomed = instance(0, doom=Doom(reason=DestroyReason.REQUESTED, since=NOW))
    backend = audited(path, NoReplace())
    for _ in range(3):
        with pytest.raises(GpuShopperError):
            backend.write(stored.with_(instances={"m-0": doomed}), expected_serial=stored.serial)
    assert told(current(tmp_path)).count("destroy intent") == 1
    written(path, 1)
    assert "gap unsaved" in told(current(tmp_path))
    assert not verdict(path).damaged


def test_I28_an_older_state_that_is_put_back_is_recognised(tmp_path: Path) -> None:
    path = place(tmp_path)
    written(path, 2)
    old = path.read_bytes()
    written(path, 3)
    path.write_bytes(old)
    for backup in path.parent.glob("*.backup-*"):
        backup.unlink()
    with pytest.raises(StateError, match="but the audit trail tells of serial 5"):
        written(path, 1)
    assert path.read_bytes() == old
    backend = audited(path)
    found = backend.find()
    assert found.state is not None
    assert found.told_serial == 5
    backend.replace(found.state.with_(serial=6), found=found)
    written(path, 1)
    assert not verdict(path).damaged


def test_I20_a_trail_that_cannot_be_read_says_nothing_against_a_state(tmp_path: Path) -> None:
    path = place(tmp_path)
    written(path, 2)
    old = path.read_bytes()
    written(path, 3)
    path.write_bytes(old)
    for backup in path.parent.glob("*.backup-*"):
        backup.unlink()
    current(tmp_path).write_bytes(b"\0" * 999)
    written(path, 1)


def test_a_trail_that_lost_its_end_goes_on_and_stays_damaged(tmp_path: Path) -> None:
    path = place(tmp_path)
    stored = written(path)
    trail = current(tmp_path)
    kept = trail.read_bytes().splitlines(keepends=True)[:-2]
    trail.write_bytes(b"".join(kept))
    before = verdict(path)
    assert before.damaged
    assert before.findings[0].where.endswith(f":{len(kept) + 1}")
    written(path, 1)
    after = verdict(path)
    assert after.damaged, "known damage is still damage"
    assert "gap lost" in told(trail)
    assert stored.trail is not None
    assert lines(trail)[-1]["n"] == stored.trail.entries + 2


def test_a_trail_that_was_removed_is_missed(tmp_path: Path) -> None:
    path = place(tmp_path)
    written(path)
    current(tmp_path).unlink()
    assert verdict(path).damaged
    written(path, 1)
    assert verdict(path).damaged


# --- rotation ---------------------------------------------------------------------------------


def rotating(path: Path, *, kept: int = 50) -> Callable[[int], None]:
    """Saves whose trail starts a new file after 2,000 bytes."""

    def save(count: int) -> None:
        for _ in range(count):
            backend = LocalFile(path, "demo", now)
            stored = backend.read()
            warnings: list[str] = []
            trail = AuditTrail(path, Files(), warnings, file_bytes_max=2000, files_kept=kept)
            base = stored or state(instances={}, intents={})
            after = grown(base, len(base.instances)).with_(serial=base.serial + 1)
            with backend.lock("apply", timeout_seconds=0):
                anchor = trail.tell(stored, after, this_actor("apply"), NOW)
                backend.write(
                    after.with_(trail=anchor), expected_serial=stored.serial if stored else None
                )
            assert warnings == []

    return save


def test_a_trail_verifies_across_its_files(tmp_path: Path) -> None:
    path = place(tmp_path)
    rotating(path)(30)
    found = verdict(path)
    assert found.files > 4
    assert (found.findings, found.first) == ((), 1)
    for older in TrailFiles(path, Files(), []).older():
        assert older.stat().st_mode & 0o777 == 0o600
        assert lines(older)[0]["action"] == "checkpoint"


def test_the_oldest_files_go_and_the_rest_still_verifies(tmp_path: Path) -> None:
    path = place(tmp_path)
    rotating(path, kept=2)(40)
    found = verdict(path)
    assert found.files in (3, 4)
    assert (found.findings, found.first > 1) == ((), True)


def test_an_older_file_that_is_missing_is_noticed(tmp_path: Path) -> None:
    path = place(tmp_path)
    rotating(path)(30)
    older = TrailFiles(path, Files(), []).older()
    first = older[0].read_bytes()
    older[0].unlink()
    assert "missing before it" in verdict(path).findings[0].what
    older[0].write_bytes(first)
    older[0].chmod(0o600)
    assert not verdict(path).damaged
    older[1].unlink()
    (found,) = verdict(path).findings
    assert found.where == f"{older[2].name}:1"


def test_death_between_closing_a_file_and_opening_the_next_loses_nothing(tmp_path: Path) -> None:
    path = place(tmp_path)
    save = rotating(path)
    save(3)
    last = lines(current(tmp_path))[-1]["n"]
    current(tmp_path).rename(TrailFiles(path, Files(), []).older_name(last))
    save(1)
    assert verdict(path).findings == ()


# --- files of others --------------------------------------------------------------------------


def test_I24_a_link_in_the_place_of_the_trail_is_not_followed(tmp_path: Path) -> None:
    path = place(tmp_path)
    stored = written(path, 1)
    target = tmp_path / "elsewhere"
    target.write_text("")
    current(tmp_path).unlink()
    current(tmp_path).symlink_to(target)
    saved = audited(path).write(grown(stored, 9), expected_serial=stored.serial)
    assert saved.trail is not None
    assert saved.trail.missed == 1
    assert target.read_text() == ""


def test_I24_a_pipe_or_a_directory_in_its_place_keeps_nobody_waiting(tmp_path: Path) -> None:
    for make in (os.mkfifo, os.mkdir):
        path = place(tmp_path / make.__name__)
        stored = written(path, 1)
        trail = path.with_name("demo.json.audit.jsonl")
        trail.unlink()
        make(trail)
        saved = audited(path).write(grown(stored, 9), expected_serial=stored.serial)
        assert saved.trail is not None
        assert saved.trail.missed == 1


def test_I24_a_trail_that_others_could_read_is_closed_to_them(tmp_path: Path) -> None:
    path = place(tmp_path)
    written(path, 1)
    current(tmp_path).chmod(0o644)
    written(path, 1)
    assert current(tmp_path).stat().st_mode & 0o777 == 0o600


def test_what_could_not_be_made_durable_is_taken_back_before_it_is_tried_again(
    tmp_path: Path,
) -> None:
    """Found by the simulator, seed 56887: the trail grew by all that a run had to tell."""

    class Sick(Files):
        def sync(self, descriptor: int) -> None:
            if os.readlink(f"/proc/self/fd/{descriptor}") == str(current(tmp_path)):
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            super().sync(descriptor)

    path = place(tmp_path)
    written(path)
    before = current(tmp_path).read_bytes()
    stored = written(path, 3, audited(path, Sick()))
    assert current(tmp_path).read_bytes() == before
    assert stored.trail is not None
    assert stored.trail.missed == 3
    written(path, 1)
    assert any(one["action"] == "gap" for one in lines(current(tmp_path)))


def test_a_crash_that_cut_a_line_of_its_end_alone_left_a_whole_line(tmp_path: Path) -> None:
    """Found by the simulator, seed 67461: such a line was taken for half a one, and told again
    under its number; the trail did not verify from there on.
    """
    path = place(tmp_path)
    written(path)
    trail = current(tmp_path)
    trail.write_bytes(trail.read_bytes()[:-1])
    written(path, 2)
    found = verdict(path)
    assert (found.damaged, found.findings) == (False, ())
    assert "gap torn" not in told(trail)
