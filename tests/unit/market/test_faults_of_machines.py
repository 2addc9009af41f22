"""What the simulated market can make of a machine or a destroy, seen through the provider."""

from __future__ import annotations

from datetime import timedelta

import pytest

from reconciler.market.faults import Fault
from reconciler.model.errors import UnexpectedResponse
from reconciler.model.instance import InstanceStatus
from reconciler.providers.base import OfferQuery
from tests.markets import START
from tests.unit.market.test_faults import Bench, on

MINUTE = timedelta(minutes=1)


def test_C1_10_a_cache_shows_offers_that_are_taken() -> None:
    async def scenario(bench: Bench) -> None:
        await bench.create()
        query = OfferQuery()
        assert len((await bench.provider.list_offers(query)).offers) == 1
        bench.world.script_fault(Fault(stale=10 * MINUTE), "list_offers", times=1)
        assert len((await bench.provider.list_offers(query)).offers) == 2

    on(Bench(), scenario)


def test_C1_11_another_gpu_may_be_made_than_was_ordered_and_is_shown_as_that() -> None:
    async def scenario(bench: Bench) -> None:
        bench.world.script_fault(Fault(gpu_made="RTX3060"), "create_instance", times=1)
        machine_id, _ = await bench.create()
        assert (await bench.provider.get_instance(machine_id)).gpu == "RTX3060"
        reading = await bench.provider.gpus_inside(machine_id)
        assert reading is not None
        assert [one.memory_bytes // 2**30 for one in reading.gpus] == [12]

    on(Bench(), scenario)


def test_C9_6_a_label_may_be_cut() -> None:
    async def scenario(bench: Bench) -> None:
        bench.world.script_fault(Fault(label_keeps=2), "create_instance", times=1)
        machine_id, _ = await bench.create()
        assert (await bench.provider.get_instance(machine_id)).label == "ne"

    on(Bench(), scenario)


def test_C5_11_a_machine_may_live_for_seconds() -> None:
    async def scenario(bench: Bench) -> None:
        lives = timedelta(seconds=20)
        bench.world.script_fault(Fault(ends_after=lives), "create_instance", times=1)
        await bench.create()
        await bench.clock.sleep(21)
        assert bench.labels_alive() == ["old"]

    on(Bench(), scenario)


@pytest.mark.parametrize(("hides", "left"), [("young", ["old"]), ("stopped", ["new"])])
def test_C2_9_C2_14_a_listing_may_leave_out_one_kind_that_a_read_shows(
    hides: str, left: list[str]
) -> None:
    async def scenario(bench: Bench) -> None:
        machine_id, _ = await bench.create()
        bench.world.stop(bench.old, START)
        await bench.clock.sleep(5)
        bench.world.script_fault(Fault(hides=hides), "list_instances", times=1)  # type: ignore[arg-type]
        shown = (await bench.provider.list_instances()).instances
        assert [one.label for one in shown] == left
        for one in (machine_id, bench.old):
            assert (await bench.provider.get_instance(one)).id == one

    on(Bench(), scenario)


def test_C4_7_a_destroy_may_fail_after_it_was_accepted() -> None:
    async def scenario(bench: Bench) -> None:
        bench.world.script_fault(Fault(fails_later=True), "destroy_instance", times=1)
        await bench.provider.destroy_instance(bench.old)
        seen = await bench.provider.get_instance(bench.old)
        assert seen.status is InstanceStatus.DESTROYING
        await bench.clock.sleep(150)
        seen = await bench.provider.get_instance(bench.old)
        assert seen.status is InstanceStatus.RUNNING
        await bench.provider.destroy_instance(bench.old)
        await bench.clock.sleep(60)
        assert bench.labels_alive() == []

    on(Bench(), scenario)


def test_C4_9_one_that_is_gone_may_be_answered_in_words() -> None:
    async def scenario(bench: Bench) -> None:
        await bench.provider.destroy_instance(bench.old)
        await bench.clock.sleep(60)
        bench.world.script_fault(Fault(gone_error=True), "destroy_instance", times=1)
        with pytest.raises(UnexpectedResponse):
            await bench.provider.destroy_instance(bench.old)

    on(Bench(), scenario)


def test_C4_14_a_destroy_may_do_nothing_to_what_does_not_run() -> None:
    async def scenario(bench: Bench) -> None:
        bench.world.stop(bench.old, START)
        bench.world.script_fault(Fault(spares_stopped=True), "destroy_instance", times=1)
        await bench.provider.destroy_instance(bench.old)
        await bench.clock.sleep(60)
        assert bench.labels_alive() == ["old"]

    on(Bench(), scenario)
