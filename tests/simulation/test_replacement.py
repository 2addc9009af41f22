"""One machine takes the place of another: destroy first, or create first, judged by the ledger."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import anyio
import pytest

from reconciler.market.faults import Fault
from reconciler.model.address import Slot
from reconciler.model.errors import UnsafePlan, UsageRefused
from reconciler.model.exit_code import ExitCode
from reconciler.model.reason import CreateReason, DestroyReason
from reconciler.operations.status import read_status
from tests.simulation.shop import QUICKSTART, Shop, several_offers, story

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
CREATE_FIRST = QUICKSTART + "    lifecycle: {create_before_destroy: true}\n"
NEW_IMAGE = CREATE_FIRST + "    image: pytorch/pytorch:2.9.0\n"
SLOT = Slot("dev", 0)


def both_at_once(shop: Shop) -> timedelta:
    """How long two of the machines that ever were lived beside one another."""
    first, second = sorted(shop.world.all_machines(), key=lambda one: one.created_at)
    return (first.gone_at or shop.now) - second.created_at


def test_create_before_destroy_keeps_the_old_machine_until_the_new_one_is_ready(
    tmp_path: Path,
) -> None:
    async def tell(shop: Shop) -> None:
        await shop.apply(CREATE_FIRST)
        (old,) = shop.alive()
        result = await shop.apply(NEW_IMAGE)
        (create,), (destroy,) = result.plan.creates, result.plan.destroys
        assert (create.reason, destroy.reason) == (CreateReason.REPLACED, DestroyReason.DRIFTED)
        assert result.code is ExitCode.DONE
        (new,) = shop.alive()
        assert new.id != old.id
        (record,) = shop.state().instances.values()
        assert (record.instance_id, record.slot) == (new.id, SLOT)
        assert record.ready_at is not None
        # Booting takes 95 s: the old one lived through all of it, and not much longer.
        assert 95 <= both_at_once(shop).total_seconds() < 130
        assert (await shop.apply()).plan.has_changes is False

    story(tmp_path, tell)


def test_without_it_the_old_machine_goes_first(tmp_path: Path) -> None:
    async def tell(shop: Shop) -> None:
        await shop.apply(QUICKSTART)
        (old,) = shop.alive()
        result = await shop.apply(QUICKSTART + "    image: pytorch/pytorch:2.9.0\n")
        assert [create.replaces for create in result.plan.creates] == [old.label]
        assert both_at_once(shop) <= timedelta(0)

    story(tmp_path, tell)


def test_the_price_of_a_create_first_replacement_counts_both_machines(tmp_path: Path) -> None:
    async def tell(shop: Shop) -> None:
        await shop.apply(CREATE_FIRST)
        await shop.wait(HOUR)
        plan = await shop.plan(NEW_IMAGE)
        (create,) = plan.creates
        (destroy,) = plan.destroys
        assert plan.rate_after == create.usd_per_hour + destroy.record.usd_per_hour
        assert plan.worst_case_usd is not None
        assert plan.worst_case_usd > plan.rate_after * Decimal("2.9"), "both, for three hours"

    story(tmp_path, tell)


@pytest.mark.parametrize("finisher", ["loop", "apply"])
def test_what_a_detached_replacement_left_is_finished_by_any_later_run(
    tmp_path: Path, finisher: str
) -> None:
    async def tell(shop: Shop) -> None:
        await shop.apply(CREATE_FIRST)
        (old,) = shop.alive()
        await shop.apply(NEW_IMAGE, options={"detach": True})
        finish = shop.reconcile if finisher == "loop" else shop.apply
        await finish()
        assert len(shop.alive()) == 2, "the new one still boots"
        assert old.id in {one.id for one in shop.alive()}
        await shop.wait(3 * MINUTE)
        result = await finish()
        assert [entry.record.instance_id for entry in result.plan.destroys] == [old.id]
        assert [entry.reason for entry in result.plan.destroys] == [DestroyReason.DRIFTED]
        assert result.plan.creates == ()
        await shop.wait(MINUTE)
        (new,) = shop.alive()
        assert new.id != old.id
        assert shop.state().instances[new.label or ""].ready_at is not None

    story(tmp_path, tell)


def test_a_fleet_of_ten_is_replaced_once_the_number_is_named_and_the_loop_needs_no_other(
    tmp_path: Path,
) -> None:
    """The fuse counts a replacement when its successor is bought, so the rest is never stuck."""
    ten = "    nodes: 10\n"

    async def tell(shop: Shop) -> None:
        await shop.apply(CREATE_FIRST + ten)
        with pytest.raises(UnsafePlan, match="may be a slip"):
            await shop.apply(NEW_IMAGE + ten)
        await shop.apply(NEW_IMAGE + ten, max_destroy=10, options={"detach": True})
        assert len(shop.alive()) == 20
        assert len(shop.state().soft_destroys) == 10
        await shop.wait(3 * MINUTE)
        result = await shop.reconcile()
        assert len(result.plan.destroys) == 10
        assert result.code is ExitCode.DONE
        await shop.wait(MINUTE)
        assert len(shop.alive()) == 10
        assert len(shop.state().soft_destroys) == 10

    story(tmp_path, tell, *several_offers(24))


def test_a_successor_that_fails_is_destroyed_and_the_old_machine_stays(tmp_path: Path) -> None:
    async def tell(shop: Shop) -> None:
        await shop.apply(CREATE_FIRST)
        (old,) = shop.alive()
        shop.world.script_fault(Fault(status="failed"), "get_instance", times=3)
        result = await shop.apply(NEW_IMAGE)
        assert result.code is ExitCode.PARTIAL
        assert [one.id for one in shop.alive()] == [old.id]
        assert list(shop.state().instances) == [old.label]

    story(tmp_path, tell)


@pytest.mark.parametrize("detach", [False, True])
def test_a_successor_that_is_never_ready_is_destroyed_and_the_old_machine_stays(
    tmp_path: Path, detach: bool
) -> None:
    async def tell(shop: Shop) -> None:
        await shop.apply(CREATE_FIRST)
        (old,) = shop.alive()
        for operation in ("get_instance", "list_instances"):
            shop.world.script_fault(Fault(status="booting"), operation, until=shop.now + 2 * HOUR)
        result = await shop.apply(NEW_IMAGE, options={"detach": detach})
        if detach:
            for minutes in (29, 2):
                assert len(shop.alive()) == 2
                await shop.wait(minutes * MINUTE)
                result = await shop.reconcile()
            assert [one.reason for one in result.plan.destroys] == [DestroyReason.FAILED_READY]
            await shop.wait(MINUTE)
        else:
            assert result.code is ExitCode.NOT_READY
        assert [one.id for one in shop.alive()] == [old.id]
        await shop.wait(10 * MINUTE)
        await shop.reconcile()
        assert [one.id for one in shop.alive()] == [old.id]

    story(tmp_path, tell)


def test_a_successor_that_cannot_be_seen_lets_nothing_go(tmp_path: Path) -> None:
    async def tell(shop: Shop) -> None:
        await shop.apply(CREATE_FIRST)
        await shop.apply(NEW_IMAGE, options={"detach": True})
        await shop.wait(5 * MINUTE)
        shop.world.script_fault(Fault(error="unavailable"), "list_instances", times=1)
        shop.world.script_fault(Fault(status="zombified"), "list_instances", times=1)
        for _ in range(2):
            result = await shop.reconcile()
            assert result.plan.destroys == ()
        assert len(shop.alive()) == 2

    story(tmp_path, tell)


def test_while_two_share_a_slot_a_further_change_waits_for_its_turn(tmp_path: Path) -> None:
    async def tell(shop: Shop) -> None:
        await shop.apply(CREATE_FIRST)
        await shop.apply(NEW_IMAGE, options={"detach": True})
        third = CREATE_FIRST + "    image: pytorch/pytorch:2.10.0\n"
        result = await shop.apply(third, options={"detach": True})
        assert not result.plan.changes_machines, "I3: never three in a slot"
        await shop.wait(3 * MINUTE)
        for _ in range(3):
            await shop.apply(third, fused=False)
            await shop.wait(MINUTE)
        (machine,) = shop.alive()
        bought = shop.state().instances[machine.label or ""].specification
        assert bought is not None
        assert bought.image == "pytorch/pytorch:2.10.0"

    story(tmp_path, tell)


def test_without_an_offer_for_the_successor_the_old_machine_stays(tmp_path: Path) -> None:
    async def tell(shop: Shop) -> None:
        await shop.apply(CREATE_FIRST)
        (old,) = shop.alive()
        result = await shop.apply(NEW_IMAGE)
        assert result.code is ExitCode.NO_OFFER
        assert "1 machine(s) stay" in result.plan.findings[0].message
        assert [one.id for one in shop.alive()] == [old.id]

    story(tmp_path, tell, *several_offers(1))


def test_a_vanished_offer_of_a_successor_leaves_the_old_machine(tmp_path: Path) -> None:
    async def tell(shop: Shop) -> None:
        await shop.apply(CREATE_FIRST)
        (old,) = shop.alive()
        shop.world.script_fault(Fault(error="offer-gone"), "create_instance")
        result = await shop.apply(NEW_IMAGE)
        assert result.code is ExitCode.NO_OFFER
        assert [one.id for one in shop.alive()] == [old.id]

    story(tmp_path, tell)


def test_an_unknown_create_of_a_successor_is_found_and_finished(tmp_path: Path) -> None:
    async def tell(shop: Shop) -> None:
        await shop.apply(CREATE_FIRST)
        (old,) = shop.alive()
        shop.world.script_fault(Fault(error="unavailable", done=True), "create_instance", times=1)
        assert (await shop.apply(NEW_IMAGE)).code is ExitCode.PROVIDER_FAILURE
        assert len(shop.alive()) == 2
        for _ in range(4):
            await shop.wait(MINUTE)
            await shop.reconcile()
        (new,) = shop.alive()
        assert new.id != old.id
        assert shop.sent("create_instance") == 2

    story(tmp_path, tell)


def test_a_protected_machine_is_not_replaced_in_either_order(tmp_path: Path) -> None:
    protected = NEW_IMAGE.replace("true}", "true, prevent_destroy: true}")

    async def tell(shop: Shop) -> None:
        await shop.apply(CREATE_FIRST)
        with pytest.raises(UnsafePlan, match="prevent_destroy"):
            await shop.apply(protected)
        with pytest.raises(UnsafePlan, match="prevent_destroy"):
            await shop.apply(protected, replace=(SLOT,))
        assert shop.sent("create_instance") == 1

    story(tmp_path, tell)


def test_ignore_changes_keeps_what_differs_only_there(tmp_path: Path) -> None:
    ignoring = QUICKSTART + "    lifecycle: {ignore_changes: [image, env]}\n"

    async def tell(shop: Shop) -> None:
        await shop.apply(ignoring)
        (old,) = shop.alive()
        result = await shop.apply(ignoring + "    image: other\n    env: {A: b}\n")
        assert not result.plan.has_changes
        assert [one.id for one in shop.alive()] == [old.id]
        bigger = ignoring.replace("RTX4090}", "RTX4090, disk: 200GB}") + "    image: other\n"
        (destroy,) = (await shop.plan(bigger)).destroys
        assert [one.attribute for one in destroy.differences] == ["disk"]

    story(tmp_path, tell)


@pytest.mark.parametrize("documents", [QUICKSTART, CREATE_FIRST])
def test_replace_gives_a_slot_another_machine_although_nothing_differs(
    tmp_path: Path, documents: str
) -> None:
    async def tell(shop: Shop) -> None:
        await shop.apply(documents)
        (old,) = shop.alive()
        result = await shop.apply(documents, replace=(SLOT,))
        assert [one.reason for one in result.plan.destroys] == [DestroyReason.REQUESTED]
        assert [one.reason for one in result.plan.creates] == [CreateReason.REPLACED]
        assert result.code is ExitCode.DONE
        (new,) = shop.alive()
        assert new.id != old.id
        assert shop.state().soft_destroys == [], "asked for by name: no slip"
        with pytest.raises(UsageRefused, match="no machine in"):
            await shop.plan(documents, replace=(Slot("dev", 1),))

    story(tmp_path, tell)


def test_I5_nothing_is_replaced_on_half_a_listing(tmp_path: Path) -> None:
    async def tell(shop: Shop) -> None:
        await shop.apply(CREATE_FIRST)
        shop.world.script_fault(Fault(shape="partial", keep=1), "list_instances", times=2)
        for documents, slots in ((NEW_IMAGE, ()), (CREATE_FIRST, (SLOT,))):
            result = await shop.apply(documents, replace=slots)
            assert not result.plan.changes_machines
            assert result.code is ExitCode.PROVIDER_FAILURE
        assert len(shop.alive()) == 1

    story(tmp_path, tell)


@pytest.mark.parametrize("seconds", [5, 20, 90])
def test_loops_that_pass_while_apply_waits_finish_the_same_replacement_once(
    tmp_path: Path, seconds: int
) -> None:
    async def tell(shop: Shop) -> None:
        await shop.apply(CREATE_FIRST)
        (old,) = shop.alive()
        shop.documents = NEW_IMAGE
        results = []

        async def apply() -> None:
            results.append(await shop.apply())

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(apply)
            await shop.wait(timedelta(seconds=5))
            while not results:
                await shop.reconcile()
                await shop.wait(timedelta(seconds=seconds))
        assert results[0].code is ExitCode.DONE
        (new,) = shop.alive()
        assert new.id != old.id
        assert list(shop.state().instances) == [new.label]
        assert shop.sent("create_instance") == 2

    story(tmp_path, tell)


def test_of_a_late_successor_that_a_loop_saw_running_and_the_old_one_never_both_go(
    tmp_path: Path,
) -> None:
    """Direct reads say booting for ever, listings say running; the run that bought it decides."""

    async def tell(shop: Shop) -> None:
        await shop.apply(CREATE_FIRST)
        (old,) = shop.alive()
        shop.documents = NEW_IMAGE
        shop.world.script_fault(Fault(status="booting"), "get_instance", until=shop.now + 2 * HOUR)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(shop.apply)
            await shop.wait(10 * MINUTE)
            await shop.reconcile()
        assert shop.alive() == (old,)

    story(tmp_path, tell)


def test_heal_creates_first_too_and_a_later_pass_finishes_it(tmp_path: Path) -> None:
    async def tell(shop: Shop) -> None:
        await shop.apply(CREATE_FIRST)
        (old,) = shop.alive()
        shop.world.stop(old.id, shop.now)
        await shop.wait(MINUTE)
        result = await shop.reconcile(heal=True)
        assert [create.reason for create in result.plan.creates] == [CreateReason.HEALED]
        assert old.id in {one.id for one in shop.alive()}
        for _ in range(4):
            await shop.wait(MINUTE)
            await shop.reconcile()
        (new,) = shop.alive()
        assert new.id != old.id
        assert shop.sent("create_instance") == 2

    story(tmp_path, tell)


def test_both_machines_of_a_slot_end_with_their_lease_or_by_request(tmp_path: Path) -> None:
    async def tell(shop: Shop) -> None:
        await shop.apply(CREATE_FIRST)
        await shop.apply(NEW_IMAGE, options={"detach": True})
        assert (await shop.destroy("fleet.dev")).code is ExitCode.DONE
        assert shop.alive() == ()
        await shop.apply(CREATE_FIRST)
        await shop.apply(NEW_IMAGE, options={"detach": True}, fused=False)
        assert len(shop.alive()) == 2
        await shop.wait(4 * HOUR)
        await shop.reconcile()
        await shop.wait(MINUTE)
        assert shop.alive() == ()

    story(tmp_path, tell)


def test_status_lists_the_machine_to_use_first(tmp_path: Path) -> None:
    async def tell(shop: Shop) -> None:
        await shop.apply(CREATE_FIRST)
        (old,) = shop.alive()
        await shop.apply(NEW_IMAGE, options={"detach": True})
        shown = [row.instance_id for row in (await read_status(shop.workspace())).rows]
        assert shown[0] == old.id
        await shop.wait(3 * MINUTE)
        shown = [row.instance_id for row in (await read_status(shop.workspace())).rows]
        assert shown[1] == old.id
        await shop.reconcile()
        shown = [row.instance_id for row in (await read_status(shop.workspace())).rows]
        assert shown[1:] in ([], [old.id])

    story(tmp_path, tell)


def test_I4_a_machine_whose_mark_was_changed_meanwhile_is_not_replaced_away(
    tmp_path: Path,
) -> None:
    async def tell(shop: Shop) -> None:
        await shop.apply(CREATE_FIRST)
        (old,) = shop.alive()
        results = []

        async def replace() -> None:
            results.append(await shop.apply(NEW_IMAGE))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(replace)
            await shop.wait(MINUTE)
            shop.world.relabel(old.id, "mine now")
        assert results[0].code is ExitCode.PARTIAL
        assert old.id in {one.id for one in shop.alive()}
        await shop.wait(5 * HOUR)
        await shop.reconcile()
        await shop.wait(MINUTE)
        assert shop.alive() == (), "the end of its lease is another matter"

    story(tmp_path, tell)


def test_a_successor_that_only_a_loop_saw_running_is_late(tmp_path: Path) -> None:
    """The run that bought it could not look into it."""

    async def tell(shop: Shop) -> None:
        await shop.apply(CREATE_FIRST)
        (old,) = shop.alive()
        shop.documents = NEW_IMAGE
        shop.world.script_fault(Fault(status="booting"), "get_instance", until=shop.now + 2 * HOUR)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(shop.apply)
            await shop.wait(MINUTE)
            shop.world.relabel(old.id, "mine now")
            await shop.wait(10 * MINUTE)
            await shop.reconcile()
        assert [one.id for one in shop.alive()] == [old.id]

    story(tmp_path, tell)
