"""The real operations in virtual time, judged by the market's own ledger."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from reconciler.model.errors import UnsafePlan, UsageRefused
from reconciler.model.exit_code import ExitCode
from reconciler.model.reason import CreateReason, DestroyReason
from tests.simulation.shop import NO_FLEETS, QUICKSTART, Shop, story

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
TWO_FLEETS = QUICKSTART + "  lab:\n    resources: {gpu: RTX4090}\n    ttl: 8h\n"


def test_a_fleet_is_bought_handed_over_and_gone_after_its_lease(tmp_path: Path) -> None:
    async def tell(shop: Shop) -> None:
        result = await shop.apply()
        assert result.code is ExitCode.DONE
        assert [machine.label for machine in shop.alive()] == list(shop.state().instances)
        (record,) = shop.state().instances.values()
        assert record.ready_at is not None
        await shop.wait(timedelta(hours=3))
        assert (await shop.reconcile()).code is ExitCode.DONE
        assert len(shop.alive()) == 1
        await shop.wait(HOUR)
        result = await shop.reconcile()
        assert [entry.reason for entry in result.plan.destroys] == [DestroyReason.EXPIRED]
        await shop.wait(MINUTE)
        assert shop.alive() == ()

    story(tmp_path, tell)


def test_I12_a_record_is_dropped_only_on_proof(tmp_path: Path) -> None:
    async def tell(shop: Shop) -> None:
        await shop.apply()
        await shop.wait(5 * HOUR)
        await shop.reconcile()
        assert len(shop.state().instances) == 1
        for _ in range(4):
            await shop.wait(MINUTE)
            await shop.reconcile()
        assert shop.state().instances == {}

    story(tmp_path, tell)


def test_I17_applying_again_changes_nothing_not_even_the_bytes(tmp_path: Path) -> None:
    async def tell(shop: Shop) -> None:
        await shop.apply()
        path = tmp_path / "state" / "demo.json"
        before, calls = path.read_bytes(), shop.sent("create_instance")
        result = await shop.apply()
        assert not result.plan.has_changes
        assert path.read_bytes() == before
        assert shop.sent("create_instance") == calls
        assert shop.sent("destroy_instance") == 0

    story(tmp_path, tell)


def test_a_plan_without_changes_asks_for_no_offers(tmp_path: Path) -> None:
    async def tell(shop: Shop) -> None:
        await shop.apply()
        asked = shop.sent("list_offers")
        assert asked > 0
        assert not (await shop.plan()).has_changes
        await shop.reconcile()
        assert shop.sent("list_offers") == asked

    story(tmp_path, tell)


def test_an_undeclared_fleet_is_announced_and_destroyed_after_its_grace(tmp_path: Path) -> None:
    async def tell(shop: Shop) -> None:
        await shop.apply(TWO_FLEETS)
        result = await shop.reconcile(QUICKSTART)
        assert [entry.slot.fleet for entry in result.plan.announces] == ["lab"]
        await shop.wait(9 * MINUTE)
        await shop.reconcile(QUICKSTART)
        assert len(shop.alive()) == 2
        await shop.wait(2 * MINUTE)
        await shop.reconcile(QUICKSTART)
        await shop.wait(MINUTE)
        assert [machine.label for machine in shop.alive()] == [
            record.mark for record in shop.state().records_of("dev")
        ]

    story(tmp_path, tell)


def test_a_fleet_declared_again_within_the_grace_is_kept(tmp_path: Path) -> None:
    async def tell(shop: Shop) -> None:
        await shop.apply(TWO_FLEETS)
        await shop.reconcile(QUICKSTART)
        assert len(shop.state().notices) == 1
        await shop.wait(5 * MINUTE)
        await shop.reconcile(TWO_FLEETS)
        assert shop.state().notices == {}
        await shop.wait(10 * MINUTE)
        await shop.reconcile(TWO_FLEETS)
        assert len(shop.alive()) == 2

    story(tmp_path, tell)


def test_I4_a_machine_without_our_mark_is_never_touched(tmp_path: Path) -> None:
    async def tell(shop: Shop) -> None:
        foreign = shop.world.place_foreign(shop.now, "somebody-else", offer_id="o6")
        await shop.apply()
        await shop.wait(5 * HOUR)
        for _ in range(5):
            await shop.reconcile()
            await shop.wait(11 * MINUTE)
        assert [machine.id for machine in shop.alive()] == [foreign.id]
        with pytest.raises(UsageRefused):
            await shop.destroy("fleet.somebody")
        await shop.destroy()
        assert [machine.id for machine in shop.alive()] == [foreign.id]

    story(tmp_path, tell)


def test_I16_documents_without_fleets_destroy_nothing(tmp_path: Path) -> None:
    async def tell(shop: Shop) -> None:
        await shop.apply(TWO_FLEETS)
        with pytest.raises(UnsafePlan, match="declare no fleet"):
            await shop.apply(NO_FLEETS)
        for _ in range(4):
            result = await shop.reconcile(NO_FLEETS)
            await shop.wait(11 * MINUTE)
        assert result.code is ExitCode.REFUSED_BY_RULE
        assert len(shop.alive()) == 2

    story(tmp_path, tell)


def test_empty_documents_with_the_number_named_destroy_what_is_shown(tmp_path: Path) -> None:
    async def tell(shop: Shop) -> None:
        await shop.apply(TWO_FLEETS)
        result = await shop.apply(NO_FLEETS, max_destroy=2)
        assert result.code is ExitCode.DONE
        assert shop.alive() == ()
        assert shop.state().instances == {}

    story(tmp_path, tell)


def test_expiry_comes_first_even_where_documents_are_empty(tmp_path: Path) -> None:
    async def tell(shop: Shop) -> None:
        await shop.apply(TWO_FLEETS)
        await shop.wait(4 * HOUR + MINUTE)
        await shop.reconcile(NO_FLEETS)
        await shop.wait(MINUTE)
        assert [machine.label for machine in shop.alive()] == [
            record.mark for record in shop.state().records_of("lab")
        ]

    story(tmp_path, tell)


def test_scaling_down_destroys_the_highest_slots_and_up_fills_them(tmp_path: Path) -> None:
    three = QUICKSTART.replace("    ttl: 4h", "    ttl: 4h\n    nodes: 3")

    async def tell(shop: Shop) -> None:
        await shop.apply(three)
        assert sorted(one.index for one in shop.state().instances.values()) == [0, 1, 2]
        result = await shop.apply(QUICKSTART, max_destroy=2)
        assert {entry.reason for entry in result.plan.destroys} == {DestroyReason.SCALED_DOWN}
        assert [one.index for one in shop.state().instances.values()] == [0]
        assert len(shop.alive()) == 1
        result = await shop.apply(three)
        assert [create.reason for create in result.plan.creates] == [CreateReason.SCALED_UP] * 2
        assert len(shop.alive()) == 3

    story(tmp_path, tell)


def test_an_ended_lease_creates_nothing_until_it_is_renewed(tmp_path: Path) -> None:
    async def tell(shop: Shop) -> None:
        await shop.apply()
        await shop.wait(5 * HOUR)
        await shop.reconcile()
        await shop.wait(5 * MINUTE)
        result = await shop.apply()
        assert result.plan.creates == ()
        assert [line.note for line in result.plan.fleets] == ["lease ended"]
        assert shop.alive() == ()
        result = await shop.apply(renew=frozenset({"dev"}))
        assert [create.reason for create in result.plan.creates] == [CreateReason.NEW]
        assert len(shop.alive()) == 1

    story(tmp_path, tell)


def test_extend_moves_the_end_and_survives_the_next_apply(tmp_path: Path) -> None:
    async def tell(shop: Shop) -> None:
        await shop.apply()
        end = shop.state().leases["dev"].ends_at
        assert end is not None
        assert await shop.extend("dev", 2 * HOUR) == end + 2 * HOUR
        await shop.apply()
        assert shop.state().leases["dev"].ends_at == end + 2 * HOUR
        await shop.wait(5 * HOUR)
        await shop.reconcile()
        await shop.wait(MINUTE)
        assert len(shop.alive()) == 1
        with pytest.raises(UnsafePlan, match="past its limit"):
            await shop.extend("dev", timedelta(days=40))

    story(tmp_path, tell)


def test_release_ends_the_lease_now_and_waits_for_the_proof(tmp_path: Path) -> None:
    async def tell(shop: Shop) -> None:
        await shop.apply()
        result = await shop.release("dev")
        assert [entry.reason for entry in result.plan.destroys] == [DestroyReason.REQUESTED]
        assert result.code is ExitCode.DONE
        assert shop.alive() == ()
        assert shop.state().instances == {}
        assert (await shop.apply()).plan.creates == ()

    story(tmp_path, tell)


def test_after_destroy_the_next_apply_opens_a_new_lease(tmp_path: Path) -> None:
    async def tell(shop: Shop) -> None:
        await shop.apply()
        result = await shop.destroy("fleet.dev")
        assert result.code is ExitCode.DONE
        assert shop.alive() == ()
        await shop.wait(HOUR)
        result = await shop.apply()
        assert len(shop.alive()) == 1
        assert shop.state().leases["dev"].ends_at is not None
        assert shop.state().leases["dev"].ends_at == shop.alive()[0].created_at + 4 * HOUR

    story(tmp_path, tell)


def test_a_protected_fleet_is_not_destroyed_but_expires(tmp_path: Path) -> None:
    guarded = QUICKSTART + "    lifecycle: {prevent_destroy: true}\n"

    async def tell(shop: Shop) -> None:
        await shop.apply(guarded)
        with pytest.raises(UnsafePlan, match="protected"):
            await shop.destroy("fleet.dev")
        with pytest.raises(UnsafePlan, match="protected"):
            await shop.apply(NO_FLEETS, max_destroy=1)
        assert len(shop.alive()) == 1
        await shop.wait(5 * HOUR)
        await shop.reconcile(guarded)
        await shop.wait(MINUTE)
        assert shop.alive() == ()

    story(tmp_path, tell)


def test_a_machine_that_no_longer_fits_is_replaced_destroy_first(tmp_path: Path) -> None:
    bigger = QUICKSTART.replace("{gpu: RTX4090}", "{gpu: RTX4090, disk: 200GB}")

    async def tell(shop: Shop) -> None:
        await shop.apply()
        (old,) = shop.alive()
        result = await shop.apply(bigger, max_destroy=1)
        assert [entry.reason for entry in result.plan.destroys] == [DestroyReason.DRIFTED]
        assert [create.reason for create in result.plan.creates] == [CreateReason.REPLACED]
        assert result.code is ExitCode.DONE
        (new,) = shop.alive()
        assert new.id != old.id
        assert old.gone_at is None
        gone = next(one for one in shop.world.all_machines() if one.id == old.id)
        assert gone.gone_at is not None
        assert gone.gone_at <= new.created_at

    story(tmp_path, tell)


def test_renewing_a_lease_that_runs_is_said_to_change_nothing(tmp_path: Path) -> None:
    async def tell(shop: Shop) -> None:
        await shop.apply()
        before = shop.state().leases["dev"]
        result = await shop.apply(renew=frozenset({"dev"}))
        assert any("-renew changes nothing" in one.message for one in result.plan.findings)
        assert shop.state().leases["dev"] == before

    story(tmp_path, tell)


def test_no_wait_ends_with_3_while_the_proof_is_pending(tmp_path: Path) -> None:
    async def tell(shop: Shop) -> None:
        await shop.apply()
        result = await shop.destroy("fleet.dev", wait=False)
        assert result.code is ExitCode.PARTIAL
        await shop.wait(MINUTE)
        assert shop.alive() == ()
        assert (await shop.destroy("fleet.dev")).code is ExitCode.DONE
        assert shop.state().instances == {}

    story(tmp_path, tell)


def test_deleting_the_protection_from_the_documents_does_not_lift_it(tmp_path: Path) -> None:
    guarded = QUICKSTART + "    lifecycle: {prevent_destroy: true}\n"
    lifted = QUICKSTART + "    lifecycle: {prevent_destroy: false}\n"

    async def tell(shop: Shop) -> None:
        await shop.apply(guarded)
        await shop.apply(QUICKSTART)
        with pytest.raises(UnsafePlan, match="protected"):
            await shop.destroy("fleet.dev")
        assert len(shop.alive()) == 1
        await shop.apply(lifted)
        await shop.destroy("fleet.dev")
        assert shop.alive() == ()

    story(tmp_path, tell)
