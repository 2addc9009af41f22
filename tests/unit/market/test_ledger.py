from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

from reconciler.market.ledger import bill, billed_total, living
from reconciler.market.settings import CALM
from reconciler.market.world import World
from tests.markets import START, market_offer, order, small_world

SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)


def test_I27_each_second_is_billed_exact_to_the_micro_dollar() -> None:
    with small_world(market_offer(base_microusd=412_345)) as world:
        world.rent(order(gib=50), START)
        gpu, disk = bill(world, START + 7 * SECOND)
    assert gpu.billed_usd == Decimal("0.000802")  # 0.412345 * 7 / 3600 = 0.00080178
    assert disk.billed_usd == Decimal("0.000013")  # 137 micro-dollars * 50 * 7 / 3600 = 13.3
    assert (gpu.kind, disk.kind) == ("gpu", "disk")
    assert (gpu.usd_per_hour, disk.usd_per_hour) == (Decimal("0.412345"), Decimal("0.006850"))
    assert gpu.until is None


def test_a_second_begun_is_billed_whole_and_a_full_hour_costs_the_rate() -> None:
    with small_world() as world:
        world.rent(order(gib=0), START)
        (begun,) = bill(world, START + timedelta(milliseconds=1))
        (first,) = bill(world, START + SECOND)
        (hour,) = bill(world, START + HOUR)
        assert bill(world, START) == ()
    assert begun.billed_usd == first.billed_usd == Decimal("0.000111")
    assert hour.billed_usd == Decimal("0.400000")


def test_billing_ends_when_the_machine_is_gone_and_not_before() -> None:
    with small_world() as world:
        machine_id = world.rent(order(gib=0), START).id
        world.destroy(machine_id, START + HOUR)
        gone_at = world.read_machine(machine_id, START + HOUR).gone_at
        assert gone_at is not None
        assert [machine.id for machine in living(world, gone_at - SECOND)] == [machine_id]
        assert living(world, gone_at) == ()
        (line,) = bill(world, START + 100 * HOUR)
        assert line.until == gone_at
        assert bill(world, gone_at) == bill(world, START + 999 * HOUR)
        assert line.billed_usd > Decimal("0.4")


def test_I13_a_stopped_machine_is_billed_for_its_disk_until_it_is_gone() -> None:
    with small_world() as world:
        machine_id = world.rent(order(gib=100), START).id
        world.stop(machine_id, START + HOUR)
        gpu, disk, stopped = bill(world, START + 3 * HOUR)
        assert [m.id for m in living(world, START + 3 * HOUR)] == [machine_id]
    assert (gpu.until, disk.until) == (START + HOUR, START + HOUR)
    assert gpu.billed_usd == Decimal("0.4")
    assert disk.billed_usd == Decimal("0.0137")
    assert (stopped.kind, stopped.billed_usd, stopped.until) == ("stopped", Decimal("0.0274"), None)


def test_what_is_stopped_twice_is_billed_as_stopped_since_the_first_time() -> None:
    bills = []
    for again in (False, True):
        with small_world(settings=CALM) as world:
            machine_id = world.rent(order(), START).id
            world.stop(machine_id, START + HOUR)
            if again:
                world.stop(machine_id, START + 2 * HOUR)
            bills.append(bill(world, START + 3 * HOUR))
    assert bills[0] == bills[1]


def test_a_stop_within_a_second_is_not_billed_twice() -> None:
    with small_world(market_offer(base_microusd=0)) as world:
        machine_id = world.rent(order(gib=100), START).id
        world.stop(machine_id, START + 0.5 * SECOND)
        total = billed_total(world, START + 3600 * SECOND)
    assert total in (Decimal("0.013700"), Decimal("0.013699"), Decimal("0.013701"))


def test_boot_time_destroying_and_unlisted_machines_are_billed() -> None:
    with small_world() as world:
        machine = world.rent(order(), START)
        assert world.list_machines(START) == []
        assert living(world, START) == (machine,)
        assert billed_total(world, START + CALM.list_lag) > 0


def test_foreign_machines_are_in_the_ledger_too() -> None:
    with small_world(market_offer("a"), market_offer("b")) as world:
        world.place_foreign(START, None)
        world.rent(order("b", "mine"), START)
        labels = [line.label for line in bill(world, START + HOUR) if line.kind == "gpu"]
    assert labels == [None, "mine"]


def test_advance_moves_the_bill_and_another_process_reads_the_same(tmp_path: Path) -> None:
    path = tmp_path / "market.sqlite"
    with small_world(path=path) as world, World.open(path) as other:
        clock = other.clock()
        now = clock.now()
        world.rent(order(), now)
        before = billed_total(other, clock.now())
        world.advance(10 * HOUR)
        after = clock.now()
        assert after - now >= 10 * HOUR
        assert billed_total(other, after) >= before + Decimal(4)
        assert bill(world, after) == bill(other, after)


def test_the_bill_does_not_change_with_how_often_it_is_read() -> None:
    with small_world() as world:
        world.rent(order(), START)
        once = bill(world, START + 5 * HOUR)
        for second in range(0, 600, 7):
            bill(world, START + second * SECOND)
        assert bill(world, START + 5 * HOUR) == once
