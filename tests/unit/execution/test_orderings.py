"""What is durable before which call leaves, and what one failure may not hold up."""

from __future__ import annotations

import errno
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from reconciler.market.fault_catalogue import CATALOGUE
from reconciler.market.faults import Call, ErrorWord, Fault
from reconciler.market.offer import MarketOffer
from reconciler.market.settings import MarketSettings
from reconciler.model.exit_code import ExitCode
from reconciler.model.record import LeaseEnding, RecordedState
from reconciler.operations.workspace import Workspace
from reconciler.statefile.files import Files
from reconciler.statefile.local_file import LocalFile
from tests.markets import START
from tests.simulation.shop import QUICKSTART, Shop, several_offers, story

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
SLOW = MarketSettings(
    price_swing_percent=0,
    others_rent_percent=0,
    spot_life=None,
    call_latency=timedelta(seconds=2),
)


def nodes(count: int, documents: str = QUICKSTART) -> str:
    return documents.replace("    ttl: 4h\n", f"    ttl: 4h\n    nodes: {count}\n")


def level_offers(count: int) -> tuple[MarketOffer, ...]:
    """All of one price, so that any may stand in for any other."""
    return tuple(one._replace(base_microusd=400_000) for one in several_offers(count))


def stored(directory: Path) -> RecordedState:
    found = LocalFile(directory / "state" / "demo.json", "demo", lambda: START).read()
    assert found is not None
    return found


def test_I2_the_intent_is_on_the_disk_when_the_create_arrives(tmp_path: Path) -> None:
    arrived = []

    def hook(call: Call) -> Fault | None:
        if call.operation == "create_instance":
            pending = stored(tmp_path).intents[call.label or ""]
            arrived.append(pending.specification.offer_id == call.offer_id)
        return None

    async def tell(shop: Shop) -> None:
        await shop.apply(nodes(3))
        assert arrived == [True] * 3

    story(tmp_path, tell, fault_hook=hook)


def test_the_doom_is_on_the_disk_when_the_destroy_arrives(tmp_path: Path) -> None:
    doomed: list[bool] = []

    def hook(call: Call) -> Fault | None:
        if call.operation == "destroy_instance":
            records = stored(tmp_path).instances.values()
            doomed.extend(
                one.doom is not None for one in records if one.instance_id == call.instance_id
            )
        return None

    async def tell(shop: Shop) -> None:
        await shop.apply(nodes(3))
        await shop.destroy("fleet.dev")
        assert len(doomed) >= 3
        assert all(doomed)

    story(tmp_path, tell, fault_hook=hook)


def test_a_destroy_ends_the_lease_before_its_first_call(tmp_path: Path) -> None:
    """Killed half-way it must not leave a lease that ``reconcile --heal`` would refill."""
    ended = []

    def hook(call: Call) -> Fault | None:
        if call.operation == "destroy_instance":
            ended.append(stored(tmp_path).leases["dev"].ended_by)
        return None

    async def tell(shop: Shop) -> None:
        await shop.apply()
        await shop.destroy("fleet.dev")
        assert set(ended) == {LeaseEnding.DESTROYED}

    story(tmp_path, tell, fault_hook=hook)


def test_an_interruption_starts_no_further_create_and_saves_what_runs(tmp_path: Path) -> None:
    async def tell(shop: Shop) -> None:
        def hook(call: Call) -> Fault | None:
            if call.operation == "create_instance":
                shop.interruption.request(ExitCode.INTERRUPTED)
            return None

        shop.provider._fault_hook = hook
        shop.provider.capabilities = replace(shop.provider.capabilities, parallel_calls=8)
        result = await shop.apply(nodes(12))
        assert result.code is ExitCode.INTERRUPTED
        # Eight calls may be on the way at once; the other four never had an intent.
        assert shop.sent("create_instance") == 8
        assert sorted(one.label or "" for one in shop.alive()) == sorted(shop.state().instances)
        assert shop.state().intents == {}

    story(tmp_path, tell, *several_offers(12), settings=SLOW)


@pytest.mark.parametrize("number", ["C1.1", "C1.2", "C1.4", "C1.5", "C1.6", "C1.8", "C1.9"])
def test_I26_no_create_is_ever_sent_again(tmp_path: Path, number: str) -> None:
    async def tell(shop: Shop) -> None:
        operation, fault = CATALOGUE[number]
        shop.world.script_fault(fault, operation, until=shop.now + 5 * MINUTE)
        for _ in range(6):
            await shop.apply(nodes(2), max_destroy=9)
            await shop.wait(2 * MINUTE)
        calls = [one for one in shop.world.calls() if one.operation == "create_instance"]
        assert max(Counter(one.label for one in calls).values()) == 1
        assert len(shop.alive()) == 2

    story(tmp_path, tell, *several_offers(20))


@pytest.mark.parametrize("error", ["rate-limited", "auth-refused", "not-found"])
def test_I11_an_error_that_does_not_say_nothing_was_made_buys_no_second_one(
    tmp_path: Path, error: ErrorWord
) -> None:
    async def tell(shop: Shop) -> None:
        shop.world.script_fault(Fault(error=error, done=True), "create_instance", times=1)
        assert (await shop.apply()).code is ExitCode.PROVIDER_FAILURE
        assert shop.sent("create_instance") == len(shop.alive()) == 1
        await shop.wait(MINUTE)
        await shop.apply()
        assert shop.sent("create_instance") == len(shop.state().instances) == 1

    story(tmp_path, tell, *level_offers(3))


def test_creates_of_one_fleet_never_take_one_capacity_twice(tmp_path: Path) -> None:
    async def tell(shop: Shop) -> None:
        operation, fault = CATALOGUE["C1.9"]
        shop.world.script_fault(fault, operation, times=3)
        await shop.apply(nodes(5))
        calls = [one for one in shop.world.calls() if one.operation == "create_instance"]
        assert len(calls) == 8
        assert max(Counter(one.offer_id for one in calls).values()) == 1
        assert len({one.capacity_key for one in shop.alive()}) == 5

    story(tmp_path, tell, *level_offers(10))


class BadDisk(Files):
    """No state can be written while ``full``; the lock beside it still can."""

    full = False

    def write(self, descriptor: int, data: memoryview) -> int:
        if self.full and b'"checksum"' in bytes(data[:40]):
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().write(descriptor, data)


class BadDiskShop(Shop):
    files = BadDisk()

    def workspace(self, documents: str | None = None) -> Workspace:
        made = super().workspace(documents)
        path = self.directory / "state" / "demo.json"
        made.backend = LocalFile(path, "demo", self.clock.now, files=self.files)
        return made


def on_a_bad_disk(shop: Shop) -> BadDiskShop:
    again = BadDiskShop(shop.directory, shop.world)
    again.files = BadDisk()
    return again


@pytest.mark.parametrize("verb", ["reconcile", "destroy"])
def test_C10_5_a_full_disk_keeps_no_machine_alive(tmp_path: Path, verb: str) -> None:
    async def tell(healthy: Shop) -> None:
        shop = on_a_bad_disk(healthy)
        await shop.apply()
        shop.files.full = True
        if verb == "reconcile":
            await shop.wait(4 * HOUR)
            result = await shop.reconcile()
        else:
            result = await shop.destroy("fleet.dev")
        await shop.wait(MINUTE)
        assert shop.alive() == ()
        assert result.code is ExitCode.UNEXPECTED
        assert any("could not be saved" in line for line in result.warnings)
        shop.files.full = False
        for _ in range(4):
            await shop.reconcile()
            await shop.wait(MINUTE)
        assert shop.state().instances == {}

    story(tmp_path, tell)


class FullDisk(BadDisk):
    def write(self, descriptor: int, data: memoryview) -> int:
        if self.full:
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().write(descriptor, data)


def test_C10_5_a_disk_too_full_for_the_lock_keeps_no_machine_alive(tmp_path: Path) -> None:
    async def tell(healthy: Shop) -> None:
        shop = on_a_bad_disk(healthy)
        shop.files = FullDisk()
        await shop.apply()
        await shop.wait(4 * HOUR)
        shop.files.full = True
        await shop.reconcile()
        await shop.wait(MINUTE)
        assert shop.alive() == ()

    story(tmp_path, tell)


def test_C10_5_a_full_disk_buys_nothing(tmp_path: Path) -> None:
    async def tell(healthy: Shop) -> None:
        shop = on_a_bad_disk(healthy)
        shop.files.full = True
        result = await shop.apply()
        assert result.code is ExitCode.UNEXPECTED
        assert "not started" in " ".join(one.detail for one in result.outcomes)
        assert shop.sent("create_instance") == 0

    story(tmp_path, tell)


def test_C4_15_a_create_that_cannot_even_start_holds_up_no_destroy(tmp_path: Path) -> None:
    secret = "  lab:\n    resources: {gpu: RTX4090}\n    ttl: 8h\n    env: {KEY: '${env:KEY}'}\n"

    async def tell(shop: Shop) -> None:
        await shop.apply(nodes(12))
        await shop.wait(4 * HOUR)
        result = await shop.apply(nodes(12) + secret, max_destroy=20)
        assert result.code is ExitCode.CREDENTIALS
        assert shop.alive() == ()
        assert shop.state().instances == {}

    story(tmp_path, tell, *several_offers(14), settings=SLOW)


def test_a_machine_that_failed_and_was_destroyed_is_no_success(tmp_path: Path) -> None:
    async def tell(shop: Shop) -> None:
        result = await shop.apply()
        assert result.code is ExitCode.PARTIAL
        assert shop.alive() == ()

    failing = MarketSettings(
        price_swing_percent=0, others_rent_percent=0, spot_life=None, boot_failure_percent=100
    )
    story(tmp_path, tell, settings=failing)


def test_I8_what_another_run_has_proven_gone_is_not_destroyed_any_more(tmp_path: Path) -> None:
    """Without the lock, while it waits for ready; the id may be another's by the time it fails."""

    async def tell(shop: Shop) -> None:
        reads = []

        def hook(call: Call) -> Fault | None:
            if call.operation == "get_instance":
                reads.append(call)
            if len(reads) == 2:
                place = LocalFile(tmp_path / "state" / "demo.json", "demo", lambda: shop.now)
                found = stored(tmp_path)
                place.write(found.with_(instances={}), expected_serial=found.serial)
            return None

        shop.provider._fault_hook = hook
        await shop.apply()
        assert len(reads) > 2
        assert shop.sent("destroy_instance") == 0

    failing = MarketSettings(
        price_swing_percent=0, others_rent_percent=0, spot_life=None, boot_failure_percent=100
    )
    story(tmp_path, tell, settings=failing)


def test_I9_a_pass_that_heals_does_not_wait_for_ready(tmp_path: Path) -> None:
    """Half an hour of waiting would find another fleet's end half an hour late."""

    async def tell(shop: Shop) -> None:
        await shop.apply()
        shop.world.stop(shop.alive()[0].id, shop.now)
        await shop.wait(MINUTE)
        before = shop.now
        await shop.reconcile(heal=True)
        assert shop.sent("create_instance") == 2
        assert shop.now - before < MINUTE

    story(tmp_path, tell)


def test_C1_17_a_machine_that_no_listing_showed_in_time_is_doomed_when_it_appears(
    tmp_path: Path,
) -> None:
    async def tell(shop: Shop) -> None:
        operation, fault = CATALOGUE["C1.17"]
        shop.world.script_fault(fault, operation, times=1)
        await shop.apply(options={"detach": True})
        for _ in range(4):
            await shop.wait(MINUTE)
            await shop.apply(options={"detach": True})
        assert len(shop.alive()) == 2
        await shop.wait(10 * MINUTE)
        await shop.reconcile()
        await shop.wait(MINUTE)
        wanted = [one.mark for one in shop.state().instances.values() if one.doom is None]
        assert [one.label for one in shop.alive()] == wanted

    story(tmp_path, tell)


def test_I14_heal_buys_nothing_on_another_account(tmp_path: Path) -> None:
    async def tell(shop: Shop) -> None:
        await shop.apply(nodes(2))
        lost = shop.alive()[0]
        shop.world.destroy(lost.id, shop.now)
        for _ in range(4):
            await shop.wait(MINUTE)
            await shop.reconcile()
        assert len(shop.state().instances) == 1
        shop.provider.account = "sim-somebody-else"
        await shop.reconcile(heal=True)
        assert shop.sent("create_instance") == 2

    story(tmp_path, tell)
