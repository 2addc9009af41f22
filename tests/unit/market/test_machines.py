from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from reconciler.market.errors import NoSuchMachine
from reconciler.market.settings import CALM
from tests.markets import START, market_offer, order, small_world

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


def test_a_machine_boots_in_stages_within_a_minute_to_two_and_a_half() -> None:
    offers = [market_offer(f"o{i}") for i in range(30)]
    with small_world(*offers) as world:
        machines = [world.rent(order(offer.id), START) for offer in offers]
    boot_seconds = {(machine.running_at - START).total_seconds() for machine in machines}
    assert 60 <= min(boot_seconds) < 80
    assert 130 < max(boot_seconds) <= 150
    one = machines[0]
    words = [one.status_at(START + seconds * SECOND) for seconds in range(151)]
    assert list(dict.fromkeys(words)) == ["placed", "created", "booting", "running"]


def test_a_machine_has_an_address_that_nobody_answers() -> None:
    with small_world() as world:
        machine = world.rent(order(), START)
    assert machine.ssh_host.startswith(("192.0.2.", "198.51.100."))
    assert 20_000 <= machine.ssh_port < 40_000


def test_C2_1_a_new_machine_is_read_at_once_but_listed_late() -> None:
    with small_world() as world:
        machine = world.rent(order(), START)
        assert world.read_machine(machine.id, START) == machine
        assert world.list_machines(START + CALM.list_lag - SECOND) == []
        assert world.list_machines(START + CALM.list_lag) == [machine]


def test_C2_2_a_destroyed_machine_is_listed_for_a_while_and_read_no_more() -> None:
    with small_world() as world:
        machine_id = world.rent(order(), START).id
        world.destroy(machine_id, START + HOUR)
        gone_at = world.read_machine(machine_id, START + HOUR).gone_at
        assert gone_at is not None
        assert START + HOUR + CALM.destroy_time / 2 <= gone_at <= START + HOUR + CALM.destroy_time
        assert world.read_machine(machine_id, gone_at - SECOND).status_at(gone_at) == "destroying"
        with pytest.raises(NoSuchMachine):
            world.read_machine(machine_id, gone_at)
        assert len(world.list_machines(gone_at + CALM.list_lag - SECOND)) == 1
        assert world.list_machines(gone_at + CALM.list_lag) == []


def test_the_lag_of_listings_can_be_chosen() -> None:
    with small_world(settings=replace(CALM, list_lag=MINUTE)) as world:
        world.rent(order(), START)
        assert world.list_machines(START + 59 * SECOND) == []
        assert len(world.list_machines(START + MINUTE)) == 1


def test_destroying_twice_changes_nothing_and_destroying_the_gone_says_so() -> None:
    with small_world() as world:
        machine_id = world.rent(order(), START).id
        world.destroy(machine_id, START + HOUR)
        after_one = world.dump()
        world.destroy(machine_id, START + HOUR + SECOND)
        assert world.dump() == after_one
        for unknown in (machine_id, "42", "../users/1", ""):
            with pytest.raises(NoSuchMachine):
                world.destroy(unknown, START + 2 * HOUR)


def test_a_spot_machine_is_preempted_at_a_moment_that_the_seed_decides() -> None:
    settings = replace(CALM, spot_life=10 * HOUR)
    offers = [market_offer("od"), market_offer("sp", spot=True)]
    moments = []
    for seed in (7, 7, 8):
        with small_world(*offers, settings=settings, seed=seed) as world:
            assert world.rent(order("od"), START).stopped_at is None
            spot = world.rent(order("sp"), START)
            assert spot.stopped_at is not None
            assert START + HOUR <= spot.stopped_at <= START + 10 * HOUR
            assert spot.status_at(spot.stopped_at - SECOND) == "running"
            assert spot.status_at(spot.stopped_at) == "stopped"
            moments.append(spot.stopped_at)
    assert moments[0] == moments[1] != moments[2]


def test_a_stopped_machine_costs_its_disk_and_keeps_its_node() -> None:
    with small_world() as world:
        machine_id = world.rent(order(gib=100), START).id
        world.stop(machine_id, START + HOUR)
        stopped = world.read_machine(machine_id, START + 2 * HOUR)
        assert stopped.billed_microusd_at(START) == 413_700
        assert stopped.billed_microusd_at(START + HOUR) == 13_700
        assert world.list_offers(START + 2 * HOUR) == []


def test_boot_failures_happen_only_where_asked_for() -> None:
    for percent, word in ((0, "running"), (100, "failed")):
        with small_world(settings=replace(CALM, boot_failure_percent=percent)) as world:
            machine = world.rent(order(), START)
            assert machine.status_at(START + HOUR) == word


def test_people_place_machines_with_any_label_and_change_labels() -> None:
    offers = [market_offer(f"o{i}") for i in range(3)]
    with small_world(*offers) as world:
        unlabelled = world.place_foreign(START)
        clone = world.place_foreign(START, "a-label", offer_id="o2")
        mine = world.rent(order("o1"), START)
        world.relabel(mine.id, "renamed by hand")
        labels = {m.id: m.label for m in world.list_machines(START + MINUTE)}
    assert labels == {unlabelled.id: None, clone.id: "a-label", mine.id: "renamed by hand"}


def test_the_rate_is_fixed_when_the_machine_is_rented() -> None:
    lively = replace(CALM, price_swing_percent=20)
    with small_world(settings=lively) as world:
        before = world.list_offers(START)[0].microusd_per_hour
        machine = world.rent(order(gib=10), START)
        assert machine.gpu_microusd == before
        assert machine.disk_microusd == 1_370
        world.destroy(machine.id, START)
        after = world.list_offers(START + 7 * HOUR)[0].microusd_per_hour
        assert after != before


def test_advance_moves_what_the_market_shows() -> None:
    with small_world() as world:
        clock = world.clock()
        machine = world.rent(order(), clock.now())
        assert machine.status_at(clock.now()) == "placed"
        world.advance(5 * MINUTE)
        assert world.list_machines(clock.now())[0].status_at(clock.now()) == "running"
