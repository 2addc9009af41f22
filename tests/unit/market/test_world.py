from __future__ import annotations

import multiprocessing
import re
import sqlite3
import stat
from datetime import timedelta
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest

from reconciler.clock import process_seconds, wall_now
from reconciler.market import rows
from reconciler.market.errors import MarketError, NoSuchMachine, OfferTaken, OrderRefused
from reconciler.market.machine import Order
from reconciler.market.settings import CALM, LIVELY, MarketSettings
from reconciler.market.world import World
from reconciler.model.gpu import gpu_models
from tests.markets import GIB, START, market_offer, order, small_world

HOUR = timedelta(hours=1)
PATIENCE = 100.0
"""Seconds: longer than two interpreters take to start on any machine."""
CONTESTED = 150


def default_world(path: Path | None = None, seed: int = 1) -> World:
    return World.create(path, seed=seed, started_at=START, wall_origin=START)


def live_a_little(world: World) -> str:
    """The same actions, whatever the world."""
    first, second, *_ = world.list_offers(START)
    machine = world.rent(Order(first.offer.id, "a"), START + HOUR)
    world.rent(Order(second.offer.id, "b"), START + 2 * HOUR)
    world.destroy(machine.id, START + 3 * HOUR)
    world.begin_call("list_offers", START + 3 * HOUR)
    return world.dump() + repr(world.list_offers(START + 4 * HOUR))


def test_same_seed_same_world_byte_for_byte() -> None:
    with default_world() as one, default_world() as other, default_world(seed=2) as third:
        assert live_a_little(one) == live_a_little(other)
        assert one.account == other.account != third.account
        assert one.dump() != third.dump()


def test_the_default_world_is_rich_and_quickly_made() -> None:
    before = process_seconds()
    with default_world() as world:
        made_in = process_seconds() - before
        quotes = world.list_offers(START)
    offers = [quote.offer for quote in quotes]
    assert made_in < 1  # about 0.02 s; the bound only catches a slip
    assert 250 <= len(offers) <= 350
    assert len({offer.region for offer in offers}) >= 20
    assert {offer.gpu for offer in offers} <= set(gpu_models())
    assert {offer.gpu_count for offer in offers} == {1, 2, 4, 8}
    assert {offer.hosting for offer in offers} == {"datacenter", "community"}
    assert all("0.900" <= (offer.reliability or "") <= "0.999" for offer in offers)
    keys = [offer.capacity_key for offer in offers if offer.spot]
    shared = {offer.capacity_key for offer in offers if not offer.spot} & set(keys)
    assert len(shared) > 100


@pytest.mark.parametrize("seed", range(1, 6))
def test_every_default_world_can_fill_the_first_fleets_people_try(seed: int) -> None:
    with default_world(seed=seed) as world:
        quotes = [quote for quote in world.list_offers(START) if not quote.offer.spot]
    cheap_4090 = [q for q in quotes if q.offer.gpu == "RTX4090" and q.microusd_per_hour <= 600_000]
    eight_h100 = [q for q in quotes if (q.offer.gpu, q.offer.gpu_count) == ("H100-SXM", 8)]
    assert len(cheap_4090) >= 5
    assert sum(quote.available for quote in eight_h100) >= 4


def test_spot_and_on_demand_side_of_one_host_share_its_nodes() -> None:
    sides = (market_offer("od", capacity_key="h"), market_offer("sp", capacity_key="h", spot=True))
    with small_world(*sides) as world:
        world.rent(order("sp"), START)
        assert world.list_offers(START) == []
        with pytest.raises(OfferTaken):
            world.rent(order("od"), START)


def test_a_taken_offer_vanishes_and_comes_back_when_its_machine_is_gone() -> None:
    with small_world() as world:
        machine = world.rent(order(), START)
        assert world.list_offers(START) == []
        world.destroy(machine.id, START + HOUR)
        assert world.list_offers(START + HOUR) == []  # destroying still occupies it
        assert len(world.list_offers(START + HOUR + CALM.destroy_time)) == 1


def test_an_offer_with_stock_shows_what_is_left() -> None:
    with small_world(market_offer(stock=3)) as world:
        world.rent(order(), START)
        (quote,) = world.list_offers(START)
        assert quote.available == 2


def test_offers_are_filtered_by_model() -> None:
    with small_world(market_offer("a"), market_offer("b", gpu="H100-SXM")) as world:
        listed = world.list_offers(START, frozenset({"H100-SXM", "B200"}))
        assert [quote.offer.id for quote in listed] == ["b"]


def test_what_cannot_be_ordered_is_refused_and_nothing_is_rented() -> None:
    with small_world() as world:
        for bad in (order(gib=1001), order(gib=-1), order(label="x" * 65)):
            with pytest.raises(OrderRefused):
                world.rent(bad, START)
        with pytest.raises(OfferTaken):
            world.rent(order("no-such-offer"), START)
        assert world.all_machines() == []


def test_the_world_survives_its_process(tmp_path: Path) -> None:
    path = tmp_path / "market.sqlite"
    with small_world(path=path) as world:
        machine = world.rent(order(), START)
        before = world.dump()
    with World.open(path) as again:
        assert again.dump() == before
        assert again.read_machine(machine.id, START) == machine
        assert (again.account, again.seed, again.settings) == (world.account, 7, CALM)


def test_I24_the_market_file_is_private(tmp_path: Path) -> None:
    path = tmp_path / "market.sqlite"
    path.touch(mode=0o644)
    with small_world(path=path) as world:
        world.rent(order(), START)
        modes = {stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()}
    assert modes == {0o600}


def test_what_is_no_market_is_refused_and_left_as_it_was(tmp_path: Path) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("not a database, but long enough to be taken for one" * 20)
    link = tmp_path / "link"
    link.symlink_to(text)
    foreign = tmp_path / "foreign.sqlite"
    with sqlite3.connect(foreign) as connection:
        connection.execute("CREATE TABLE theirs (x)")
    connection.close()
    theirs = foreign.read_bytes()
    for path in (text, link, tmp_path, foreign):
        with pytest.raises(MarketError) as caught:
            small_world(path=path)
        assert str(path) in caught.value.what
        assert caught.value.fix
    assert text.read_text().startswith("not a database")
    assert foreign.read_bytes() == theirs
    with pytest.raises(MarketError, match="no simulated market"):
        World.open(tmp_path / "absent.sqlite")
    assert not (tmp_path / "absent.sqlite").exists()


def test_a_second_world_is_not_made_over_the_first(tmp_path: Path) -> None:
    path = tmp_path / "market.sqlite"
    small_world(path=path).close()
    with pytest.raises(MarketError, match="already exists"):
        small_world(path=path)
    with World.open_or_create(path, seed=99, started_at=START, wall_origin=START) as world:
        assert world.seed == 7


def test_settings_survive_storing_and_nonsense_is_refused() -> None:
    for settings in (LIVELY, CALM, MarketSettings(list_lag=timedelta(seconds=1.5))):
        assert MarketSettings.from_json(settings.to_json()) == settings
    with pytest.raises(ValueError, match="list_lag"):
        MarketSettings(list_lag=-HOUR)
    with pytest.raises(ValueError, match="others_rent_percent"):
        MarketSettings(others_rent_percent=101)


def test_the_clock_runs_at_the_markets_speed_and_advances_for_everybody(tmp_path: Path) -> None:
    path = tmp_path / "market.sqlite"
    wall = wall_now()
    arguments = {"seed": 1, "started_at": START, "wall_origin": wall, "speed": 60.0}
    with World.create(path, **arguments) as world, World.open(path) as other:  # type: ignore[arg-type]
        clock = world.clock()
        passed = clock.now() - START
        assert timedelta(0) <= passed <= (wall_now() - wall) * 60
        elapsed = clock.elapsed_seconds()
        other.advance(24 * HOUR)
        assert clock.now() - START >= 24 * HOUR
        assert clock.elapsed_seconds() - elapsed >= 86_400
        with pytest.raises(ValueError, match="backwards"):
            other.advance(-HOUR)


def test_a_world_without_speed_is_refused() -> None:
    for speed in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="speed"):
            small_world(speed=speed)


def rent_everything(path: Path, label: str, start: Barrier, results: Queue[list[str]]) -> None:
    """Runs in a process of its own."""
    rented = []
    with World.open(path) as world:
        start.wait(PATIENCE)
        for number in range(CONTESTED):
            try:
                rented.append(world.rent(order(f"o{number}", label), START).id)
            except OfferTaken:
                continue
    results.put(rented)


def test_of_two_processes_exactly_one_gets_each_last_node(tmp_path: Path) -> None:
    path = tmp_path / "market.sqlite"
    small_world(*(market_offer(f"o{number}") for number in range(CONTESTED)), path=path).close()
    context = multiprocessing.get_context("spawn")
    results, start = context.Queue(), context.Barrier(2)
    renters = [
        context.Process(target=rent_everything, args=(path, label, start, results), daemon=True)
        for label in ("a", "b")
    ]
    for renter in renters:
        renter.start()
    ids = [machine_id for _ in renters for machine_id in results.get(timeout=PATIENCE)]
    for renter in renters:
        renter.join()
    with World.open(path) as world:
        machines = world.all_machines()
        assert world.list_offers(START) == []
    assert sorted(ids) == [machine.id for machine in machines]
    assert len({machine.offer_id for machine in machines}) == len(machines) == CONTESTED


def found_in_another_process(path: Path, results: Queue[str]) -> None:
    with World.open_or_create(path, seed=1, started_at=START, wall_origin=START) as world:
        results.put(world.account)


def test_two_processes_that_find_no_market_make_one_together(tmp_path: Path) -> None:
    path = tmp_path / "market.sqlite"
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    founders = [
        context.Process(target=found_in_another_process, args=(path, results), daemon=True)
        for _ in range(2)
    ]
    for founder in founders:
        founder.start()
    accounts = {results.get(timeout=PATIENCE) for _ in founders}
    for founder in founders:
        founder.join()
    assert len(accounts) == 1
    with World.open(path) as world:
        assert len(world.list_offers(START)) > 200


def test_a_failed_transaction_leaves_nothing_behind() -> None:
    with small_world(market_offer(disk_bytes_max=GIB)) as world:
        before = world.dump()
        with pytest.raises(OrderRefused):
            world.rent(order(), START)
        assert world.dump() == before


def test_an_account_at_one_face_is_not_an_account_at_another() -> None:
    """One market plays four providers: what one of them sold, the others have never seen."""
    with default_world() as world:
        quote, *_ = world.list_offers(START)
        world.served_as = "vastai"
        machine = world.rent(Order(quote.offer.id, "a"), START)
        stranger = world.place_foreign(START)
        world.served_as = "lambda"
        later = START + HOUR
        assert [one.id for one in world.list_machines(later)] == [stranger.id]
        with pytest.raises(NoSuchMachine):
            world.read_machine(machine.id, later)
        with pytest.raises(NoSuchMachine):
            world.destroy(machine.id, later)
        for face in ("", "vastai"):
            world.served_as = face
            assert len(world.list_machines(later)) == 2
        world.destroy(machine.id, later)
        assert len(world.all_machines()) == 2


def test_no_query_has_numbered_placeholders_which_one_version_of_python_warns_of() -> None:
    queries = [path.read_text(encoding="utf-8") for path in Path(rows.__file__).parent.glob("*.py")]
    assert any("> ?" in text for text in queries)
    assert not [text for text in queries if re.search(r"\?\d", text)]
