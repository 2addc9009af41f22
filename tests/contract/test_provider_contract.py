"""What every provider must do, asked through ``Provider`` alone.

A provider joins by a ``Case``: how to open a fresh account on a clock. Where it needs time, the
suite waits as long as the provider's own truth table says.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import anyio
import pytest

from reconciler.clock import Clock, LoopClock
from reconciler.market.default_world import default_offers
from reconciler.market.settings import CALM
from reconciler.market.world import World
from reconciler.model.errors import (
    CreateRefused,
    InstanceNotFound,
    InsufficientCapacity,
    OfferGone,
    ProviderError,
)
from reconciler.model.gpu import gpu_models
from reconciler.model.instance import Instance, InstanceStatus
from reconciler.model.mark import LONGEST_MARK, Mark, parse_mark
from reconciler.model.observation import Complete
from reconciler.model.offer import Offer
from reconciler.providers.base import CreateRequest, OfferQuery, Provider
from reconciler.providers.simulated.provider import SimulatedProvider
from tests.faces import (
    LambdaWire,
    RunpodWire,
    VastWire,
    lambda_provider,
    runpod_provider,
    vast_provider,
)
from tests.virtual_time import run_virtual

START = datetime(2026, 7, 1, 12, tzinfo=UTC)
GIB = 2**30
BOOT_SECONDS_MAX = 1800
Scenario = Callable[["Account"], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Case:
    """``open_account`` gives a provider whose account is empty and which has offers of stock 1.

    A provider that does not say how many there are has one of everything.
    """

    name: str
    open_account: Callable[[Clock], Provider]


@dataclass(frozen=True, slots=True)
class Account:
    provider: Provider
    clock: Clock

    async def offers(self) -> tuple[Offer, ...]:
        return (await self.provider.list_offers(OfferQuery())).offers

    async def rent(self, mark: str, offer: Offer | None = None) -> tuple[str, Decimal | None]:
        chosen = offer or (await self.offers())[0]
        ends_at = self.clock.now() + timedelta(hours=1)
        request = CreateRequest(mark, chosen, 20 * GIB, None, {}, ends_at)
        created = await self.provider.create_instance(request)
        return created.instance_id, created.usd_per_hour

    async def listed(self) -> dict[str, Instance]:
        listing = await self.provider.list_instances()
        assert isinstance(listing, Complete)
        return {instance.id: instance for instance in listing.instances}

    async def wait(self, duration: timedelta) -> None:
        await self.clock.sleep(duration.total_seconds())


def simulated(clock: Clock) -> Provider:
    now = clock.now()
    world = World.create(None, seed=3, started_at=now, wall_origin=now, settings=CALM)
    return SimulatedProvider("simulated", world, clock, closes_world=True)


def simulated_slow(clock: Clock) -> Provider:
    slow = replace(CALM, list_lag=timedelta(seconds=40), call_latency=timedelta(seconds=1))
    now = clock.now()
    world = World.create(None, seed=4, started_at=now, wall_origin=now, settings=slow)
    return SimulatedProvider("slow", world, clock, closes_world=True)


def vastai(clock: Clock) -> Provider:
    now = clock.now()
    world = World.create(None, seed=3, started_at=now, wall_origin=now, settings=CALM)
    return vast_provider(VastWire(world, clock))


def vastai_slow(clock: Clock) -> Provider:
    slow = replace(CALM, list_lag=timedelta(seconds=90))
    now = clock.now()
    world = World.create(None, seed=4, started_at=now, wall_origin=now, settings=slow)
    return vast_provider(VastWire(world, clock, latency=timedelta(seconds=5)), name="slow")


def lambda_cloud(clock: Clock) -> Provider:
    now = clock.now()
    # a machine that is not launched yet cannot be ended there
    settings = replace(CALM, placed_stage=timedelta(0))
    single = [offer._replace(stock=1) for offer in default_offers(3)]
    world = World.create(
        None, seed=3, started_at=now, wall_origin=now, settings=settings, offers=single
    )
    return lambda_provider(LambdaWire(world, clock))


def lambda_slow(clock: Clock) -> Provider:
    now = clock.now()
    settings = replace(CALM, placed_stage=timedelta(0), list_lag=timedelta(seconds=90))
    single = [offer._replace(stock=1) for offer in default_offers(4)]
    world = World.create(
        None, seed=4, started_at=now, wall_origin=now, settings=settings, offers=single
    )
    return lambda_provider(LambdaWire(world, clock, latency=timedelta(seconds=5)), name="slow")


def runpod(clock: Clock) -> Provider:
    now = clock.now()
    world = World.create(None, seed=3, started_at=now, wall_origin=now, settings=CALM)
    return runpod_provider(RunpodWire(world, clock))


def runpod_slow(clock: Clock) -> Provider:
    slow = replace(CALM, list_lag=timedelta(seconds=90))
    now = clock.now()
    world = World.create(None, seed=4, started_at=now, wall_origin=now, settings=slow)
    return runpod_provider(RunpodWire(world, clock, latency=timedelta(seconds=5)), name="slow")


CASES = [
    Case("simulated", simulated),
    Case("simulated, slow", simulated_slow),
    Case("vastai", vastai),
    Case("vastai, slow", vastai_slow),
    Case("lambda", lambda_cloud),
    Case("lambda, slow", lambda_slow),
    Case("runpod", runpod),
    Case("runpod, slow", runpod_slow),
]


@pytest.fixture(params=CASES, ids=lambda case: case.name)
def play(request: pytest.FixtureRequest) -> Callable[[Scenario], None]:
    case: Case = request.param

    async def opened(scenario: Scenario) -> None:
        clock = LoopClock(START)
        provider = case.open_account(clock)
        try:
            await scenario(Account(provider, clock))
        finally:
            await provider.close()

    return lambda scenario: run_virtual(opened, scenario)


Play = Callable[[Scenario], None]
LONGEST = Mark("0123456789", "a" * 13 + "-" + "b" * 8, 99_999, START, "zzzzzzzz")


def test_the_truth_table_is_finite_and_not_negative(play: Play) -> None:
    async def scenario(account: Account) -> None:
        table = account.provider.capabilities
        for duration in (table.visibility_window, table.call_deadline, table.create_deadline):
            assert timedelta(0) < duration <= timedelta(hours=1)
        assert table.destroy_time >= timedelta(0)
        assert table.create_interval >= timedelta(0)
        assert table.parallel_calls >= 1

    play(scenario)


def test_offers_are_whole_and_usable(play: Play) -> None:
    async def scenario(account: Account) -> None:
        offers = await account.offers()
        assert offers
        assert len({offer.id for offer in offers}) == len(offers)
        for offer in offers:
            assert offer.provider == account.provider.name
            assert offer.gpu in gpu_models()
            assert offer.gpu_count >= 1
            assert offer.stock >= 1
            assert offer.usd_per_hour.is_finite()
            assert offer.usd_per_hour > 0
            assert offer.disk_usd_per_gib_hour >= 0
            assert offer.capacity_key

    play(scenario)


def test_a_query_by_model_leaves_out_nothing_that_matches(play: Play) -> None:
    async def scenario(account: Account) -> None:
        everything = await account.offers()
        models = frozenset({everything[0].gpu, everything[-1].gpu})
        asked = (await account.provider.list_offers(OfferQuery(models))).offers
        wanted = {offer.id for offer in everything if offer.gpu in models}
        assert wanted <= {offer.id for offer in asked}

    play(scenario)


def test_a_fresh_account_is_empty_and_has_an_identity(play: Play) -> None:
    async def scenario(account: Account) -> None:
        first = await account.provider.list_instances()
        second = await account.provider.list_instances()
        assert isinstance(first, Complete)
        assert first.instances == ()
        assert first.account
        assert first.account == second.account
        assert START <= first.started_at <= second.started_at <= account.clock.now()

    play(scenario)


def test_a_created_machine_is_read_and_listed_with_its_mark(play: Play) -> None:
    async def scenario(account: Account) -> None:
        offer = (await account.offers())[0]
        mark = str(LONGEST)
        assert len(mark) == LONGEST_MARK
        instance_id, rate = await account.rent(mark, offer)
        await account.wait(account.provider.capabilities.visibility_window)
        read = await account.provider.get_instance(instance_id)
        listed = (await account.listed())[instance_id]
        for instance in (read, listed):
            assert instance.provider == account.provider.name
            assert instance.label == mark
            assert parse_mark(instance.label) == LONGEST
            # not every provider's answer to a create says what it will bill
            assert rate in (None, instance.usd_per_hour)
            assert (instance.gpu, instance.gpu_count) == (offer.gpu, offer.gpu_count)
            billed = instance.usd_per_hour
            assert billed is not None
            quoted = offer.node_usd_per_hour(20 * GIB)
            assert quoted - Decimal("0.000002") < billed <= quoted

    play(scenario)


def test_a_machine_becomes_ready_with_an_ssh_endpoint(play: Play) -> None:
    async def scenario(account: Account) -> None:
        instance_id, _ = await account.rent("ready")
        for _ in range(BOOT_SECONDS_MAX // 10):
            instance = await account.provider.get_instance(instance_id)
            if instance.is_ready:
                break
            await account.wait(timedelta(seconds=10))
        assert instance.status is InstanceStatus.RUNNING
        assert instance.ssh is not None
        assert 0 < instance.ssh.port < 65_536

    play(scenario)


def test_a_destroyed_machine_is_proven_gone_within_the_declared_times(play: Play) -> None:
    async def scenario(account: Account) -> None:
        table = account.provider.capabilities
        kept, _ = await account.rent("kept")
        ended, _ = await account.rent("ended")
        await account.wait(table.visibility_window)
        await account.provider.destroy_instance(ended)
        await account.wait(table.destroy_time + table.visibility_window)
        assert set(await account.listed()) == {kept}
        await account.wait(table.visibility_window)
        assert set(await account.listed()) == {kept}
        with pytest.raises(InstanceNotFound):
            await account.provider.get_instance(ended)

    play(scenario)


def test_destroy_may_be_repeated_until_the_machine_is_gone(play: Play) -> None:
    async def scenario(account: Account) -> None:
        instance_id, _ = await account.rent("ended")
        await account.provider.destroy_instance(instance_id)
        for _ in range(100):
            await account.wait(timedelta(seconds=1))
            try:
                await account.provider.destroy_instance(instance_id)
            except InstanceNotFound:
                break
        else:
            pytest.fail("the machine never went away")

    play(scenario)


def test_an_unknown_machine_is_denied_whatever_its_id_looks_like(play: Play) -> None:
    async def scenario(account: Account) -> None:
        for unknown in ("424242", "no-such-machine"):
            with pytest.raises(InstanceNotFound) as read:
                await account.provider.get_instance(unknown)
            with pytest.raises(InstanceNotFound):
                await account.provider.destroy_instance(unknown)
            assert read.value.provider == account.provider.name

    play(scenario)


def test_an_offer_is_rented_as_often_as_its_stock_says_also_by_calls_at_once(play: Play) -> None:
    async def scenario(account: Account) -> None:
        offers = await account.offers()
        offer = next((offer for offer in offers if offer.stock == 1), offers[0])
        answers: list[str] = []

        async def try_it(mark: str) -> None:
            try:
                await account.rent(mark, offer)
                answers.append("rented")
            except (OfferGone, InsufficientCapacity):
                answers.append("gone")

        async with anyio.create_task_group() as group:
            for number in range(3):
                group.start_soon(try_it, f"m{number}")
        assert sorted(answers) == ["gone", "gone", "rented"]
        assert offer.id not in {listed.id for listed in await account.offers()}
        await account.wait(account.provider.capabilities.visibility_window)
        assert len(await account.listed()) == 1

    play(scenario)


def test_a_vanished_offer_creates_nothing(play: Play) -> None:
    async def scenario(account: Account) -> None:
        vanished = replace((await account.offers())[0], id="vanished")
        with pytest.raises((OfferGone, InsufficientCapacity, CreateRefused)) as caught:
            await account.rent("m", vanished)
        assert isinstance(caught.value, ProviderError)
        await account.wait(account.provider.capabilities.visibility_window)
        assert await account.listed() == {}

    play(scenario)


def test_two_machines_may_carry_one_mark(play: Play) -> None:
    async def scenario(account: Account) -> None:
        first, _ = await account.rent("twin")
        second, _ = await account.rent("twin")
        await account.wait(account.provider.capabilities.visibility_window)
        listed = await account.listed()
        assert {id_: instance.label for id_, instance in listed.items()} == {
            first: "twin",
            second: "twin",
        }

    play(scenario)
