"""What the engine does when providers lie, fail, lag or take (RELIABILITY.md, C1 to C5)."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from reconciler.market.fault_catalogue import CATALOGUE
from reconciler.market.faults import Fault
from reconciler.model.errors import StateError, UnsafePlan
from reconciler.model.exit_code import ExitCode
from reconciler.model.mark import Mark, workspace_part
from reconciler.model.reason import DestroyReason
from tests.markets import market_offer
from tests.simulation.shop import QUICKSTART, Shop, several_offers, story

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
UNKNOWN_CREATES = ("C1.1", "C1.2", "C1.6", "C1.8")


def inject(
    shop: Shop, number: str, times: int | None = 1, *, until: timedelta | None = None
) -> None:
    operation, fault = CATALOGUE[number]
    moment = shop.now + until if until else None
    shop.world.script_fault(fault, operation, times=times, until=moment)


@pytest.mark.parametrize("number", UNKNOWN_CREATES)
def test_I11_a_create_whose_outcome_is_unknown_is_found_by_its_mark(
    tmp_path: Path, number: str
) -> None:
    async def tell(shop: Shop) -> None:
        inject(shop, number)
        result = await shop.apply()
        assert result.code is ExitCode.PROVIDER_FAILURE
        assert shop.sent("create_instance") == 1
        await shop.wait(MINUTE)
        result = await shop.apply()
        assert [adopt.slot.index for adopt in result.plan.adopts] == [0]
        assert shop.sent("create_instance") == 1
        assert [one.label for one in shop.alive()] == list(shop.state().instances)

    story(tmp_path, tell)


def test_I11_a_create_that_left_nothing_blocks_its_slot_until_that_is_proven(
    tmp_path: Path,
) -> None:
    async def tell(shop: Shop) -> None:
        shop.world.script_fault(Fault(error="unavailable", done=False), "create_instance", times=1)
        await shop.apply()
        result = await shop.apply()
        assert result.plan.creates == ()
        assert [doubt.slot.index for doubt in result.plan.doubts] == [0]
        assert shop.sent("create_instance") == 1
        for _ in range(4):
            await shop.wait(MINUTE)
            await shop.apply()
        assert shop.sent("create_instance") == 2
        assert len(shop.alive()) == 1

    story(tmp_path, tell)


def test_C1_4_an_error_that_carries_an_id_is_a_machine_of_ours(tmp_path: Path) -> None:
    async def tell(shop: Shop) -> None:
        inject(shop, "C1.4")
        result = await shop.apply()
        assert result.code is ExitCode.DONE
        assert [one.id for one in shop.alive()] == [
            record.instance_id for record in shop.state().instances.values()
        ]

    story(tmp_path, tell)


def test_C1_17_a_machine_that_appears_after_it_was_proven_absent_is_doomed(tmp_path: Path) -> None:
    async def tell(shop: Shop) -> None:
        shop.world.script_fault(
            Fault(error="unavailable", done=True, appears_after=10 * MINUTE),
            "create_instance",
            times=1,
        )
        await shop.apply()
        for _ in range(3):
            await shop.wait(MINUTE)
            await shop.apply()
        assert len(shop.alive()) == 2
        await shop.wait(10 * MINUTE)
        result = await shop.reconcile()
        assert [entry.reason for entry in result.plan.destroys] == [DestroyReason.ORPHANED]
        await shop.wait(MINUTE)
        assert len(shop.alive()) == 1

    story(tmp_path, tell)


def test_C1_17_a_late_machine_that_is_not_kept_begins_no_lease(tmp_path: Path) -> None:
    """The lease would have ended before the next machine was bought under it."""

    async def tell(shop: Shop) -> None:
        late = Fault(error="unavailable", done=True, appears_after=5 * HOUR)
        shop.world.script_fault(late, "create_instance", times=1)
        await shop.apply()
        shop.world.script_fault(Fault(error="no-capacity"), "create_instance")
        for _ in range(3):
            await shop.wait(MINUTE)
            await shop.apply()
        shop.world.clear_faults()
        await shop.wait(5 * HOUR)
        await shop.apply()
        for _ in range(2):
            await shop.wait(MINUTE)
            await shop.reconcile()
        (machine,) = shop.alive()
        assert list(shop.state().instances) == [machine.label]
        assert shop.state().leases["dev"].ended_at is None

    story(tmp_path, tell)


def test_C1_9_a_vanished_offer_is_replaced_by_one_under_the_ceiling(tmp_path: Path) -> None:
    async def tell(shop: Shop) -> None:
        inject(shop, "C1.9", 2)
        result = await shop.apply()
        assert result.code is ExitCode.DONE
        (machine,) = shop.alive()
        assert machine.offer_id == "o3"
        (record,) = shop.state().instances.values()
        assert record.specification is not None
        assert record.specification.offer_id == "o3"
        assert shop.state().intents == {}

    story(tmp_path, tell)


def test_a_vanished_offer_is_not_replaced_above_the_ceiling(tmp_path: Path) -> None:
    async def tell(shop: Shop) -> None:
        inject(shop, "C1.9")
        result = await shop.apply()
        assert result.code is ExitCode.NO_OFFER
        assert shop.alive() == ()

    dear = (market_offer("o1"), market_offer("o2", base_microusd=430_000))
    story(tmp_path, tell, *dear)


def test_C5_2_a_machine_billed_above_the_ceiling_is_destroyed_at_once(tmp_path: Path) -> None:
    async def tell(shop: Shop) -> None:
        inject(shop, "C5.2")
        result = await shop.apply()
        assert result.code is ExitCode.PARTIAL
        assert shop.alive() == ()
        assert shop.state().instances == {}
        assert "above the approved" in " ".join(one.detail for one in result.outcomes)

    story(tmp_path, tell)


def test_I9_a_lease_ends_although_the_listing_fails_and_nothing_else_is_touched(
    tmp_path: Path,
) -> None:
    two = QUICKSTART + "  lab:\n    resources: {gpu: RTX4090}\n    ttl: 8h\n"

    async def tell(shop: Shop) -> None:
        await shop.apply(two)
        await shop.wait(4 * HOUR)
        shop.world.script_fault(Fault(error="unavailable"), "list_instances")
        result = await shop.reconcile(QUICKSTART)
        assert [entry.slot.fleet for entry in result.plan.destroys] == ["dev"]
        assert result.code is ExitCode.PROVIDER_FAILURE
        await shop.wait(MINUTE)
        assert [one.label for one in shop.alive()] == [
            record.mark for record in shop.state().records_of("lab")
        ]
        assert shop.state().notices == {}

    story(tmp_path, tell)


def test_I5_an_empty_listing_drops_nothing_and_buys_nothing(tmp_path: Path) -> None:
    """Bad input 48: the machines are known, the listing says 200 and nothing."""

    async def tell(shop: Shop) -> None:
        await shop.apply()
        shop.world.script_fault(Fault(shape="empty"), "list_instances")
        shop.world.script_fault(Fault(error="unavailable"), "get_instance")
        for _ in range(5):
            result = await shop.apply()
            await shop.wait(5 * MINUTE)
        assert result.code is ExitCode.PROVIDER_FAILURE
        assert len(shop.state().instances) == 1
        assert shop.sent("create_instance") == 1
        assert len(shop.alive()) == 1

    story(tmp_path, tell)


@pytest.mark.parametrize("number", ["C2.10", "C2.15", "C2.17", "C3.2", "C3.3", "C3.4", "C3.7"])
def test_a_lying_listing_never_makes_the_loop_destroy_or_forget(
    tmp_path: Path, number: str
) -> None:
    async def tell(shop: Shop) -> None:
        await shop.apply()
        inject(shop, number, None)
        for _ in range(5):
            await shop.reconcile()
            await shop.wait(5 * MINUTE)
        assert len(shop.alive()) == 1
        assert len(shop.state().instances) == 1
        assert shop.sent("destroy_instance") == 0

    story(tmp_path, tell)


@pytest.mark.parametrize("number", ["C4.1", "C4.2", "C4.3", "C4.4", "C8.3"])
def test_a_destroy_that_does_not_work_is_repeated_until_the_machine_is_gone(
    tmp_path: Path, number: str
) -> None:
    async def tell(shop: Shop) -> None:
        await shop.apply()
        await shop.wait(4 * HOUR)
        inject(shop, number, None, until=30 * MINUTE)
        codes = []
        for _ in range(36):
            codes.append((await shop.reconcile()).code)
            await shop.wait(MINUTE)
        assert shop.alive() == ()
        assert shop.state().instances == {}
        assert ExitCode.DESTROY_UNVERIFIED in codes
        assert codes[-1] is ExitCode.DONE

    story(tmp_path, tell)


def test_destroy_waits_for_proof_and_says_11_when_it_does_not_come(tmp_path: Path) -> None:
    async def tell(shop: Shop) -> None:
        await shop.apply()
        inject(shop, "C4.1", None)
        result = await shop.destroy("fleet.dev")
        assert result.code is ExitCode.DESTROY_UNVERIFIED
        assert len(shop.alive()) == 1
        assert len(shop.state().instances) == 1

    story(tmp_path, tell)


def test_I4_a_machine_whose_mark_was_changed_goes_only_at_its_end(tmp_path: Path) -> None:
    async def tell(shop: Shop) -> None:
        await shop.apply()
        (machine,) = shop.alive()
        shop.world.relabel(machine.id, "mine now")
        result = await shop.destroy("fleet.dev")
        assert result.code is ExitCode.PROVIDER_FAILURE
        assert len(shop.alive()) == 1
        await shop.wait(5 * HOUR)
        await shop.reconcile()
        await shop.wait(MINUTE)
        assert shop.alive() == ()

    story(tmp_path, tell)


def test_C2_13_an_id_that_now_carries_another_mark_is_never_destroyed(tmp_path: Path) -> None:
    async def tell(shop: Shop) -> None:
        await shop.apply()
        (machine,) = shop.alive()
        other = Mark(workspace_part("demo", "else"), "dev", 0, shop.now + HOUR, "00000000")
        shop.world.relabel(machine.id, str(other))
        await shop.wait(5 * HOUR)
        await shop.reconcile()
        await shop.wait(MINUTE)
        assert len(shop.alive()) == 1
        assert shop.sent("destroy_instance") == 0

    story(tmp_path, tell)


def test_an_orphan_is_announced_graced_and_destroyed(tmp_path: Path) -> None:
    async def tell(shop: Shop) -> None:
        await shop.apply()
        part = workspace_part("demo", shop.state().lineage)
        mark = Mark(part, "dev", 7, shop.now + 10 * HOUR, "abcd1234")
        orphan = shop.world.place_foreign(shop.now, "somebody's", offer_id="o5")
        await shop.reconcile()
        shop.world.relabel(orphan.id, str(mark))  # older than the last look: nothing was forgotten
        await shop.wait(MINUTE)
        result = await shop.reconcile()
        assert [entry.reason for entry in result.plan.announces] == [DestroyReason.ORPHANED]
        await shop.wait(11 * MINUTE)
        await shop.reconcile()
        await shop.wait(MINUTE)
        assert orphan.id not in {one.id for one in shop.alive()}
        assert len(shop.alive()) == 1

    story(tmp_path, tell)


def test_an_orphan_whose_own_end_has_passed_is_expired(tmp_path: Path) -> None:
    async def tell(shop: Shop) -> None:
        await shop.apply()
        part = workspace_part("demo", shop.state().lineage)
        mark = Mark(part, "dev", 7, shop.now, "abcd1234")
        shop.world.place_foreign(shop.now, str(mark), offer_id="o5")
        await shop.wait(MINUTE)
        result = await shop.reconcile()
        assert [entry.reason for entry in result.plan.destroys] == [DestroyReason.EXPIRED]
        await shop.wait(MINUTE)
        assert len(shop.alive()) == 1

    story(tmp_path, tell)


def test_a_loop_does_not_heal_what_a_shorter_lease_that_nobody_applied_ends(
    tmp_path: Path,
) -> None:
    """Else it would rent and destroy in turn (section 12, 1)."""

    async def tell(shop: Shop) -> None:
        await shop.apply()
        await shop.wait(3 * HOUR)
        for _ in range(4):
            await shop.reconcile(QUICKSTART.replace("4h", "2h"), heal=True)
            await shop.wait(6 * MINUTE)
        assert shop.sent("create_instance") == 1
        assert shop.alive() == ()

    story(tmp_path, tell)


def test_a_lost_state_is_refused_while_machines_of_this_name_live(tmp_path: Path) -> None:
    async def tell(shop: Shop) -> None:
        await shop.apply()
        (tmp_path / "state" / "demo.json").unlink()
        with pytest.raises(StateError, match="carry the mark") as caught:
            await shop.apply()
        assert caught.value.exit_code is ExitCode.STATE_UNUSABLE
        assert shop.sent("create_instance") == 1

    story(tmp_path, tell)


def test_I14_another_accounts_market_is_read_only(tmp_path: Path) -> None:
    async def tell(shop: Shop) -> None:
        await shop.apply()
        shop.provider.account = "sim-somebody-else"
        await shop.wait(5 * HOUR)
        with pytest.raises(UnsafePlan, match="belongs to account") as caught:
            await shop.apply()
        assert caught.value.exit_code is ExitCode.CREDENTIALS
        assert (await shop.reconcile()).code is ExitCode.CREDENTIALS
        assert shop.sent("create_instance") == 1
        assert shop.sent("destroy_instance") == 0

    story(tmp_path, tell)


def test_the_fuse_lets_a_third_go_and_holds_the_rest_back(tmp_path: Path) -> None:
    ten = QUICKSTART.replace("    ttl: 4h", "    ttl: 4h\n    nodes: 10")

    async def tell(shop: Shop) -> None:
        await shop.apply(ten)
        await shop.reconcile(QUICKSTART)
        await shop.wait(11 * MINUTE)
        result = await shop.reconcile(QUICKSTART)
        assert result.code is ExitCode.REFUSED_BY_RULE
        await shop.wait(MINUTE)
        assert len(shop.alive()) == 7
        await shop.reconcile(QUICKSTART)
        await shop.wait(MINUTE)
        assert len(shop.alive()) == 7
        with pytest.raises(UnsafePlan, match="may be a slip"):
            await shop.apply(QUICKSTART)
        assert len(shop.alive()) == 7

    story(tmp_path, tell, *several_offers(12))


def test_heal_refills_a_slot_whose_machine_was_preempted(tmp_path: Path) -> None:
    async def tell(shop: Shop) -> None:
        await shop.apply()
        (machine,) = shop.alive()
        shop.world.stop(machine.id, shop.now)
        await shop.wait(MINUTE)
        await shop.reconcile()
        assert shop.sent("create_instance") == 1
        end = shop.state().leases["dev"].ends_at
        result = await shop.reconcile(heal=True)
        assert [create.reason.value for create in result.plan.creates] == ["healed"]
        await shop.wait(MINUTE)
        (new,) = shop.alive()
        assert new.id != machine.id
        assert shop.state().leases["dev"].ends_at == end

    story(tmp_path, tell)


def test_I6_the_worst_case_of_a_plan_is_never_exceeded_when_nobody_looks_again(
    tmp_path: Path,
) -> None:
    from reconciler.market.ledger import billed_total

    async def tell(shop: Shop) -> None:
        result = await shop.apply()
        assert result.plan.worst_case_usd is not None
        assert result.plan.worst_case_until is not None
        end = shop.state().leases["dev"].ends_at
        assert end is not None
        await shop.wait(end + MINUTE - shop.now)
        await shop.reconcile()
        await shop.wait(HOUR)
        billed = billed_total(shop.world, shop.now)
        assert Decimal("1.60") < billed <= result.plan.worst_case_usd

    story(tmp_path, tell)


def test_M1_an_outage_proves_nothing_about_an_unknown_create(tmp_path: Path) -> None:
    async def tell(shop: Shop) -> None:
        inject(shop, "C1.1")
        await shop.apply()
        outage = shop.now + 60 * MINUTE
        shop.world.script_fault(Fault(error="unavailable"), "list_instances", until=outage)
        for _ in range(5):
            await shop.wait(5 * MINUTE)
            await shop.apply()
        assert shop.sent("create_instance") == 1
        await shop.wait(40 * MINUTE)
        result = await shop.apply()
        assert result.code is ExitCode.DONE
        assert len(shop.alive()) == shop.sent("create_instance") == 1

    story(tmp_path, tell)


def test_M7_a_destroy_that_fails_for_hours_is_asked_for_as_long(tmp_path: Path) -> None:
    async def tell(shop: Shop) -> None:
        await shop.apply()
        broken = shop.now + 12 * 60 * MINUTE
        shop.world.script_fault(Fault(error="unavailable"), "destroy_instance", until=broken)
        await shop.wait(5 * 60 * MINUTE)
        while shop.now < broken:
            before = shop.sent("destroy_instance")
            await shop.reconcile()
            assert shop.sent("destroy_instance") > before
            await shop.wait(30 * MINUTE)
        await shop.reconcile()
        await shop.wait(MINUTE)
        assert shop.alive() == ()

    story(tmp_path, tell)
