"""Plans that leave something out (-exclude, -refresh-only, -refresh=false), and copied machines."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from reconciler.market.faults import Fault
from reconciler.model.address import Slot, parse_address
from reconciler.model.errors import UsageRefused
from reconciler.model.exit_code import ExitCode
from reconciler.model.mark import Mark, workspace_part
from reconciler.model.plan import Mode, PlanRequest
from reconciler.operations.apply import apply_fleets
from tests.simulation.shop import NO_FLEETS, QUICKSTART, Shop, several_offers, story

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
TWO_FLEETS = QUICKSTART + "    nodes: 2\n  lab:\n    resources: {gpu: RTX4090}\n    ttl: 8h\n"
ONLY_RECORD: dict[str, Any] = {"only_record": True}


def alive(shop: Shop) -> set[str]:
    """The slots whose machines the market bills."""
    here = {one.id for one in shop.alive()}
    return {str(one.slot) for one in shop.state().instances.values() if one.instance_id in here}


async def destroy_all_but(shop: Shop, *addresses: str) -> ExitCode:
    excludes = tuple(parse_address(one) for one in addresses)
    request = PlanRequest(Mode.DESTROY, excludes=excludes, fused=False)
    return (await apply_fleets(shop.workspace(), request, shop.options())).code


def test_exclude_is_the_opposite_of_target_in_apply_and_destroy(tmp_path: Path) -> None:
    async def tell(shop: Shop) -> None:
        lab = (parse_address("fleet.lab"),)
        await shop.apply(TWO_FLEETS, excludes=lab)
        assert alive(shop) == {"fleet.dev[0]", "fleet.dev[1]"}
        assert "lab" not in shop.state().leases
        await shop.apply(TWO_FLEETS)
        assert await destroy_all_but(shop, "fleet.lab", "fleet.dev[1]") is ExitCode.DONE
        assert alive(shop) == {"fleet.lab[0]", "fleet.dev[1]"}
        leases = shop.state().leases
        assert {name: one.ended_at for name, one in leases.items()} == {"dev": None, "lab": None}
        assert await destroy_all_but(shop, "fleet.lab") is ExitCode.DONE
        assert alive(shop) == {"fleet.lab[0]"}
        with pytest.raises(UsageRefused, match="there is no"):
            await destroy_all_but(shop, "fleet.tran")

    story(tmp_path, tell)


def test_C3_8_a_command_for_one_machine_notes_what_another_one_costs_now(tmp_path: Path) -> None:
    """Its look counts as the last one at all of them: what it saw has to count, too."""

    async def tell(shop: Shop) -> None:
        await shop.apply(TWO_FLEETS)
        state = shop.state()
        mine = next(one for one in state.instances.values() if one.fleet == "lab")
        await shop.wait(HOUR)
        shop.world.stop(mine.instance_id, shop.now)
        await shop.wait(MINUTE)
        await shop.destroy("fleet.dev[0]")
        after = shop.state().instances[mine.mark]
        assert after.doom is None
        assert after.usd_per_hour < mine.usd_per_hour / 10, "its disk alone"

    story(tmp_path, tell)


def test_an_excluded_fleet_that_is_not_declared_is_left_alone(tmp_path: Path) -> None:
    async def tell(shop: Shop) -> None:
        await shop.apply(TWO_FLEETS)
        result = await shop.apply(QUICKSTART, excludes=(parse_address("fleet.lab"),), fused=False)
        assert [str(one.slot) for one in result.plan.destroys] == ["fleet.dev[1]"]
        assert alive(shop) == {"fleet.dev[0]", "fleet.lab[0]"}

    story(tmp_path, tell)


def test_refresh_only_records_what_is_gone_and_touches_nothing_else(tmp_path: Path) -> None:
    async def tell(shop: Shop) -> None:
        await shop.apply(TWO_FLEETS)
        lost, sent = shop.alive()[0], shop.sent("destroy_instance")
        shop.world.destroy(lost.id, shop.now)
        for _ in range(3):
            await shop.wait(MINUTE)
            result = await shop.apply(NO_FLEETS, **ONLY_RECORD)
        assert len(result.plan.forgets) == 1
        assert len(shop.state().instances) == len(shop.alive()) == 2
        assert (shop.sent("create_instance"), shop.sent("destroy_instance")) == (3, sent)
        await shop.wait(9 * HOUR)
        await shop.apply(NO_FLEETS, **ONLY_RECORD)
        assert len(shop.alive()) == 2, "not even an expired one"

    story(tmp_path, tell)


def test_refresh_only_adopts_what_an_unknown_create_left(tmp_path: Path) -> None:
    async def tell(shop: Shop) -> None:
        shop.world.script_fault(Fault(error="unavailable", done=True), "create_instance", times=1)
        await shop.apply()
        await shop.wait(MINUTE)
        plan = await shop.plan(**ONLY_RECORD)
        assert plan.has_changes
        await shop.apply(**ONLY_RECORD)
        assert [one.label for one in shop.alive()] == list(shop.state().instances)
        assert shop.state().intents == {}
        assert not (await shop.plan(**ONLY_RECORD)).has_changes

    story(tmp_path, tell)


def test_refresh_only_neither_adopts_nor_destroys_an_orphan(tmp_path: Path) -> None:
    async def tell(shop: Shop) -> None:
        await shop.apply()
        part = workspace_part("demo", shop.state().lineage)
        mark = Mark(part, "dev", 7, shop.now + HOUR, "abcd1234")
        shop.world.place_foreign(shop.now, str(mark), offer_id="o5")
        await shop.wait(MINUTE)
        await shop.apply(**ONLY_RECORD)
        assert len(shop.state().instances) == 1
        assert len(shop.alive()) == 2

    story(tmp_path, tell)


def test_refresh_only_records_the_billed_rate(tmp_path: Path) -> None:
    async def tell(shop: Shop) -> None:
        await shop.apply()
        (record,) = shop.state().instances.values()
        wrong = record.with_(usd_per_hour=Decimal("0.123"))
        backend = shop.workspace().backend
        state = shop.state()
        with backend.lock("a test", timeout_seconds=0):
            backend.write(state.with_(instances={record.mark: wrong}), expected_serial=state.serial)
        plan = await shop.plan(**ONLY_RECORD)
        assert [one.usd_per_hour for one in plan.rate_changes] == [record.usd_per_hour]
        await shop.apply(**ONLY_RECORD)
        assert shop.state().instances[record.mark].usd_per_hour == record.usd_per_hour

    story(tmp_path, tell)


def test_refresh_only_does_not_repeat_a_destroy(tmp_path: Path) -> None:
    async def tell(shop: Shop) -> None:
        await shop.apply()
        shop.world.script_fault(Fault(done=False), "destroy_instance", until=shop.now + HOUR)
        assert (await shop.destroy(wait=False)).code is ExitCode.PARTIAL
        sent = shop.sent("destroy_instance")
        await shop.wait(MINUTE)
        await shop.apply(**ONLY_RECORD)
        assert shop.sent("destroy_instance") == sent

    story(tmp_path, tell)


def test_decision_11_refresh_false_asks_nobody_and_doubts_every_machine(tmp_path: Path) -> None:
    async def tell(shop: Shop) -> None:
        await shop.apply(TWO_FLEETS)
        calls = len(shop.world.calls())
        plan = await shop.plan(TWO_FLEETS, from_state=True)
        assert sorted(str(one.slot) for one in plan.doubts) == [
            "fleet.dev[0]",
            "fleet.dev[1]",
            "fleet.lab[0]",
        ]
        assert (plan.keeps, plan.has_changes) == ((), False)
        assert plan.rate_before == plan.rate_after > 0
        three = TWO_FLEETS.replace("nodes: 2", "nodes: 3")
        plan = await shop.plan(three, from_state=True)
        assert plan.creates == ()
        assert plan.has_changes
        assert "fleet.dev: 1 node(s) lack a machine" in " ".join(
            finding.message for finding in plan.findings
        )
        assert {finding.code for finding in plan.findings} == {None}
        await shop.wait(5 * HOUR)
        plan = await shop.plan(TWO_FLEETS, from_state=True)
        assert {str(one.slot) for one in plan.destroys} == {"fleet.dev[0]", "fleet.dev[1]"}
        assert len(shop.world.calls()) == calls

    story(tmp_path, tell)


def test_replace_of_one_slot_leaves_the_others(tmp_path: Path) -> None:
    async def tell(shop: Shop) -> None:
        await shop.apply(TWO_FLEETS)
        before = {one.id for one in shop.alive()}
        await shop.apply(TWO_FLEETS, replace=(Slot("dev", 1),))
        after = {one.id for one in shop.alive()}
        assert len(before & after) == 2
        assert alive(shop) == {"fleet.dev[0]", "fleet.dev[1]", "fleet.lab[0]"}

    story(tmp_path, tell, *several_offers(8))


# --- whose copy is it? ------------------------------------------------------------------------


def test_a_copy_is_not_destroyed_when_the_machine_that_it_copies_is_gone(tmp_path: Path) -> None:
    """C9.4: a person cloned a machine with its label; SPEC.md section 4, ``duplicate``."""

    async def tell(shop: Shop) -> None:
        await shop.apply()
        (ours,) = shop.alive()
        copy = shop.world.place_foreign(shop.now, ours.label, offer_id="o6")
        await shop.wait(MINUTE)
        await shop.reconcile()
        assert list(shop.state().duplicates.values()) == [ours.label]
        await shop.wait(4 * HOUR)
        for _ in range(6):
            result = await shop.reconcile()
            await shop.wait(11 * MINUTE)
        assert [one.kind for one in result.plan.strangers] == ["duplicate"]
        assert shop.state().instances == {}
        assert [one.id for one in shop.alive()] == [copy.id]

    story(tmp_path, tell)


def test_a_copy_of_a_machine_that_was_never_ready_is_not_taken_for_a_late_arrival(
    tmp_path: Path,
) -> None:
    async def tell(shop: Shop) -> None:
        await shop.apply(options={"detach": True})
        (ours,) = shop.alive()
        shop.world.script_fault(Fault(status="booting"), "list_instances", until=shop.now + HOUR)
        copy = shop.world.place_foreign(shop.now, ours.label, offer_id="o6")
        await shop.wait(MINUTE)
        await shop.reconcile()
        assert (await shop.destroy()).code is ExitCode.DONE
        assert shop.state().intents != {}, "a machine never ready is watched for"
        for _ in range(3):
            await shop.reconcile(QUICKSTART)
            await shop.wait(11 * MINUTE)
        assert [one.id for one in shop.alive()] == [copy.id]

    story(tmp_path, tell)
