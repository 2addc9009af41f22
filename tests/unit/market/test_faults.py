"""Each fault of the catalogue, seen through the provider."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import anyio
import pytest

from reconciler.clock import LoopClock
from reconciler.market.fault_catalogue import CATALOGUE
from reconciler.market.faults import Call, Fault, FaultHook
from reconciler.market.ledger import living
from reconciler.market.settings import CALM
from reconciler.market.world import World
from reconciler.model.errors import (
    AuthenticationFailed,
    CreateOutcomeUnknown,
    CreateRefused,
    InstanceNotFound,
    InsufficientCapacity,
    OfferGone,
    ProviderError,
    ProviderUnavailable,
    RateLimited,
    UnexpectedResponse,
)
from reconciler.model.instance import InstanceStatus
from reconciler.model.observation import Complete, Partial
from reconciler.providers.base import CreateRequest, OfferQuery
from reconciler.providers.simulated.provider import SimulatedProvider
from tests.markets import GIB, START, market_offer, order, small_world
from tests.virtual_time import run_virtual

MINUTE = timedelta(minutes=1)


class Bench:
    """A world with one machine (`old`, running) and a provider whose next calls go wrong."""

    def __init__(self, number: str | None = None, hook: FaultHook | None = None) -> None:
        self.world = small_world(market_offer("o1"), market_offer("o2"), market_offer("o3"))
        self.clock = LoopClock(START)
        self.provider = SimulatedProvider("simulated", self.world, self.clock, hook)
        self.old = self.world.rent(order("o1", "old"), START - timedelta(hours=1)).id
        if number is not None:
            operation, fault = CATALOGUE[number]
            self.world.script_fault(fault, operation, times=1)

    async def create(self) -> tuple[str, Decimal | None]:
        offers = (await self.provider.list_offers(OfferQuery())).offers
        request = CreateRequest("new", offers[0], 50 * GIB, None, {}, START + timedelta(hours=9))
        created = await self.provider.create_instance(request)
        return created.instance_id, created.usd_per_hour

    def labels_alive(self) -> list[str | None]:
        return [machine.label for machine in living(self.world, self.clock.now())]


def on(bench: Bench, scenario: Callable[[Bench], Awaitable[None]]) -> None:
    with bench.world:
        run_virtual(scenario, bench)


@pytest.mark.parametrize(
    ("number", "lives", "carries_id"),
    [
        ("C1.1", True, False),
        ("C1.2", True, False),
        ("C1.4", True, True),
        ("C1.6", True, False),
        ("C1.8", True, False),
    ],
)
def test_a_create_may_fail_although_the_machine_lives(
    number: str, lives: bool, carries_id: bool
) -> None:
    async def scenario(bench: Bench) -> None:
        with pytest.raises(CreateOutcomeUnknown) as caught:
            await bench.create()
        assert ("new" in bench.labels_alive()) is lives
        assert (caught.value.instance_id == "1000002") is carries_id
        assert (caught.value.instance_id is not None) is carries_id

    on(Bench(number), scenario)


@pytest.mark.parametrize(("number", "kind"), [("C1.5", CreateRefused), ("C1.9", OfferGone)])
def test_a_refused_create_makes_nothing(number: str, kind: type[ProviderError]) -> None:
    async def scenario(bench: Bench) -> None:
        with pytest.raises(kind):
            await bench.create()
        assert bench.labels_alive() == ["old"]

    on(Bench(number), scenario)


def test_C1_7_a_create_may_succeed_and_nothing_ever_appears() -> None:
    async def scenario(bench: Bench) -> None:
        instance_id, _ = await bench.create()
        await bench.clock.sleep(3600)
        with pytest.raises(InstanceNotFound):
            await bench.provider.get_instance(instance_id)
        assert bench.labels_alive() == ["old"]

    on(Bench("C1.7"), scenario)


def test_C1_17_a_machine_may_appear_long_after_the_visibility_window() -> None:
    async def scenario(bench: Bench) -> None:
        instance_id, _ = await bench.create()
        await bench.clock.sleep(9 * 60)
        assert [i.label for i in (await bench.provider.list_instances()).instances] == ["old"]
        with pytest.raises(InstanceNotFound):
            await bench.provider.get_instance(instance_id)
        assert bench.labels_alive() == ["old", "new"]  # it bills all the time
        await bench.clock.sleep(2 * 60)
        listed = [i.label for i in (await bench.provider.list_instances()).instances]
        assert listed == ["old", "new"]

    on(Bench("C1.17"), scenario)


@pytest.mark.parametrize(("number", "wait_seconds"), [("C1.18", 0), ("C1.20", 5)])
def test_a_machine_may_stop_by_itself_and_still_costs(number: str, wait_seconds: int) -> None:
    async def scenario(bench: Bench) -> None:
        instance_id, agreed = await bench.create()
        await bench.clock.sleep(wait_seconds)
        instance = await bench.provider.get_instance(instance_id)
        assert instance.status is InstanceStatus.STOPPED
        assert agreed is not None
        assert instance.usd_per_hour is not None
        assert 0 < instance.usd_per_hour < agreed

    on(Bench(number), scenario)


@pytest.mark.parametrize(
    ("number", "labels"),
    [
        ("C2.4", []),
        ("C2.10", ["old", "old", "b", "b"]),
        ("C2.11", [None, None]),
        ("C2.15", ["old"]),
        ("C2.17", ["b", "old"]),
    ],
)
def test_a_listing_may_lie_and_look_complete(number: str, labels: list[str | None]) -> None:
    async def scenario(bench: Bench) -> None:
        bench.world.rent(order("o2", "b"), START)
        await bench.clock.sleep(60)
        lie = await bench.provider.list_instances()
        truth = await bench.provider.list_instances()
        assert isinstance(lie, Complete)
        assert [instance.label for instance in lie.instances] == labels
        assert [instance.label for instance in truth.instances] == ["old", "b"]

    on(Bench(number), scenario)


def test_C2_5_a_page_limit_cuts_a_listing_silently() -> None:
    operation, fault = CATALOGUE["C2.5"]
    offers = [market_offer(f"o{i:02}") for i in range(30)]

    async def scenario() -> None:
        clock = LoopClock(START + MINUTE)
        provider = SimulatedProvider("simulated", world, clock, lambda call: fault)
        assert len((await provider.list_instances()).instances) == 25

    with small_world(*offers) as world:
        for offer in offers:
            world.rent(order(offer.id), START)
        run_virtual(scenario)
    assert operation == "list_instances"


def test_C2_6_a_partial_listing_says_so() -> None:
    async def scenario(bench: Bench) -> None:
        bench.world.rent(order("o2", "b"), START)
        await bench.clock.sleep(60)
        listing = await bench.provider.list_instances()
        assert isinstance(listing, Partial)
        assert [instance.label for instance in listing.instances] == ["old"]
        assert listing.why

    on(Bench("C2.6"), scenario)


def test_C2_14_a_direct_read_may_deny_a_machine_that_lives() -> None:
    async def scenario(bench: Bench) -> None:
        with pytest.raises(InstanceNotFound):
            await bench.provider.get_instance(bench.old)
        assert (await bench.provider.get_instance(bench.old)).label == "old"
        assert bench.labels_alive() == ["old"]

    on(Bench("C2.14"), scenario)


@pytest.mark.parametrize(
    ("number", "status", "text"),
    [
        ("C3.2", InstanceStatus.STOPPED, "exited"),
        ("C3.3", InstanceStatus.UNKNOWN, ""),
        ("C3.4", InstanceStatus.UNKNOWN, "zombified"),
        ("C3.7", InstanceStatus.UNKNOWN, "offline"),
    ],
)
def test_I32_an_odd_status_is_passed_on_and_never_guessed(
    number: str, status: InstanceStatus, text: str
) -> None:
    async def scenario(bench: Bench) -> None:
        (instance,) = (await bench.provider.list_instances()).instances
        assert (instance.status, instance.status_text, instance.ssh) == (status, text, None)

    on(Bench(number), scenario)


def test_C3_1_a_machine_may_seem_stuck_while_it_boots() -> None:
    async def scenario(bench: Bench) -> None:
        stuck = await bench.provider.get_instance(bench.old)
        assert stuck.status is InstanceStatus.BOOTING
        assert (await bench.provider.get_instance(bench.old)).is_ready

    on(Bench("C3.1"), scenario)


def test_C3_5_a_machine_may_have_another_gpu_inside_than_it_says() -> None:
    async def scenario(bench: Bench) -> None:
        instance_id, _ = await bench.create()
        await bench.clock.sleep(3600)
        assert (await bench.provider.get_instance(instance_id)).gpu == "RTX4090"
        inside, honest = (
            await bench.provider.gpus_inside(instance_id),
            await bench.provider.gpus_inside(bench.old),
        )
        assert [gpu.name for gpu in inside.gpus] == ["GTX1080"]
        assert [gpu.name for gpu in honest.gpus] == ["RTX4090"]

    on(Bench("C3.5"), scenario)


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        ("C4.2", InstanceNotFound),
        ("C4.3", ProviderUnavailable),
        ("C4.4", RateLimited),
        ("C8.3", AuthenticationFailed),
    ],
)
def test_a_destroy_may_fail_and_the_machine_lives(number: str, kind: type[ProviderError]) -> None:
    async def scenario(bench: Bench) -> None:
        with pytest.raises(kind):
            await bench.provider.destroy_instance(bench.old)
        await bench.clock.sleep(60)
        assert bench.labels_alive() == ["old"]
        await bench.provider.destroy_instance(bench.old)
        await bench.clock.sleep(60)
        assert bench.labels_alive() == []

    on(Bench(number), scenario)


def test_C4_1_a_destroy_may_be_accepted_and_the_machine_lives_on() -> None:
    async def scenario(bench: Bench) -> None:
        await bench.provider.destroy_instance(bench.old)
        await bench.clock.sleep(60)
        assert bench.labels_alive() == ["old"]

    on(Bench("C4.1"), scenario)


def test_C6_4_a_destroy_may_be_done_although_its_answer_is_lost() -> None:
    async def scenario(bench: Bench) -> None:
        with pytest.raises(ProviderUnavailable):
            await bench.provider.destroy_instance(bench.old)
        await bench.clock.sleep(60)
        assert bench.labels_alive() == []

    on(Bench("C6.4"), scenario)


def test_C5_1_a_quoted_price_may_be_too_low() -> None:
    async def scenario(bench: Bench) -> None:
        quoted = (await bench.provider.list_offers(OfferQuery())).offers[0]
        assert quoted.usd_per_hour == Decimal("0.32")
        instance_id, agreed = await bench.create()
        billed = (await bench.provider.get_instance(instance_id)).usd_per_hour
        assert agreed == billed == Decimal("0.406850")

    on(Bench("C5.1"), scenario)


def test_C5_2_a_machine_may_be_billed_above_its_quote() -> None:
    async def scenario(bench: Bench) -> None:
        instance_id, agreed = await bench.create()
        assert agreed is None
        billed = (await bench.provider.get_instance(instance_id)).usd_per_hour
        assert billed == Decimal("1.006850")

    on(Bench("C5.2"), scenario)


@pytest.mark.parametrize("number", ["C5.4", "C5.5", "C5.6"])
def test_bad_input_49_an_unusable_price_leaves_the_offer_out_with_a_reason(number: str) -> None:
    async def scenario(bench: Bench) -> None:
        listing = await bench.provider.list_offers(OfferQuery())
        assert listing.offers == ()
        assert sum(listing.unusable.values()) == 2
        assert all("price" in reason for reason in listing.unusable)

    on(Bench(number), scenario)


def test_C6_5_a_call_that_hangs_ends_at_the_adapters_deadline() -> None:
    async def scenario(bench: Bench) -> None:
        started = bench.clock.elapsed_seconds()
        with pytest.raises(ProviderUnavailable, match="no answer within 10 s"):
            await bench.provider.list_instances()
        assert bench.clock.elapsed_seconds() - started == pytest.approx(10)

    on(Bench("C6.5"), scenario)


def test_a_slow_answer_within_the_deadline_is_an_answer() -> None:
    async def scenario(bench: Bench) -> None:
        assert len((await bench.provider.list_instances()).instances) == 1
        assert bench.clock.elapsed_seconds() == pytest.approx(4)

    on(Bench(hook=lambda call: Fault(hang=timedelta(seconds=4))), scenario)


def test_an_adapter_without_a_deadline_can_be_simulated() -> None:
    async def scenario(bench: Bench) -> None:
        await bench.provider.get_instance(bench.old)
        assert bench.clock.elapsed_seconds() == pytest.approx(86_400)

    endless = Fault(hang=timedelta(days=1), ignores_deadline=True)
    on(Bench(hook=lambda call: endless), scenario)


@pytest.mark.parametrize(
    ("number", "kind"), [("C8.1", AuthenticationFailed), ("C8.4", RateLimited)]
)
def test_a_listing_may_be_refused(number: str, kind: type[ProviderError]) -> None:
    async def scenario(bench: Bench) -> None:
        with pytest.raises(kind):
            await bench.provider.list_instances()

    on(Bench(number), scenario)


def test_C8_5_a_rate_limit_names_its_delay() -> None:
    async def scenario(bench: Bench) -> None:
        with pytest.raises(RateLimited) as caught:
            await bench.provider.get_instance(bench.old)
        assert caught.value.delay_seconds == 300

    on(Bench("C8.5"), scenario)


@pytest.mark.parametrize(
    ("word", "kind"), [("unreadable", UnexpectedResponse), ("no-capacity", InsufficientCapacity)]
)
def test_other_errors_have_their_own_kinds(word: str, kind: type[ProviderError]) -> None:
    async def scenario(bench: Bench) -> None:
        with pytest.raises(kind):
            await bench.provider.get_instance(bench.old)

    on(Bench(hook=lambda call: Fault(error=word)), scenario)  # type: ignore[arg-type]


def test_C2_11_a_create_may_lose_its_label() -> None:
    async def scenario(bench: Bench) -> None:
        await bench.create()
        assert bench.labels_alive() == ["old", None]

    loses = Fault(loses_label=True)
    on(Bench(hook=lambda call: loses if call.operation == "create_instance" else None), scenario)


def test_the_hook_sees_every_call_with_its_number_and_target() -> None:
    seen: list[Call] = []

    def watch(call: Call) -> None:
        seen.append(call)

    async def scenario(bench: Bench) -> None:
        instance_id, _ = await bench.create()
        await bench.provider.list_instances()
        await bench.provider.get_instance(instance_id)
        await bench.provider.destroy_instance(instance_id)
        assert [(c.operation, c.instance_id, c.offer_id, c.label, c.number) for c in seen] == [
            ("list_offers", None, None, None, 1),
            ("create_instance", None, "o2", "new", 2),
            ("list_instances", None, None, None, 3),
            ("get_instance", instance_id, None, None, 4),
            ("destroy_instance", instance_id, None, None, 5),
        ]
        assert bench.world.calls() == tuple(seen)

    on(Bench(hook=watch), scenario)


def test_a_cancelled_create_may_have_had_its_effect() -> None:
    async def scenario() -> None:
        clock = LoopClock(START)
        provider = SimulatedProvider("simulated", world, clock)
        offer = (await provider.list_offers(OfferQuery())).offers[0]
        request = CreateRequest("new", offer, GIB, None, {}, START)
        with anyio.move_on_after(3):
            await provider.create_instance(request)
        assert [machine.label for machine in world.all_machines()] == ["new"]

    with small_world(settings=replace(CALM, call_latency=timedelta(seconds=4))) as world:
        run_virtual(scenario)


def test_a_script_counts_its_times_ends_at_its_moment_and_can_aim_at_one_machine() -> None:
    with small_world() as world:
        fault, other = Fault(error="unavailable"), Fault(shape="empty")
        world.script_fault(fault, "list_instances", times=2)
        world.script_fault(other, "list_instances", until=START + MINUTE)
        world.script_fault(fault, "get_instance", instance_id="42")
        met = [world.begin_call("list_instances", START)[1] for _ in range(3)]
        assert met == [fault, fault, other]
        assert world.begin_call("list_instances", START + MINUTE)[1] is None
        assert world.begin_call("get_instance", START, instance_id="41")[1] is None
        assert world.begin_call("get_instance", START, instance_id="42")[1] == fault
        world.clear_faults()
        assert world.begin_call("get_instance", START, instance_id="42")[1] is None
        with pytest.raises(ValueError, match="not an operation"):
            world.script_fault(fault, "list_everything")  # type: ignore[arg-type]


def test_a_script_reaches_other_processes_through_the_file(tmp_path: Path) -> None:
    path = tmp_path / "market.sqlite"
    with small_world(path=path) as world:
        world.script_fault(CATALOGUE["C5.2"][1], "create_instance", times=1)
    with World.open(path) as again:
        assert again.begin_call("create_instance", START)[1] == Fault(billed_percent=250)
    with World.open(path) as third:
        assert third.begin_call("create_instance", START)[1] is None


def test_every_fault_survives_storing() -> None:
    for _, fault in CATALOGUE.values():
        assert Fault.from_json(fault.to_json()) == fault
    assert Fault().to_json() == "{}"


def test_every_fault_of_the_catalogue_has_a_test_here() -> None:
    text = Path(__file__).read_text(encoding="utf-8")
    assert [number for number in CATALOGUE if f'"{number}"' not in text] == []
