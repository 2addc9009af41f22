"""The commands that mend a state, in memory: I28 and the slots that two machines must not share."""

from __future__ import annotations

import errno
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from reconciler.market.fault_catalogue import CATALOGUE
from reconciler.market.faults import Fault
from reconciler.market.machine import Machine
from reconciler.model.address import parse_address
from reconciler.model.errors import ProviderError, StateError, UnsafePlan, UsageRefused
from reconciler.model.exit_code import ExitCode
from reconciler.model.mark import Mark, workspace_part
from reconciler.model.quantity import NEVER
from reconciler.model.reason import DestroyReason
from reconciler.model.record import RecordedState
from reconciler.operations.state_edits import let_go, move_records, resolve_absent, resolve_found
from reconciler.operations.state_recovery import rebuild_state, restore_state
from reconciler.reporting.state_change_text import recovered_text
from reconciler.statefile.audit_files import TrailFiles
from reconciler.statefile.format import encode
from tests.simulation.shop import NO_FLEETS, QUICKSTART, Shop, story

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
TWO = QUICKSTART.replace("    ttl", "    nodes: 2\n    ttl")


async def yes(_: object) -> bool:
    return True


async def no(_: object) -> bool:
    return False


async def restore(shop: Shop, what: int | Path) -> RecordedState:
    done = await restore_state(shop.workspace(), what, yes, lock_timeout_seconds=0)
    assert done is not None
    return done


def ids(shop: Shop) -> set[str]:
    return {machine.id for machine in shop.alive()}


def spoil(shop: Shop) -> None:
    (shop.directory / "state" / "demo.json").write_bytes(b"a flipped bit")


def serials(shop: Shop) -> list[int]:
    return [one.state.serial for one in shop.workspace().backend.backups() if one.state]


def tell(tmp_path: Path, told: Callable[[Shop], Awaitable[None]]) -> None:
    story(tmp_path, told)


# --- restore --------------------------------------------------------------------------------


def test_I28_machines_bought_after_a_lost_version_are_unknown_and_neither_killed_nor_doubled(
    tmp_path: Path,
) -> None:
    async def told(shop: Shop) -> None:
        await shop.apply()
        await shop.wait(HOUR)
        await shop.apply(TWO)
        both = ids(shop)
        spoil(shop)
        (newest, *_) = [one for one in serials(shop) if one]
        await restore(shop, newest)
        assert len(shop.state().instances) == 1
        for _ in range(5):  # far beyond the grace of ten minutes
            await shop.wait(10 * MINUTE)
            result = await shop.reconcile(heal=True)
            assert result.code is ExitCode.PROVIDER_FAILURE
            assert not result.plan.changes_machines
            assert result.plan.announces == ()
        applied = await shop.apply(options={"wait": False})
        assert applied.code is ExitCode.PROVIDER_FAILURE
        assert ids(shop) == both
        assert shop.sent("create_instance") == 2
        rebuilt = await rebuild_state(shop.workspace(), yes, lock_timeout_seconds=0)
        assert rebuilt is not None
        assert len(rebuilt.rebuilding.records) == 1
        assert {one.instance_id for one in shop.state().instances.values()} == both
        assert shop.state().rolled_back is None
        assert not (await shop.plan()).has_changes
        await shop.wait(4 * HOUR)
        await shop.reconcile()
        await shop.wait(MINUTE)
        assert ids(shop) == set()

    tell(tmp_path, told)


def test_I28_a_person_who_is_asked_may_destroy_what_is_unknown(tmp_path: Path) -> None:
    async def told(shop: Shop) -> None:
        await shop.apply()
        await shop.wait(HOUR)
        await shop.apply(TWO)
        spoil(shop)
        await restore(shop, serials(shop)[0])
        await shop.wait(10 * MINUTE)
        plan = await shop.plan(QUICKSTART, fused=False)
        assert [one.reason for one in plan.destroys] == [DestroyReason.ORPHANED]
        assert any("may have been bought since" in one.message for one in plan.findings)
        await shop.apply(QUICKSTART, fused=False)
        assert len(ids(shop)) == 1
        assert shop.state().rolled_back is None

    tell(tmp_path, told)


def test_I28_a_number_that_a_person_named_is_an_agreement_too(tmp_path: Path) -> None:
    async def told(shop: Shop) -> None:
        await shop.apply()
        await shop.wait(HOUR)
        await shop.apply(TWO)
        spoil(shop)
        await restore(shop, serials(shop)[0])
        await shop.wait(10 * MINUTE)
        result = await shop.reconcile(max_destroy=1)
        assert [one.reason for one in result.plan.announces] == [DestroyReason.ORPHANED]

    tell(tmp_path, told)


def test_I28_while_the_state_can_be_read_a_restore_loses_nothing_that_it_knows(
    tmp_path: Path,
) -> None:
    async def told(shop: Shop) -> None:
        await shop.apply()
        await shop.wait(HOUR)
        await shop.apply(TWO)
        await shop.extend("dev", HOUR)
        before = shop.state()
        await restore(shop, serials(shop)[-1])
        after = shop.state()
        assert after.instances == before.instances
        assert after.leases == before.leases
        assert after.serial == before.serial + 1
        assert after.lineage == before.lineage
        assert not (await shop.plan()).has_changes

    tell(tmp_path, told)


def test_I28_a_record_whose_machine_is_gone_is_proven_gone_and_not_bought_again_by_heal(
    tmp_path: Path,
) -> None:
    async def told(shop: Shop) -> None:
        await shop.apply()
        await shop.wait(HOUR)
        await shop.extend("dev", HOUR)
        with_machine = shop.state().serial
        await shop.destroy()
        assert ids(shop) == set()
        spoil(shop)
        older = [one for one in serials(shop) if one <= with_machine]
        await restore(shop, older[0])
        assert len(shop.state().instances) == 1
        for _ in range(6):
            await shop.wait(10 * MINUTE)
            await shop.reconcile(heal=True)
        assert shop.state().instances == {}
        assert shop.sent("create_instance") == 1

    tell(tmp_path, told)


def test_I28_a_returning_record_never_comes_to_share_a_slot(tmp_path: Path) -> None:
    async def told(shop: Shop) -> None:
        await shop.apply()
        await shop.wait(HOUR)
        first = shop.state().serial
        await let_go(shop.workspace(), parse_address("dev[0]"), yes, lock_timeout_seconds=0)
        await shop.apply()
        assert len(ids(shop)) == 2
        await restore(shop, first)
        state = shop.state()
        assert len(state.instances) == len(state.let_go) == 1
        await shop.wait(HOUR)
        await shop.reconcile()
        await shop.apply()
        assert len(ids(shop)) == 2

    tell(tmp_path, told)


def test_restoring_what_was_let_go_by_mistake_takes_the_record_back(tmp_path: Path) -> None:
    async def told(shop: Shop) -> None:
        await shop.apply()
        await shop.wait(HOUR)
        before = shop.state()
        await let_go(shop.workspace(), parse_address("dev"), yes, lock_timeout_seconds=0)
        assert shop.state().instances == {}
        await restore(shop, before.serial)
        assert shop.state().instances == before.instances
        assert shop.state().leases == before.leases
        assert shop.state().let_go == {}
        assert not (await shop.plan()).has_changes

    tell(tmp_path, told)


def test_a_state_put_back_without_any_trace_shows_by_a_machine_that_is_younger(
    tmp_path: Path,
) -> None:
    async def told(shop: Shop) -> None:
        path = shop.directory / "state" / "demo.json"
        await shop.apply()
        old = path.read_bytes()
        await shop.wait(HOUR)
        await shop.apply(TWO)
        both = ids(shop)
        for entry in path.parent.glob("demo.json*"):
            entry.unlink()
        path.write_bytes(old)
        path.chmod(0o600)
        for _ in range(4):
            await shop.wait(10 * MINUTE)
            result = await shop.reconcile(heal=True)
            assert result.code is ExitCode.PROVIDER_FAILURE
            assert any("state rebuild" in one.fix for one in result.plan.findings)
        assert ids(shop) == both
        assert shop.sent("create_instance") == 2
        assert shop.state().rolled_back is not None

    tell(tmp_path, told)


@pytest.mark.parametrize("has_dates", [True, False])
def test_I28_what_was_forgotten_stays_also_where_its_provider_tells_no_date_or_nothing_at_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_dates: bool
) -> None:
    """Seeds 6921 and 5655: a pass had saved the state, which was then no older than the machine."""

    async def told(shop: Shop) -> None:
        path = shop.directory / "state" / "demo.json"
        await shop.apply()
        await shop.reconcile()
        old = path.read_bytes()
        await shop.wait(HOUR)
        await shop.apply(TWO)
        both = ids(shop)
        for entry in path.parent.glob("demo.json*"):
            entry.unlink()
        path.write_bytes(old)
        path.chmod(0o600)
        await shop.wait(MINUTE)
        if has_dates:
            shop.world.script_fault(Fault(error="unavailable"), "list_instances", times=40)
            await shop.reconcile(heal=True)
        else:
            with monkeypatch.context() as patched:
                patched.setattr(Machine, "created_at", None)
                await shop.reconcile(heal=True)
        shop.world.clear_faults()
        for _ in range(3):
            await shop.wait(12 * MINUTE)
            result = await shop.reconcile(heal=True)
            assert result.code is ExitCode.PROVIDER_FAILURE
        assert ids(shop) == both
        assert shop.sent("create_instance") == 2

    tell(tmp_path, told)


def test_I28_an_old_state_is_recognised_by_the_audit_trail_alone_and_kills_and_forgets_nothing(
    tmp_path: Path,
) -> None:
    """The backups are gone too, and no listing can be read."""

    async def told(shop: Shop) -> None:
        path = shop.directory / "state" / "demo.json"
        await shop.apply()
        old = path.read_bytes()
        await shop.wait(HOUR)
        await shop.apply(TWO)
        both = ids(shop)
        for entry in path.parent.glob("demo.json.backup-*"):
            entry.unlink()
        path.write_bytes(old)
        shop.world.script_fault(Fault(error="unavailable"), "list_instances", times=99)
        for act in (shop.reconcile, shop.apply):
            with pytest.raises(StateError, match="the audit trail tells of serial") as caught:
                await act()
            assert caught.value.exit_code is ExitCode.STATE_UNUSABLE
        assert path.read_bytes() == old
        await restore(shop, path)
        assert shop.state().rolled_back is not None
        shop.world.clear_faults()
        for _ in range(4):
            await shop.wait(10 * MINUTE)
            await shop.reconcile(heal=True)
        assert ids(shop) == both
        assert shop.sent("create_instance") == 2

    tell(tmp_path, told)


def test_an_apply_that_saw_everything_ends_the_doubt_when_nothing_is_unknown(
    tmp_path: Path,
) -> None:
    async def told(shop: Shop) -> None:
        await shop.apply()
        await shop.wait(HOUR)
        await shop.extend("dev", HOUR)
        await restore(shop, serials(shop)[0])
        await shop.apply()
        assert shop.state().rolled_back is not None  # listings may still lag behind
        await shop.wait(10 * MINUTE)
        await shop.apply(targets=("dev",))
        assert shop.state().rolled_back is not None  # a part is not everything
        await shop.apply()
        assert shop.state().rolled_back is None

    tell(tmp_path, told)


def test_I3_with_a_state_that_was_brought_back_nothing_is_bought_where_nobody_could_look(
    tmp_path: Path,
) -> None:
    async def told(shop: Shop) -> None:
        await shop.apply()
        await shop.wait(HOUR)
        await shop.apply(TWO)
        both = ids(shop)
        spoil(shop)
        await restore(shop, serials(shop)[0])
        await shop.wait(10 * MINUTE)
        operation, fault = CATALOGUE["C2.6"]
        shop.world.script_fault(fault, operation)
        plan = await shop.plan()
        (said,) = [one for one in plan.findings if one.blocks]
        assert "could not be read in full" in said.message
        shop.world.script_fault(fault, operation)
        with pytest.raises(UnsafePlan):
            await shop.apply()
        assert ids(shop) == both
        assert shop.sent("create_instance") == 2

    tell(tmp_path, told)


def test_a_restore_that_nobody_agreed_to_changes_nothing(tmp_path: Path) -> None:
    async def told(shop: Shop) -> None:
        await shop.apply()
        await shop.extend("dev", HOUR)
        before = (shop.directory / "state" / "demo.json").read_bytes()
        serial = serials(shop)[0]
        assert await restore_state(shop.workspace(), serial, no, lock_timeout_seconds=0) is None
        assert (shop.directory / "state" / "demo.json").read_bytes() == before
        with pytest.raises(UsageRefused, match="no good backup with serial 999"):
            await restore(shop, 999)

    tell(tmp_path, told)


def test_a_state_of_another_lineage_with_machines_is_not_replaced(tmp_path: Path) -> None:
    async def told(shop: Shop) -> None:
        await shop.apply()
        other = shop.state().with_(lineage="another", instances={})
        place = shop.directory / "state" / "other.json"
        place.write_bytes(encode(other))
        place.chmod(0o600)
        with pytest.raises(UnsafePlan, match="records 1 machine"):
            await restore(shop, place)

    tell(tmp_path, told)


@pytest.mark.parametrize("serial", [1, 1_000_000])
def test_C11_10_a_state_of_another_lineage_is_not_built_on_whatever_its_serial(
    tmp_path: Path, serial: int
) -> None:
    """The audit trail beside it tells of the right one, and the message how to bring that back."""

    async def told(shop: Shop) -> None:
        await shop.apply()
        await shop.apply(TWO)
        right, both = shop.state(), ids(shop)
        foreign = _foreign(right).with_(serial=serial)
        (shop.directory / "state" / "demo.json").write_bytes(encode(foreign))
        with pytest.raises(StateError, match="another one than its audit trail tells") as caught:
            await shop.apply(TWO)
        assert ids(shop) == both
        backup = serials(shop)[0]
        assert f"state restore {backup}" in caught.value.fix
        back = await restore(shop, backup)
        assert back.lineage == right.lineage
        assert back.serial > right.serial
        await rebuild_state(shop.workspace(), yes, lock_timeout_seconds=0)
        await shop.apply(TWO)
        assert {one.instance_id for one in shop.state().instances.values()} == both == ids(shop)

    tell(tmp_path, told)


@pytest.mark.parametrize("fails", ["tail_of", "lineage"])
def test_C11_10_a_state_of_another_lineage_is_not_built_on_since_one_call_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: str
) -> None:
    """Seed 76967: the audit trail could not be read at that moment."""
    read = getattr(TrailFiles, fails)
    failures = [OSError(errno.EIO, "Input/output error")]

    def once(*told: object) -> object:
        if failures:
            raise failures.pop()
        return read(*told)

    async def told(shop: Shop) -> None:
        await shop.apply()
        path = shop.directory / "state" / "demo.json"
        path.write_bytes(encode(_foreign(shop.state())))
        monkeypatch.setattr(TrailFiles, fails, once)
        with pytest.raises(StateError, match="another one than its audit trail tells"):
            await shop.apply()
        assert not failures
        assert shop.sent("create_instance") == 1

    tell(tmp_path, told)


def test_I19_what_a_run_knew_by_a_state_of_another_lineage_is_not_offered_to_be_restored(
    tmp_path: Path,
) -> None:
    """Seed 29255: it could not save, and its advice would have put that state in place of ours."""

    async def told(shop: Shop) -> None:
        await shop.apply()
        backend = shop.workspace().backend
        assert backend.rescue(_foreign(shop.state())) == ""
        assert backend.load(Path(backend.rescue(shop.state()))) == shop.state()

    tell(tmp_path, told)


def _foreign(state: RecordedState) -> RecordedState:
    return state.with_(lineage="f" * 32, serial=1_000_000, instances={}, trail=None, leases={})


@pytest.mark.parametrize("damage", ["zeros", "cut", "a line"])
def test_I20_a_rebuilt_state_is_not_called_another_one_since_its_trail_is_damaged(
    tmp_path: Path, damage: str
) -> None:
    """Seed 58197: the trail was begun by the lineage of before, and ends in nothing readable."""

    async def told(shop: Shop) -> None:
        await shop.apply()
        (shop.directory / "state" / "demo.json").unlink()
        await rebuild_state(shop.workspace(), yes, lock_timeout_seconds=0)
        trail = shop.directory / "state" / "demo.json.audit.jsonl"
        lines = trail.read_bytes().splitlines(keepends=True)
        last = {"zeros": b"\0" * 700, "cut": lines[-1][:-40], "a line": b"no line of ours\n"}
        trail.write_bytes(b"".join(lines[:-1]) + last[damage])
        await shop.wait(MINUTE)
        result = await shop.apply(TWO)
        assert result.code is ExitCode.DONE
        assert len(shop.alive()) == 2

    tell(tmp_path, told)


def test_I19_what_is_restored_over_an_older_copy_leaves_room_for_what_the_last_one_was(
    tmp_path: Path,
) -> None:
    """Passes that only say that they were there keep no backup and are told in no trail."""

    async def told(shop: Shop) -> None:
        await shop.apply()
        path = shop.directory / "state" / "demo.json"
        old = path.read_bytes()
        await shop.apply(TWO)
        for _ in range(3):
            await shop.wait(MINUTE)
            await shop.reconcile(TWO)
        last = shop.state().serial
        path.write_bytes(old)
        assert (await restore(shop, serials(shop)[0])).serial > last

    tell(tmp_path, told)


# --- rebuild --------------------------------------------------------------------------------


def test_C9_7_a_lost_state_is_rebuilt_from_the_marks_and_the_leases_hold(tmp_path: Path) -> None:
    async def told(shop: Shop) -> None:
        await shop.apply(TWO)
        ends = shop.state().leases["dev"].ends_at
        both = ids(shop)
        for entry in (shop.directory / "state").glob("demo.json*"):
            entry.unlink()
        await shop.wait(HOUR)
        assert await rebuild_state(shop.workspace(), no, lock_timeout_seconds=0) is None
        assert shop.workspace().backend.read() is None
        await rebuild_state(shop.workspace(), yes, lock_timeout_seconds=0)
        state = shop.state()
        assert {one.instance_id for one in state.instances.values()} == both
        assert state.leases["dev"].ends_at == ends
        plan = await shop.plan()
        assert not plan.has_changes
        assert plan.findings == ()
        again = await rebuild_state(shop.workspace(), yes, lock_timeout_seconds=0)
        assert again is not None
        assert again.rebuilding.records == ()
        await shop.wait(3 * HOUR + MINUTE)
        await shop.reconcile()
        await shop.wait(MINUTE)
        assert ids(shop) == set()

    tell(tmp_path, told)


def test_I19_a_rebuilt_state_goes_on_above_the_serials_that_the_trail_tells_of(
    tmp_path: Path,
) -> None:
    async def told(shop: Shop) -> None:
        await shop.apply(TWO)
        last = shop.state().serial
        for entry in (shop.directory / "state").glob("demo.json.backup*"):
            entry.unlink()
        spoil(shop)
        await rebuild_state(shop.workspace(), yes, lock_timeout_seconds=0)
        assert shop.state().serial > last > 1
        assert (await shop.reconcile(TWO)).code is ExitCode.DONE

    tell(tmp_path, told)


def test_a_damaged_state_without_backup_and_machines_is_rebuilt_too_and_kept_aside(
    tmp_path: Path,
) -> None:
    """Else every command would be refused for ever, with the advice to rebuild it."""

    async def told(shop: Shop) -> None:
        await shop.apply()
        await shop.destroy()
        assert not shop.alive()
        for entry in (shop.directory / "state").glob("demo.json.backup*"):
            entry.unlink()
        spoil(shop)
        with pytest.raises(StateError, match="damaged") as caught:
            await shop.apply()
        assert "state rebuild" in caught.value.fix
        assert await rebuild_state(shop.workspace(), no, lock_timeout_seconds=0) is None
        recovered = await rebuild_state(shop.workspace(), yes, lock_timeout_seconds=0)
        assert recovered is not None
        assert "an empty one takes its place" in recovered_text(recovered)
        (kept,) = (shop.directory / "state").glob("demo.json.damaged*")
        assert kept.read_bytes() == b"a flipped bit"
        await shop.apply()
        assert len(shop.alive()) == 1

    tell(tmp_path, told)


def test_C12_8_a_machine_that_began_in_the_year_1_is_rebuilt_and_costs_nothing_of_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seeds 4880 and 9847: its fleet has office hours, which had no windows then; and the ledger
    told of each day since."""
    active = "active: {hours: Mon-Sun 00:00-20:00, timezone: UTC}\n    max_gpu_hour_usd: 1"
    hours = f"{active}\n    expires_at: 2026-12-01T00:00:00Z"
    documents = QUICKSTART.replace("ttl: 4h", hours)
    year_1 = datetime.min.replace(tzinfo=UTC)
    monkeypatch.setattr(Machine, "created_at", property(lambda _: year_1))

    async def told(shop: Shop) -> None:
        await shop.apply(documents)
        (shop.directory / "state" / "demo.json").unlink()
        shop.documents = documents
        await rebuild_state(shop.workspace(), yes, lock_timeout_seconds=0)
        (taken,) = shop.state().instances.values()
        assert shop.now - taken.created_at < HOUR
        await shop.destroy()
        await shop.wait(HOUR)
        await shop.reconcile()
        assert len(encode(shop.state())) < 10_000

    tell(tmp_path, told)


def test_a_rebuilt_fleet_that_no_document_declares_has_a_lease_of_its_own(tmp_path: Path) -> None:
    async def told(shop: Shop) -> None:
        await shop.apply()
        ends = shop.state().leases["dev"].ends_at
        (shop.directory / "state" / "demo.json").unlink()
        shop.documents = NO_FLEETS
        await rebuild_state(shop.workspace(), yes, lock_timeout_seconds=0)
        lease = shop.state().leases["dev"]
        assert (lease.ends_at, lease.target, lease.maximum) == (ends, 1, 1)

    tell(tmp_path, told)


def test_two_machines_of_one_slot_are_not_both_taken_in(tmp_path: Path) -> None:
    async def told(shop: Shop) -> None:
        await shop.apply()
        part = workspace_part("demo", shop.state().lineage)
        late = Mark(part, "dev", 0, shop.now + 10 * HOUR, "abcd1234")
        newer = shop.world.place_foreign(shop.now, str(late), offer_id="o5")
        (shop.directory / "state" / "demo.json").unlink()
        await shop.wait(MINUTE)
        done = await rebuild_state(shop.workspace(), yes, lock_timeout_seconds=0)
        assert done is not None
        assert [one.why for one in done.rebuilding.left_out] == [
            "fleet.dev[0] is taken by another machine"
        ]
        assert [one.instance_id for one in shop.state().instances.values()] == [newer.id]
        await shop.reconcile()
        assert len(ids(shop)) == 2

    tell(tmp_path, told)


def test_I5_half_a_listing_rebuilds_nothing(tmp_path: Path) -> None:
    async def told(shop: Shop) -> None:
        await shop.apply()
        (shop.directory / "state" / "demo.json").unlink()
        operation, fault = CATALOGUE["C2.6"]
        shop.world.script_fault(fault, operation)
        with pytest.raises(ProviderError, match="not complete, so nothing was rebuilt") as caught:
            await rebuild_state(shop.workspace(), yes, lock_timeout_seconds=0)
        assert caught.value.exit_code is ExitCode.PROVIDER_FAILURE
        assert shop.workspace().backend.read() is None

    tell(tmp_path, told)


# --- rm -------------------------------------------------------------------------------------


def test_what_was_let_go_is_left_alone_until_its_end_and_destroyed_then(tmp_path: Path) -> None:
    async def told(shop: Shop) -> None:
        await shop.apply()
        (machine,) = shop.alive()
        await let_go(shop.workspace(), parse_address("dev[0]"), yes, lock_timeout_seconds=0)
        await shop.wait(HOUR)
        await shop.reconcile()
        plan = await shop.plan()
        assert len(plan.creates) == 1
        assert any("let go by state rm" in one.message for one in plan.findings)
        await shop.destroy()
        assert ids(shop) == {machine.id}
        await shop.wait(3 * HOUR + MINUTE)
        result = await shop.reconcile()
        assert [one.reason for one in result.plan.destroys] == [DestroyReason.EXPIRED]
        for _ in range(5):
            await shop.wait(5 * MINUTE)
            await shop.reconcile()
        assert ids(shop) == set()
        assert not shop.state().let_go
        assert not shop.state().instances

    tell(tmp_path, told)


def test_the_end_of_what_was_let_go_is_kept_although_its_listing_fails(tmp_path: Path) -> None:
    async def told(shop: Shop) -> None:
        await shop.apply()
        await let_go(shop.workspace(), parse_address("dev"), yes, lock_timeout_seconds=0)
        assert "dev" not in shop.state().leases
        await shop.wait(4 * HOUR + MINUTE)
        operation, fault = CATALOGUE["C2.6"]
        shop.world.script_fault(fault, operation)
        await shop.reconcile()
        await shop.wait(MINUTE)
        assert ids(shop) == set()

    tell(tmp_path, told)


def test_what_is_being_destroyed_or_bought_is_not_let_go(tmp_path: Path) -> None:
    async def told(shop: Shop) -> None:
        with pytest.raises(Exception, match="there is no state"):
            await let_go(shop.workspace(), parse_address("dev"), yes, lock_timeout_seconds=0)
        await shop.apply()
        with pytest.raises(UsageRefused, match=r"no machine is recorded at fleet.dev\[3\]"):
            await let_go(shop.workspace(), parse_address("dev[3]"), yes, lock_timeout_seconds=0)
        operation, fault = CATALOGUE["C4.3"]
        shop.world.script_fault(fault, operation)
        await shop.destroy(wait=False)
        with pytest.raises(UnsafePlan, match="being destroyed, which is not proven"):
            await let_go(shop.workspace(), parse_address("dev"), yes, lock_timeout_seconds=0)

    tell(tmp_path, told)


def test_what_has_no_end_is_not_let_go_since_nothing_would_ever_destroy_it(
    tmp_path: Path,
) -> None:
    async def told(shop: Shop) -> None:
        await shop.apply()
        state = shop.state()
        endless = state.leases["dev"].with_(expires_at=NEVER)
        shop.workspace().backend.write(
            state.with_(leases={"dev": endless}), expected_serial=state.serial
        )
        with pytest.raises(UnsafePlan, match="has no end"):
            await let_go(shop.workspace(), parse_address("dev"), yes, lock_timeout_seconds=0)

    tell(tmp_path, told)


# --- mv -------------------------------------------------------------------------------------


def test_a_renamed_fleet_keeps_its_machines_lease_and_protection(tmp_path: Path) -> None:
    async def told(shop: Shop) -> None:
        await shop.apply(TWO)
        both, ends = ids(shop), shop.state().leases["dev"].ends_at
        moved = await move_records(
            shop.workspace(), parse_address("dev"), parse_address("lab"), lock_timeout_seconds=0
        )
        assert (moved.count, moved.declared, moved.ends_at) == (2, False, ends)
        renamed = TWO.replace("  dev:", "  lab:")
        await shop.wait(10 * MINUTE)
        assert not (await shop.plan(renamed)).has_changes
        await shop.apply(renamed)
        assert ids(shop) == both
        assert shop.sent("create_instance") == 2
        await shop.wait(4 * HOUR)
        await shop.reconcile()
        await shop.wait(MINUTE)
        assert ids(shop) == set()

    tell(tmp_path, told)


def test_a_slot_that_moves_to_a_fleet_without_a_lease_takes_its_end_along(tmp_path: Path) -> None:
    async def told(shop: Shop) -> None:
        await shop.apply()
        ends = shop.state().leases["dev"].ends_at
        moved = await move_records(
            shop.workspace(),
            parse_address("dev[0]"),
            parse_address("lab[0]"),
            lock_timeout_seconds=0,
        )
        assert moved.ends_at == ends
        assert shop.state().leases["lab"].ends_at == ends
        await shop.wait(10 * MINUTE)
        assert not (await shop.plan(QUICKSTART.replace("  dev:", "  lab:"))).has_changes

    tell(tmp_path, told)


def test_two_machines_never_come_to_share_a_slot_by_a_move(tmp_path: Path) -> None:
    async def told(shop: Shop) -> None:
        documents = TWO + "  lab:\n    resources: {gpu: RTX4090}\n    ttl: 4h\n"
        await shop.apply(documents)
        before = shop.state()
        for source, target, why in (
            ("dev[0]", "dev[1]", "is taken"),
            ("dev", "lab", "is taken"),
            ("dev[0]", "lab[0]", "is taken"),
            ("dev", "dev", "the same address"),
        ):
            with pytest.raises(UnsafePlan, match=why):
                await move_records(
                    shop.workspace(),
                    parse_address(source),
                    parse_address(target),
                    lock_timeout_seconds=0,
                )
        for source, target in (("dev", "lab[3]"), ("dev[7]", "dev[8]"), ("none", "some")):
            with pytest.raises(UsageRefused):
                await move_records(
                    shop.workspace(),
                    parse_address(source),
                    parse_address(target),
                    lock_timeout_seconds=0,
                )
        assert shop.state() == before

    tell(tmp_path, told)


def test_a_slot_is_not_moved_under_a_lease_that_has_ended(tmp_path: Path) -> None:
    async def told(shop: Shop) -> None:
        documents = QUICKSTART + "  lab:\n    resources: {gpu: RTX4090}\n    ttl: 4h\n"
        await shop.apply(documents)
        await shop.release("lab")
        with pytest.raises(UnsafePlan, match="would end at once"):
            await move_records(
                shop.workspace(),
                parse_address("dev[0]"),
                parse_address("lab[1]"),
                lock_timeout_seconds=0,
            )

    tell(tmp_path, told)


# --- resolve --------------------------------------------------------------------------------


def test_I11_what_a_person_calls_absent_frees_the_slot_and_its_mark_is_watched(
    tmp_path: Path,
) -> None:
    async def told(shop: Shop) -> None:
        nobody_there = Fault(error="unavailable", done=False)
        shop.world.script_fault(nobody_there, "create_instance", times=1)
        await shop.apply(options={"wait": False})
        (intent,) = shop.state().intents.values()
        slot = parse_address("dev[0]")
        assert await resolve_absent(shop.workspace(), slot, no, lock_timeout_seconds=0) is None
        assert shop.state().intents[intent.mark].blocks_slot
        done = await resolve_absent(shop.workspace(), slot, yes, lock_timeout_seconds=0)
        assert done is not None
        assert done.usd_per_hour == intent.usd_per_hour
        assert not shop.state().intents[intent.mark].blocks_slot
        late = shop.world.place_foreign(shop.now, intent.mark, offer_id="o5")
        await shop.wait(MINUTE)
        await shop.reconcile()
        await shop.wait(MINUTE)
        assert late.id not in ids(shop)

    tell(tmp_path, told)


def test_what_a_provider_shows_cannot_be_called_absent(tmp_path: Path) -> None:
    async def told(shop: Shop) -> None:
        await shop.apply()
        with pytest.raises(UnsafePlan, match="is not absent") as caught:
            await resolve_absent(
                shop.workspace(), parse_address("dev[0]"), yes, lock_timeout_seconds=0
            )
        assert caught.value.exit_code is ExitCode.REFUSED_BY_RULE
        with pytest.raises(UsageRefused, match="nothing is in doubt"):
            await resolve_absent(
                shop.workspace(), parse_address("dev[5]"), yes, lock_timeout_seconds=0
            )
        assert len(shop.state().instances) == 1

    tell(tmp_path, told)


def test_a_create_whose_machine_a_person_found_is_recorded_once_confirmed(tmp_path: Path) -> None:
    async def told(shop: Shop) -> None:
        operation, fault = CATALOGUE["C1.1"]
        shop.world.script_fault(fault, operation, times=1)
        await shop.apply(options={"wait": False})
        (machine,) = shop.alive()
        slot = parse_address("dev[0]")
        foreign = shop.world.place_foreign(shop.now, str(_neighbour(shop)), offer_id="o5")
        await shop.wait(MINUTE)
        with pytest.raises(ProviderError, match="does not confirm"):
            await resolve_found(shop.workspace(), slot, "no-such", lock_timeout_seconds=0)
        with pytest.raises(UnsafePlan, match="the mark of another one"):
            await resolve_found(shop.workspace(), slot, foreign.id, lock_timeout_seconds=0)
        await resolve_found(shop.workspace(), slot, machine.id, lock_timeout_seconds=0)
        (record,) = shop.state().instances.values()
        assert record.instance_id == machine.id
        assert shop.state().intents == {}
        with pytest.raises(UsageRefused, match="no create is unresolved"):
            await resolve_found(shop.workspace(), slot, machine.id, lock_timeout_seconds=0)

    tell(tmp_path, told)


def _neighbour(shop: Shop) -> Mark:
    part = workspace_part("somebody-else", "their-lineage")
    return Mark(part, "dev", 0, shop.now + HOUR, "abcd1234")


def test_a_lease_that_never_was_is_no_damage_but_a_lost_state_is(tmp_path: Path) -> None:
    async def told(shop: Shop) -> None:
        for verb in (shop.extend("dev", HOUR), shop.release("dev")):
            with pytest.raises(UsageRefused, match="nothing was applied here yet"):
                await verb
        await shop.apply()
        await shop.extend("dev", HOUR)
        (shop.directory / "state" / "demo.json").unlink()
        with pytest.raises(StateError, match="there is no state"):
            await shop.extend("dev", HOUR)

    tell(tmp_path, told)
